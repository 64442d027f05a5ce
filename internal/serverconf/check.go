package serverconf

import (
	"math"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// minControlLine leaves room for the smallest possible JWT of a user.
const minControlLine = 1024

// checker collects problems.
type checker struct{ problems []Problem }

func (c *checker) add(at Path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: at, Text: secret.Sprintf(format, args...)})
}

// CheckFields checks each field on its own and returns the problems. Empty fields are skipped, so it also works for a
// configuration that is not fully known yet.
func (c Config) CheckFields() []Problem {
	ch := &checker{}
	ch.listen(Path{"listen"}, c.Listen)
	ch.advertise(Path{"client_advertise"}, c.ClientAdvertise)
	ch.listen(Path{"http"}, c.HTTP)
	ch.name(Path{"server_name"}, c.ServerName)
	for i, tag := range c.Tags {
		ch.tag(Path{"tags", Index(i)}, tag)
		if tag != "" && slices.Contains(lower(c.Tags[:i]), strings.ToLower(tag)) {
			ch.add(Path{"tags", Index(i)}, "%q is a duplicate: the server ignores case in tags", tag)
		}
	}
	ch.between(Path{"max_payload"}, c.MaxPayload, 1, math.MaxInt32, "bytes")
	ch.between(Path{"max_control_line"}, c.MaxControlLine, minControlLine, math.MaxInt32, "bytes")
	ch.between(Path{"max_connections"}, c.MaxConnections, 1, math.MaxInt32, "connections")
	ch.positive(Path{"write_deadline"}, c.WriteDeadline)
	ch.file(Path{"log_file"}, c.LogFile)
	ch.file(Path{"pid_file"}, c.PIDFile)
	if c.JetStream != nil {
		ch.jetStream(c.JetStream)
	}
	if c.TLS != nil {
		ch.tls(Path{"tls"}, c.TLS)
	}
	if c.Cluster != nil {
		ch.cluster(c.Cluster)
	}
	ch.operator(c.Operator)
	ch.accountKey(Path{"system_account"}, c.SystemAccount)
	if c.Resolver != nil {
		ch.resolver(c.Resolver)
	}
	return ch.problems
}

func (c *checker) jetStream(js *JetStream) {
	at := Path{"jetstream"}
	c.file(at.At("store_dir"), js.StoreDir)
	c.name(at.At("domain"), js.Domain)
	if strings.ContainsAny(js.Domain, ".*>") {
		c.add(at.At("domain"), "%q must be a single subject token and must not contain . * or >", js.Domain)
	}
	c.between(at.At("max_memory_store"), js.MaxMemoryStore, 0, math.MaxInt64, "bytes")
	c.between(at.At("max_file_store"), js.MaxFileStore, 1, math.MaxInt64, "bytes")
	if js.SyncInterval != "" && js.SyncInterval != SyncAlways {
		if d, err := time.ParseDuration(js.SyncInterval); err != nil || d <= 0 {
			c.add(at.At("sync_interval"), `%q must be %q or a positive duration, for example "2m"`, js.SyncInterval,
				SyncAlways)
		}
	}
	if c.isLiteral(at.At("unique_tag"), js.UniqueTag) {
		c.tag(at.At("unique_tag"), js.UniqueTag)
	}
	if limits := js.Limits; limits != nil {
		at := at.At("limits")
		c.limit(at.At("max_ack_pending"), limits.MaxAckPending)
		c.limit(at.At("default_max_consumers"), limits.DefaultMaxConsumers)
		c.between(at.At("max_ha_assets"), limits.MaxHAAssets, 1, math.MaxInt32, "streams and consumers")
		c.between(at.At("max_request_batch"), limits.MaxRequestBatch, 1, math.MaxInt32, "messages")
		c.positive(at.At("duplicate_window"), limits.DuplicateWindow)
	}
}

func (c *checker) tls(at Path, t *TLS) {
	c.file(at.At("cert_file"), t.CertFile)
	c.file(at.At("key_file"), t.KeyFile)
	c.file(at.At("ca_file"), t.CAFile)
	switch t.HandshakeFirst {
	case "", "true", "false", "auto":
	default:
		if d, err := time.ParseDuration(t.HandshakeFirst); err != nil || d <= 0 {
			c.add(at.At("handshake_first"), `%q must be "true", "false", "auto" or a positive duration, for example `+
				`"50ms"`, t.HandshakeFirst)
		}
	}
	if t.MinVersion != "" && t.MinVersion != "1.2" && t.MinVersion != "1.3" {
		c.add(at.At("min_version"), `%q must be "1.2" or "1.3", the TLS versions that the server supports`,
			t.MinVersion)
	}
	c.positive(at.At("timeout"), t.Timeout)
}

func (c *checker) cluster(cluster *Cluster) {
	at := Path{"cluster"}
	c.name(at.At("name"), cluster.Name)
	if cluster.Name == "_" {
		c.add(at.At("name"), "the server reserves this name: choose another one")
	}
	c.listen(at.At("listen"), cluster.Listen)
	c.advertise(at.At("advertise"), cluster.Advertise)
	if cluster.TLS != nil {
		c.tls(at.At("tls"), cluster.TLS)
	}
	for i, route := range cluster.Routes {
		if route == "" {
			continue
		}
		c.route(at.At("routes", Index(i)), route)
		if slices.Contains(cluster.Routes[:i], route) {
			c.add(at.At("routes", Index(i)), "this route is a duplicate: remove it")
		}
	}
}

