package kine

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Inspection is what KINE makes of a datastore endpoint. Nothing in it is secret.
type Inspection struct {
	// Error is why KINE refuses the endpoint before it connects, "" if it does not. The rest then tells how far it came.
	Error string
	// Servers are those that KINE connects to, as nats://host[:port]; none with a context file, which says them.
	Servers []string
	// Spec is the bucket that KINE asks for, and makes if it is not there; zero if the endpoint is such that nobody can tell
	// which part of it is secret.
	Spec Spec
	// SlowMethod is the time after which KINE logs a call as slow.
	SlowMethod time.Duration
	// Authentication is how KINE authenticates: one of the constants below.
	Authentication string
	// User is the user that KINE sends, as it stands in the URL.
	User                         string
	CredentialsFile, ContextFile string
	Embedded                     Embedded
	// Redacted is the endpoint without user, password or token, "" if nobody can tell where these end.
	Redacted string
	// Warnings are what KINE ignores, misreads or sends in another form, each a sentence.
	Warnings []string
}

// The ways to authenticate.
const (
	AuthNone            = "none"
	AuthUser            = "user"
	AuthToken           = "token"
	AuthCredentialsFile = "credentials_file"
	AuthContextFile     = "context_file"
)

// Embedded is what a build of KINE with an embedded NATS server makes of an endpoint. That of k3s has none.
type Embedded struct {
	// Disabled keeps the server from being started.
	Disabled               bool
	ServerConfig, DataDir  string
	DontListen, LogsStdout bool
	// Host and Port are what the server listens on; an empty host is any address, port 0 a random one.
	Host string
	Port int
}

// defaultSlowMethod is KINE's.
const defaultSlowMethod = 500 * time.Millisecond

// legacyPrefix chooses KINE's old driver.
const legacyPrefix = "jetstream://"

// embeddedParameters are those that builds with an embedded server read too, and flags the parameters that count by being
// there.
var (
	embeddedParameters = []string{"dataDir", "dontListen", "serverConfig", "stdoutLogging"}
	flags              = []string{"dontListen", "noEmbed", "stdoutLogging"}
)

// InspectEndpoint tells what KINE makes of a datastore endpoint, whatever it is. It follows parseConnection in KINE's
// pkg/drivers/nats/config.go, which [ParseEndpoint] only does for endpoints that KINE reads to the last detail.
func InspectEndpoint(text string) Inspection {
	in := inspector{Inspection: Inspection{
		Spec: Spec{Name: DefaultBucket, History: DefaultHistory, Replicas: DefaultReplicas}, SlowMethod: defaultSlowMethod,
		Authentication: AuthNone,
	}}
	in.inspect(text)
	return in.Inspection
}

type inspector struct {
	Inspection
	// legacy tells whether the endpoint is for KINE's old driver.
	legacy bool
}

// refuse notes why KINE does not take the endpoint.
func (in *inspector) refuse(format string, args ...any) {
	if in.Error == "" {
		in.Error = fmt.Sprintf(format, args...)
	}
}

func (in *inspector) warn(format string, args ...any) {
	in.Warnings = append(in.Warnings, fmt.Sprintf(format, args...))
}

func (in *inspector) inspect(text string) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok || scheme != "nats" && scheme != "jetstream":
		in.refuse("KINE has no driver for an endpoint that does not begin with nats://")
		return
	case scheme == "jetstream":
		in.legacy = true
		in.warn("The prefix jetstream:// is that of an old driver, which starts no embedded server whatever the parameters say. Write nats:// alone.")
		// The driver gets what follows, and reads that as a URL.
		if text = rest; !strings.HasPrefix(text, "nats://") {
			in.refuse("after jetstream://, KINE wants a whole URL, as in jetstream://nats://host")
			return
		}
	}

	parts := strings.Split(text, ",")
	urls := make([]*url.URL, len(parts))
	for i, part := range parts {
		// Whoever forgets to encode a password puts its rest where another part of the endpoint is expected. Then nobody can tell
		// what is secret, and nothing is shown.
		u, err := url.Parse(part)
		if err != nil {
			in.refuse("URL %d of the endpoint cannot be read: special characters have to be percent-encoded, a comma in a password too", i+1)
			return
		}
		if u.Scheme != "nats" {
			in.refuse("what follows the comma before URL %d is no URL that begins with nats://: a comma in a password has to be percent-encoded", i+1)
			return
		}
		_, tail, _ := strings.Cut(part, "://")
		if end := strings.IndexAny(tail, "/?#"); end >= 0 && strings.Contains(tail[end:], "@") {
			in.warn("URL %d has an @ that does not end its credentials, so what KINE reads as its host or parameters may be a part of a password, and "+
				"nothing of it is shown. An @ elsewhere, and special characters in a password, have to be percent-encoded.", i+1)
			in.Spec = Spec{}
			return
		}
		urls[i] = u
	}
	in.Redacted = redactURLs(urls)
	if in.legacy {
		in.Redacted = legacyPrefix + in.Redacted
	}
	params, err := url.ParseQuery(urls[0].RawQuery)
	if err != nil {
		in.refuse("the parameters of the endpoint cannot be read: special characters have to be percent-encoded")
		return
	}
	in.readParams(urls[0], params)
	if in.Error == "" {
		in.readServers(urls)
	}
}

