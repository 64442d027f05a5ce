package natsconn

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Environment variables of the provider. They are the variables of the NATS CLI, plus NATS_TOKEN.
const (
	EnvURL      = "NATS_URL"
	EnvContext  = "NATS_CONTEXT"
	EnvCreds    = "NATS_CREDS"
	EnvUser     = "NATS_USER"
	EnvPassword = "NATS_PASSWORD"
	EnvToken    = "NATS_TOKEN"
	EnvNKey     = "NATS_NKEY"
	EnvCA       = "NATS_CA"
	EnvCert     = "NATS_CERT"
	EnvKey      = "NATS_KEY"
)

// ErrNoServers is returned when no server is configured anywhere.
var ErrNoServers = errors.New("no NATS server is configured")

// Environment returns the value of an environment variable, for example [os.Getenv].
type Environment func(name string) string

// resolved is the result of combining Settings, the environment and contexts.
type resolved struct {
	options nats.Options
	domain  string
	// auth, authority and certificate are true if these groups are settled. The other groups show it by their values.
	auth, authority, certificate bool
	// authSource is the source of the way to authenticate.
	authSource string
	// replaced is true if the way to authenticate is replaced later. The files of a source's own way are then not read.
	replaced bool
}

// resolve takes every group of settings (servers, authentication, certificate authority, client certificate, domain)
// from its first source in this order: the settings themselves, the context that they name, the environment, and the
// context that the environment names or that is selected in the NATS CLI. It ignores the last source if the first two
// have servers and a way to authenticate, and the last two sources if env is nil. It reads context files and PEM files,
// and does not connect.
func (s Settings) resolve(env Environment) (*resolved, error) {
	r := &resolved{options: nats.GetDefaultOptions(), replaced: s.as != nil || s.minted != nil}
	if err := r.addSettings(s, s.Auth.source(attributeNames), "servers"); err != nil {
		return nil, err
	}
	if err := r.addContext(s.Context); err != nil {
		return nil, err
	}
	if env != nil {
		// Complete settings do not need a context that they do not name.
		complete := len(r.options.Servers) > 0 && r.auth
		if what := secret.Kind(env(EnvURL)); len(r.options.Servers) == 0 && (what.Secret() || what.Token()) {
			return nil, fmt.Errorf("%s in the environment: it is %s and not a list of URLs", EnvURL, what)
		}
		said := r.withoutSettled(environmentSettings(env))
		if err := r.addSettings(said, variable(said.Auth.source(environmentNames)), variable(EnvURL)); err != nil {
			return nil, fmt.Errorf("from the environment: %w", err)
		}
		if s.Context == "" && !complete {
			if err := r.addContext(cmp.Or(env(EnvContext), natscontext.SelectedContext())); err != nil {
				return nil, err
			}
		}
	}
	if len(r.options.Servers) == 0 {
		return nil, ErrNoServers
	}
	source := nats.Options{}
	switch {
	case s.as != nil:
		if err := s.as.apply(&source); err != nil {
			return nil, from(s.asSource, err)
		}
	case s.minted != nil:
		source.UserJWT, source.SignatureCB = s.minted.Token, s.minted.Sign
	default:
		return r, nil
	}
	return r, r.replaceAuth(source, s.asSource)
}

// replaceAuth replaces the way to authenticate, including the inbox prefix and credentials in URLs, with that of
// another source.
func (r *resolved) replaceAuth(source nats.Options, from string) error {
	o := &r.options
	o.User, o.Password, o.Token, o.Nkey, o.UserJWT, o.SignatureCB, o.InboxPrefix = "", "", "", "", nil, nil, ""
	for i, server := range o.Servers {
		_, bare, err := splitUser(server)
		if err != nil {
			return err
		}
		o.Servers[i] = bare.String()
	}
	r.auth, r.authSource = false, ""
	r.addAuth(source, from)
	return nil
}

// environmentSettings reads the settings from the environment.
func environmentSettings(env Environment) Settings {
	return Settings{
		Servers: splitServers(env(EnvURL)),
		Auth: Auth{
			CredentialsFile: env(EnvCreds), User: env(EnvUser), Password: env(EnvPassword),
			Token: env(EnvToken), NKeyFile: env(EnvNKey),
		},
		TLS: TLS{CAFile: env(EnvCA), CertFile: env(EnvCert), KeyFile: env(EnvKey)},
	}
}

// splitServers splits a comma-separated list of URLs, as used by the NATS CLI.
func splitServers(list string) []string {
	var servers []string
	for server := range strings.SplitSeq(list, ",") {
		if server = strings.TrimSpace(server); server != "" {
			servers = append(servers, server)
		}
	}
	return servers
}

// withoutSettled removes the groups that are already settled, so that their files may be missing.
func (r *resolved) withoutSettled(s Settings) Settings {
	if len(r.options.Servers) > 0 {
		s.Servers = nil
	}
	if r.auth {
		s.Auth = Auth{}
	}
	if r.authority {
		s.TLS.CAFile, s.TLS.CAPEM = "", ""
	}
	if r.certificate {
		s.TLS.CertFile, s.TLS.CertPEM, s.TLS.KeyFile, s.TLS.KeyPEM = "", "", "", ""
	}
	return s
}