// route requires nats://host:port. A route with a password is not quoted.
func (c *checker) route(at Path, route string) {
	if c.isExpanded(at, route) {
		return
	}
	u, err := url.Parse(route)
	switch {
	case err != nil || u.Host == "":
		c.add(at, `it must be a URL, for example "nats://nats-1.example.com:6222"`)
	case u.User != nil:
		c.add(at, "a user or password would be stored in the state: remove it and authenticate the cluster's "+
			"servers by certificates (cluster.tls)")
	case u.Scheme != "nats" && u.Scheme != "nats-route" && u.Scheme != "tls":
		c.add(at, `%q is not a valid scheme for a route: use nats://%s`, u.Scheme, u.Host)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(route, "?#"):
		c.add(at, "a route consists of a scheme, a host and a port only: use %s://%s", u.Scheme, u.Host)
	case u.Port() == "":
		c.add(at, "the port is missing and has no default: use %s://%s:6222 if the cluster listens "+
			"on that port", u.Scheme, u.Host)
	default:
		c.address(at, u.Host, u.Hostname(), u.Port())
	}
}

func (c *checker) resolver(r *Resolver) {
	at := Path{"resolver"}
	if r.Type != "" && !slices.Contains(resolverTypes, r.Type) {
		c.add(at.At("type"), `%q is not a resolver type: use "full", "cache" or "memory"`, r.Type)
	}
	c.file(at.At("dir"), r.Dir)
	c.positive(at.At("interval"), r.Interval)
	c.between(at.At("limit"), r.Limit, 1, math.MaxInt64, "accounts")
	c.positive(at.At("ttl"), r.TTL)
	c.positive(at.At("timeout"), r.Timeout)
	c.preload(r.Preload)
}

// listen requires host:port.
func (c *checker) listen(at Path, address string) {
	if address == "" || c.isExpanded(at, address) {
		return
	}
	address = withHost(address)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		c.add(at, `%q must be host:port, for example "0.0.0.0:4222" or "[::1]:4222"`, address)
		return
	}
	if host == "" {
		host = "0.0.0.0"
	}
	c.address(at, address, host, port)
}

// advertise requires a host with an optional port.
func (c *checker) advertise(at Path, address string) {
	if address == "" || c.isExpanded(at, address) {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), "4222"
	}
	c.address(at, address, host, port)
}

// hostName matches an IP address or a DNS name, which may contain underscores in private networks.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

func (c *checker) address(at Path, address, host, port string) {
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > math.MaxUint16 || port != strconv.Itoa(n) {
		c.add(at, "%q must end with a port from 1 to 65535", address)
	}
	if net.ParseIP(host) == nil && !hostName.MatchString(host) {
		c.add(at, "%q must start with an IP address or a host name", address)
	}
}

// name requires a single word in the server's protocol.
func (c *checker) name(at Path, name string) {
	if !c.isExpanded(at, name) && strings.ContainsFunc(name, notInNames) {
		c.add(at, "%q contains a space or a non-printable character: use - instead", name)
	}
}

func notInNames(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || invisible.Is(r) }

func (c *checker) tag(at Path, tag string) {
	if !c.isExpanded(at, tag) && strings.ContainsFunc(tag, notInNames) {
		c.add(at, "%q contains a space or a non-printable character, so no stream can be placed by it: remove it", tag)
	}
}

// windows matches the start of an absolute path on Windows.
var windows = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// file requires an absolute path on the server, whose operating system may differ from that of this machine.
func (c *checker) file(at Path, file string) {
	switch what := secret.What(file); {
	case what != "":
		c.add(at, "it is %s and not a path: write that to a file on the server and set the absolute path of the file",
			what)
	case file == "" || c.isExpanded(at, file) || windows.MatchString(file):
	case strings.HasPrefix(file, "~"):
		c.add(at, "%q starts with ~, which the server does not expand: use the absolute path", file)
	case !path.IsAbs(file):
		c.add(at, "%q is not an absolute path: the server would resolve it against its working directory", file)
	case strings.ContainsRune(file, 0):
		c.add(at, "a path cannot contain a NUL character")
	case strings.HasSuffix(file, "/..") || strings.Contains(file, "/../"):
		c.add(at, `%q contains "..": use %q`, file, path.Clean(file))
	}
}

func (c *checker) between(at Path, value *int64, least, most int64, what string) {
	switch {
	case value == nil:
	case *value == -1:
		c.add(at, "-1 is not a valid number of %s: omit it to use the server's default", what)
	case *value < least:
		c.add(at, "%d is not a valid number of %s: it must be at least %d", *value, what, least)
	case *value > most:
		c.add(at, "%d is not a valid number of %s: it must be at most %d", *value, what, most)
	}
}

// limit accepts -1 for no limit, but not 0, which means the server's default.
func (c *checker) limit(at Path, value *int64) {
	if value != nil && (*value < -1 || *value == 0 || *value > math.MaxInt32) {
		c.add(at, "%d is not a valid limit: use 1 or more, -1 for no limit, or omit it to use the server's default",
			*value)
	}
}

func (c *checker) positive(at Path, value time.Duration) {
	if value < 0 {
		c.add(at, "%s must be positive", value)
	}
}

func lower(texts []string) []string {
	lowered := make([]string, len(texts))
	for i, text := range texts {
		lowered[i] = strings.ToLower(text)
	}
	return lowered
}