// redactURLs joins the URLs without their users, passwords and tokens. One may also stand in a parameter, which KINE then ignores:
// nothing is shown of the values of those that it does not know.
func redactURLs(urls []*url.URL) string {
	texts := make([]string, len(urls))
	for i, u := range urls {
		rest := *u
		rest.Scheme, rest.User, rest.Host = "", nil, ""
		rest.RawQuery = redactQuery(u.RawQuery)
		texts[i] = "nats://" + u.Host + rest.String()
		if u.User != nil {
			texts[i] = "nats://" + redactedUser + "@" + u.Host + rest.String()
		}
	}
	return strings.Join(texts, ",")
}

// redactQuery replaces the values of parameters that KINE does not know.
func redactQuery(query string) string {
	params := strings.Split(query, "&")
	for i, param := range params {
		name, _, _ := strings.Cut(param, "=")
		if !slices.Contains(parameters, name) && !slices.Contains(embeddedParameters, name) && name != param {
			params[i] = name + "=" + redactedUser
		}
	}
	return strings.Join(params, "&")
}

// readParams reads the parameters of the first URL, the only ones that KINE reads.
func (in *inspector) readParams(first *url.URL, params url.Values) {
	if strings.Contains(first.RawQuery, "+") {
		in.warn("KINE reads a + among the parameters as a space. Write %%2B or %%20.")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		flag := slices.Contains(flags, name)
		switch {
		case !slices.Contains(parameters, name) && !slices.Contains(embeddedParameters, name):
			in.warn("KINE ignores the parameter %q. It knows %s, and with an embedded server %s.", name, strings.Join(parameters, ", "),
				strings.Join(embeddedParameters, ", "))
			continue
		case len(params[name]) > 1:
			in.warn("The parameter %s is there %d times, and KINE reads the first. Give it once.", name, len(params[name]))
		case !flag && params.Get(name) == "":
			in.warn("The parameter %s is empty, for which KINE takes its default. Leave it out, or give a value.", name)
		}
		if value := params.Get(name); flag && value != "" && value != "true" {
			in.warn("KINE takes %s for true whatever its value is. Leave it out if it is not meant.", name)
		}
	}
	if name := params.Get("bucket"); name != "" {
		in.Spec.Name = name
		if err := CheckBucket(name); err != nil {
			in.warn("The server refuses the bucket: %v. Give another name.", err)
		}
	}
	in.Spec.Replicas = int(in.number(params, "replicas", MinReplicas, MaxReplicas, DefaultReplicas))
	in.Spec.History = in.number(params, "revHistory", MinHistory, MaxHistory, DefaultHistory)
	if text := params.Get("slowMethod"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			in.refuse("the parameter slowMethod is no duration such as 500ms")
		} else if in.SlowMethod = d; d <= 0 {
			in.warn("The parameter slowMethod is not above zero, so KINE logs every call as slow. Give a duration such as 500ms.")
		}
	}
	in.CredentialsFile, in.ContextFile = params.Get("credsFile"), params.Get("contextFile")
	for _, file := range []string{in.CredentialsFile, in.ContextFile} {
		if problem := checkNodePath(file); file != "" && problem != "" {
			in.warn("About a file: %s. Give its absolute path on the node.", problem)
		}
	}
	if problem := checkVariable(in.CredentialsFile); problem != "" {
		in.warn("About a file: %s. Give the file a name, and its directories, without one.", problem)
	}
	in.readEmbedded(first, params)
}

// number reads a number as KINE does, which takes the default for what it cannot read.
func (in *inspector) number(params url.Values, name string, least, most, otherwise int64) int64 {
	text := params.Get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 8)
	switch {
	case err != nil:
		in.warn("The parameter %s is no whole number from 0 to 255, for which KINE takes its default, %d. Give a number from %d to %d.",
			name, otherwise, least, most)
		return otherwise
	case int64(n) < least || int64(n) > most: //nolint:gosec // eight bits
		in.refuse("the parameter %s is %d, and KINE takes %d to %d", name, n, least, most)
	}
	return int64(n) //nolint:gosec // eight bits
}