// addSettings adds settings as a source. authSource and serversSource describe where their credentials and servers come
// from.
func (r *resolved) addSettings(s Settings, authSource, serversSource string) error {
	source := nats.Options{Servers: s.Servers}
	if r.replaced && len(s.Auth.methods()) > 0 {
		s.Auth = Auth{Token: "replaced"}
	}
	if err := s.Auth.apply(&source); err != nil {
		return from(strings.TrimSuffix(authSource, inEnvironment), err)
	}
	if err := s.TLS.apply(&source); err != nil {
		return err
	}
	return r.add(source, s.Domain, cmp.Or(authSource, "the URL in "+serversSource))
}

// from adds the source, if known, to an error about credentials.
func from(source string, err error) error {
	if source == "" {
		return err
	}
	return fmt.Errorf("%s: %w", source, err)
}

// addContext adds a NATS CLI context as a source. An empty name adds none.
func (r *resolved) addContext(name string) error {
	if name == "" {
		return nil
	}
	if what := secret.What(name); what != "" {
		return fmt.Errorf("the NATS context: it is %s, and neither the name of a context nor the path of its file", what)
	}
	source, domain, err := readContext(name, r.domain != "")
	if err == nil {
		err = r.add(source, domain, secret.Sprintf("the NATS context %q", name))
	}
	if err != nil {
		return secret.Errorf("NATS context %q: %w", name, err)
	}
	return nil
}

// add uses each group of a source that no earlier source has settled.
func (r *resolved) add(source nats.Options, domain, authSource string) error {
	o := &r.options
	if o.TLSConfig == nil {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if source.TLSConfig == nil {
		source.TLSConfig = &tls.Config{}
	}
	r.addAuth(source, authSource)
	if err := r.addServers(source, authSource); err != nil {
		return err
	}
	if pool := source.TLSConfig.RootCAs; !r.authority && (pool != nil || source.RootCAsCB != nil) {
		r.authority = true
		o.RootCAsCB, o.TLSConfig.RootCAs, o.Secure = source.RootCAsCB, pool, true
	}
	if c := source.TLSConfig; !r.certificate &&
		(source.TLSCertCB != nil || c.Certificates != nil || c.GetClientCertificate != nil) {
		r.certificate = true
		o.TLSCertCB, o.TLSConfig.Certificates, o.TLSConfig.GetClientCertificate = source.TLSCertCB, c.Certificates, c.GetClientCertificate
		o.Secure = true
	}
	r.domain = cmp.Or(r.domain, domain)
	return nil
}

// addAuth uses the way to authenticate and the inbox prefix, which depends on the user's permissions.
func (r *resolved) addAuth(source nats.Options, from string) {
	if r.auth {
		return
	}
	o := &r.options
	o.InboxPrefix = cmp.Or(o.InboxPrefix, source.InboxPrefix)
	if source.User == "" && source.Password == "" && source.Token == "" && source.Nkey == "" && source.UserJWT == nil {
		return
	}
	r.auth, r.authSource = true, from
	o.User, o.Password, o.Token = source.User, source.Password, source.Token
	o.Nkey = source.Nkey
	if token := source.UserJWT; token != nil {
		o.UserJWT = func() (string, error) { return local(token()) }
	}
	if sign := source.SignatureCB; sign != nil {
		o.SignatureCB = func(nonce []byte) ([]byte, error) { return local(sign(nonce)) }
	}
}

// addServers uses the servers and their TLS and dialer settings. Credentials in their URLs are the way to authenticate
// of this source. It removes them if authentication is already settled, because nats.go would prefer them.
func (r *resolved) addServers(source nats.Options, from string) error {
	o := &r.options
	if len(o.Servers) > 0 {
		return nil
	}
	if source.TLSHandshakeFirst {
		o.TLSHandshakeFirst = true
	}
	if source.CustomDialer != nil {
		o.CustomDialer = source.CustomDialer
	}
	if source.Secure {
		o.Secure = true
	}
	o.TLSConfig.ServerName = cmp.Or(o.TLSConfig.ServerName, source.TLSConfig.ServerName)

	inURL := false
	for _, server := range source.Servers {
		user, server, err := splitUser(server)
		if err != nil {
			return err
		}
		if user != nil && !r.auth {
			inURL = true
			server.User = user
		}
		o.Servers = append(o.Servers, server.String())
	}
	if inURL {
		r.auth, r.authSource = true, from
	}
	return nil
}

// splitUser removes the credentials from a server URL. The error does not contain them.
func splitUser(server string) (*url.Userinfo, *url.URL, error) {
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, nil, errors.New("a server URL cannot be parsed: special characters in credentials must be " +
			"percent-encoded")
	}
	user := u.User
	u.User = nil
	if u, err = ParseServer(u.String()); err != nil {
		return nil, nil, fmt.Errorf("server %s: %w", secret.URL(server), err)
	}
	return user, u, nil
}
