// Package natsconn connects to NATS for the provider. It resolves the settings of the connection, opens a shared
// connection on first use, and sends requests to the JetStream API with errors that name their cause.
package natsconn

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Defaults of the provider's configuration.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultRequestTimeout = 10 * time.Second
)

// Settings describes how to connect to a NATS system. Empty fields fall back to the environment and NATS CLI contexts,
// in the order described at [Settings.resolve].
type Settings struct {
	// Servers are URLs as [ParseServer] accepts them.
	Servers []string
	// Context is the name of a NATS CLI context or the absolute path of a context file.
	Context string
	Auth    Auth
	TLS     TLS
	// Domain is the JetStream domain, empty for the domain of the connected server.
	Domain string
	// ConnectTimeout is the maximum time to connect to one server. Zero means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// RequestTimeout is the maximum time to wait for a response. Zero means DefaultRequestTimeout.
	RequestTimeout time.Duration

	// as replaces the resolved way to authenticate. who describes its user, and asSource its source: see [Client.As].
	as            *Auth
	who, asSource string
	// minted also replaces the way to authenticate, with a user created for the account: see [Client.Accounts].
	minted  Minter
	account string
}

// Auth holds the ways to authenticate. They exclude each other. All fields are secret except User and the paths.
type Auth struct {
	// Credentials is the content of a credentials file: a user JWT and its seed.
	Credentials string
	// CredentialsFile is the path of a credentials file.
	CredentialsFile string
	User, Password  string
	Token           string
	// NKeySeed is the seed of a user key pair (SU...).
	NKeySeed string
	// NKeyFile is the path of a file with such a seed.
	NKeyFile string
}

// methods lists the ways to authenticate that are set.
func (a Auth) methods() []string {
	var set []string
	for name, value := range map[string]string{
		"credentials": a.Credentials, "credentials file": a.CredentialsFile, "user and password": a.User + a.Password,
		"token": a.Token, "nkey seed": a.NKeySeed, "nkey file": a.NKeyFile,
	} {
		if value != "" {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	return set
}

// TLS holds the settings of a TLS connection. The certificate authority, the client certificate and its key are each a
// file or PEM text, but not both.
type TLS struct {
	CAFile, CAPEM     string
	CertFile, CertPEM string
	KeyFile, KeyPEM   string
	// ServerName overrides the host name in the verification of the server's certificate.
	ServerName string
	// HandshakeFirst starts the TLS handshake before the server's INFO line, for servers with handshake_first.
	HandshakeFirst bool
	// Required makes the connection use TLS even if no other field is set.
	Required bool
}

// IsZero reports whether no field is set.
func (t TLS) IsZero() bool { return t == TLS{} }

// ParseServer parses the URL of a NATS server, scheme://host[:port]. The scheme is nats, tls, ws or wss and defaults to
// nats. Credentials, paths and parameters are errors.
func ParseServer(server string) (*url.URL, error) {
	what := secret.Kind(server)
	switch {
	case strings.TrimSpace(server) == "":
		return nil, errors.New("the URL is empty")
	case what.Secret() || what.Token():
		return nil, fmt.Errorf("it is %s and not a URL", what)
	case strings.ContainsAny(server, " \t\r\n"):
		return nil, errors.New("the URL contains white space")
	case strings.Contains(server, ","):
		return nil, errors.New("the URL contains a comma: set each server as a separate element")
	case strings.Contains(server, "@"):
		// Check this before any part is quoted: url.Parse may treat part of a password as a port, a path or parameters.
		return nil, errors.New("the URL contains credentials: use the settings for user and password, token or credentials")
	}
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // without the URL
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	switch {
	case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
		return nil, secret.Errorf("unknown scheme %q: use nats, tls, ws or wss", u.Scheme)
	case u.Path != "" && u.Path != "/" && u.Scheme != "ws" && u.Scheme != "wss":
		return nil, secret.Errorf("the URL has a path %q, which a NATS server does not support", u.Path)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the URL has parameters or a fragment, which a NATS server does not support")
	}
	if err := checkHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

// hostPattern matches a name, an IPv4 address, or the zone of an IPv6 address.
var hostPattern = regexp.MustCompile(`^[\p{L}\p{N}._-]+$`)

// checkHost checks the host and port of a server URL. The host is required, an IPv6 address must be in brackets, and a
// port must be between 1 and 65535.
func checkHost(u *url.URL) error {
	host := u.Hostname()
	address, zone, zoned := strings.Cut(host, "%")
	colon := strings.Contains(address, ":")
	switch {
	case host == "":
		return errors.New("the URL has no host")
	case colon && (net.ParseIP(address) == nil || !strings.HasPrefix(u.Host, "[")):
		return secret.Errorf("%q is not a host: an IPv6 address must be in brackets, as in [::1]:4222", u.Host)
	case !colon && !hostPattern.MatchString(host), zoned && !hostPattern.MatchString(zone):
		return secret.Errorf("%q is not a host: a name or an address is expected", u.Host)
	case strings.HasSuffix(u.Host, ":"):
		return secret.Errorf("%q has a colon but no port", u.Host)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("port %s is not between 1 and 65535", port)
		}
	}
	return nil
}

// CheckCredentials checks that text is the content of a credentials file: a user JWT and the matching seed. The error
// never contains either of them.
func CheckCredentials(text string) error {
	const what = "not the content of a credentials file: "
	token, err := nkeys.ParseDecoratedJWT([]byte(text))
	if err != nil || token == text {
		return errors.New(what + "there is no JWT between BEGIN and END lines")
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return errors.New(what + "the JWT in it is not a user JWT")
	}
	pair, err := nkeys.ParseDecoratedUserNKey([]byte(text))
	if err != nil {
		return errors.New(what + "the user's seed between its BEGIN and END lines is missing")
	}
	defer pair.Wipe()
	if public, err := pair.PublicKey(); err != nil || public != claims.Subject {
		return errors.New("the JWT and the seed in it do not match")
	}
	return nil
}

// CheckDomain checks the name of a JetStream domain, which must be one token of a subject.
func CheckDomain(domain string) error {
	if domain == "" {
		return errors.New("it is empty: leave it out for the domain of the connected server")
	}
	if err := invisible.Check(domain); err != nil {
		return err
	}
	if what := secret.What(domain); what != "" {
		return fmt.Errorf("it is %s and not a name", what)
	}
	if strings.ContainsAny(domain, " \t\r\n.*>") {
		return secret.Errorf("%q contains white space or one of . * >", domain)
	}
	return nil
}