// readEmbedded reads what is for builds with an embedded server.
func (in *inspector) readEmbedded(first *url.URL, params url.Values) {
	port, _ := strconv.Atoi(first.Port()) // as KINE does, for which no number is no port
	in.Embedded = Embedded{
		Disabled: params.Has("noEmbed"), ServerConfig: params.Get("serverConfig"), DataDir: params.Get("dataDir"),
		DontListen: params.Has("dontListen"), LogsStdout: params.Has("stdoutLogging"), Host: first.Hostname(), Port: port,
	}
	configured := slices.ContainsFunc(embeddedParameters, params.Has)
	switch {
	case in.legacy:
		in.Embedded.Disabled = true
	case in.Embedded.Disabled && configured:
		in.warn("The embedded server's parameters (%s) are ignored beside noEmbed. Leave them or it out.", strings.Join(embeddedParameters, ", "))
	case configured:
		in.warn("The KINE of k3s has no embedded server and ignores %s. It takes one with such a server, as k0s has.",
			strings.Join(embeddedParameters, ", "))
	case !in.Embedded.Disabled:
		in.warn("Without noEmbed, a KINE with an embedded NATS server, such as that of k0s, starts one and ignores the servers. Add noEmbed=true for " +
			"servers of your own.")
	}
	if !in.Embedded.Disabled && in.Embedded.ServerConfig != "" && port == 0 && !in.Embedded.DontListen {
		in.warn("Without a port in the URL, an embedded server listens on a random one, even if serverConfig has another. Give the port in the URL.")
	}
}

// readServers reads where KINE connects, and as whom.
func (in *inspector) readServers(urls []*url.URL) {
	first := urls[0]
	for i, u := range urls {
		if u.Path != "" || u.Fragment != "" {
			in.warn("KINE ignores the path or fragment of URL %d. Leave it out.", i+1)
		}
		if i > 0 && (u.User != nil || u.RawQuery != "") {
			in.warn("KINE ignores the credentials and parameters of URL %d: it reads those of the first alone. Put them there.", i+1)
		}
	}
	if in.ContextFile != "" {
		in.Authentication = AuthContextFile
		if first.Host != "" {
			in.refuse("KINE takes no host beside a contextFile, which says the servers")
		}
		if first.User != nil || len(urls) > 1 || in.CredentialsFile != "" {
			in.warn("The context file says servers and credentials, and what the endpoint says of them beside it is ignored or in its way. Leave that out.")
		}
		return
	}

	for i, u := range urls {
		server := "nats://" + u.Host
		if strings.Contains(u.Host, "%") {
			in.refuse("the address of URL %d has a zone, which the NATS client of KINE cannot read", i+1)
		}
		if slices.Contains(in.Servers, server) {
			in.warn("URL %d has the same server as another one. Give each once.", i+1)
		}
		in.Servers = append(in.Servers, server)
		if _, problem, remedy := parseEndpointServer(server); u.Host == "" {
			in.warn("URL %d has no host, so KINE connects to port 4222 of its own machine. Give the host.", i+1)
		} else if problem != "" {
			in.warn("Of URL %d: %s. %s", i+1, problem, remedy)
		}
	}
	in.readUser(first.User)
	if in.CredentialsFile != "" {
		if in.Authentication != AuthNone {
			in.warn("The endpoint has credentials in its URL and a credsFile, of which the server ignores one. Give one of them.")
		}
		in.Authentication = AuthCredentialsFile
	}
}

// readUser reads the credentials in the URL, which KINE sends as the URL encodes them.
func (in *inspector) readUser(info *url.Userinfo) {
	if info == nil {
		return
	}
	user, password, isUser := strings.Cut(info.String(), ":")
	decoded, _ := info.Password()
	switch {
	case isUser:
		in.Authentication, in.User = AuthUser, user
		if password == "" || user == "" {
			in.warn("The endpoint has a user or a password alone, and KINE sends the other one empty. Give both.")
		}
	case user == "":
		in.warn("There is an @ without a user or a token before it, so KINE sends none. Give one, or leave the @ out.")
		return
	default:
		in.Authentication = AuthToken
	}
	if !safeUserInfo(info.Username()) || !safeUserInfo(decoded) {
		in.warn("The user, password or token has characters that KINE sends percent-encoded, so the server refuses them. Letters, digits and %s are "+
			"safe; others belong in a credentials file or a context file.", SafeUserInfo)
	}
}
