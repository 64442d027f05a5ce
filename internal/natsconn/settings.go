// Package natsconn connects to NATS on behalf of the provider: it settles where the connection's settings come from,
// opens one shared connection on first use, and speaks the JetStream API over it with errors that name their cause.
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

// Settings say how to reach a NATS system. What is empty is looked for in the environment and in NATS CLI contexts, in
// the order that [Settings.resolve] describes.
type Settings struct {
	// Servers are URLs as [ParseServer] accepts them.
	Servers []string
	// Context is the name of a NATS CLI context or the absolute path of a context file.
	Context string
	Auth    Auth
	TLS     TLS
	// Domain is the JetStream domain whose API is spoken; empty for the domain of the connected server.
	Domain string
	// ConnectTimeout bounds the attempt to connect to one server; zero for DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// RequestTimeout bounds the wait for one answer of the JetStream API; zero for DefaultRequestTimeout.
	RequestTimeout time.Duration

	// as replaces the way to authenticate that all sources together come to, who says whose it is, and asSource where it comes from: see [Client.As].
	as            *Auth
	who, asSource string
	// minted replaces it too, by a user that is made for the account: see [Client.Accounts].
	minted  Minter
	account string
}

// Auth holds the ways to authenticate, of which one may be set. All of it is secret but User and the paths.
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

// TLS holds what a TLS connection needs beyond the system's certificate authorities. Each of the authority, the client
// certificate and its key is a file or PEM text, not both.
type TLS struct {
	CAFile, CAPEM     string
	CertFile, CertPEM string
	KeyFile, KeyPEM   string
	// ServerName overrides the host name that the server's certificate is checked against.
	ServerName string
	// HandshakeFirst starts TLS before the server's INFO line, for servers with handshake_first set.
	HandshakeFirst bool
	// Required makes the connection use TLS where nothing else here does.
	Required bool
}

// IsZero tells whether nothing about TLS is set.
func (t TLS) IsZero() bool { return t == TLS{} }

// ParseServer reads the URL of a NATS server, scheme://host[:port], with the scheme nats, tls, ws or wss; without a
// scheme nats is meant. Credentials, paths and parameters are errors: they have settings of their own.
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
		return nil, errors.New("the URL contains a comma: give each server as an element of its own")
	case strings.Contains(server, "@"):
		// Before anything is quoted: with an unusual password, url.Parse takes part of it for a port, a path or parameters.
		return nil, errors.New("the URL contains credentials: use the settings for user and password, token or credentials")
	}
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // without the input, which the user sees anyway
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	switch {
	case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
		return nil, secret.Errorf("unknown scheme %q: use nats, tls, ws or wss", u.Scheme)
	case u.Path != "" && u.Path != "/" && u.Scheme != "ws" && u.Scheme != "wss":
		return nil, secret.Errorf("the URL has a path %q: a NATS server has none", u.Path)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the URL has parameters or a fragment: a NATS server URL has none")
	}
	if err := checkHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

// hostPattern is what a name, an IPv4 address, or the zone of an IPv6 address consists of.
var hostPattern = regexp.MustCompile(`^[\p{L}\p{N}._-]+$`)

// checkHost checks the host and port of a server's URL: a host is needed, an IPv6 address stands in brackets, and a
// port is a number from 1 to 65535.
func checkHost(u *url.URL) error {
	host := u.Hostname()
	address, zone, zoned := strings.Cut(host, "%")
	colon := strings.Contains(address, ":")
	switch {
	case host == "":
		return errors.New("the URL has no host")
	case colon && (net.ParseIP(address) == nil || !strings.HasPrefix(u.Host, "[")):
		return secret.Errorf("%q is not a host: an IPv6 address stands in brackets, as in [::1]:4222", u.Host)
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

// CheckCredentials checks that text is the content of a credentials file: a user JWT and the seed of the key pair that it is
// for. The error never contains either.
func CheckCredentials(text string) error {
	const what = "not the content of a credentials file: "
	token, err := nkeys.ParseDecoratedJWT([]byte(text))
	if err != nil || token == text {
		return errors.New(what + "there is no JWT between BEGIN and END lines")
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return errors.New(what + "the JWT in it is not that of a user")
	}
	pair, err := nkeys.ParseDecoratedUserNKey([]byte(text))
	if err != nil {
		return errors.New(what + "the user's seed between its BEGIN and END lines is missing")
	}
	defer pair.Wipe()
	if public, err := pair.PublicKey(); err != nil || public != claims.Subject {
		return errors.New("the JWT and the seed in it do not belong together")
	}
	return nil
}

// CheckDomain checks the name of a JetStream domain, which is one token of a subject.
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
