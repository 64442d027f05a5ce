package natsconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// The variables of the environment that are read, those of the NATS CLI, beside NATS_TOKEN.
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

// Environment looks up a variable of the environment; [os.Getenv] is one.
type Environment func(name string) string

// resolved is what Settings, the environment and contexts add up to.
type resolved struct {
	options nats.Options
	domain  string
}

// resolve settles every group of settings (servers, authentication, certificate authority, client certificate, domain)
// by its first source in this order: the settings themselves, the context that they name, the environment, the context
// that the environment names or else the one that the NATS CLI has selected. Without an environment the last two do not
// count. It reads context files and PEM files, and does not connect.
func (s Settings) resolve(env Environment) (*resolved, error) {
	r := &resolved{options: nats.GetDefaultOptions()}
	if env != nil {
		if err := r.applySurroundings(s, env); err != nil {
			return nil, err
		}
	}
	if err := r.applyContext(s.Context); err != nil {
		return nil, err
	}
	if err := r.apply(s); err != nil {
		return nil, err
	}
	if len(r.options.Servers) == 0 {
		return nil, ErrNoServers
	}
	return r, nil
}

// applySurroundings applies what nobody wrote into the settings: the environment, and the context that it or the NATS CLI
// has chosen.
func (r *resolved) applySurroundings(s Settings, env Environment) error {
	if s.Context == "" {
		name := env(EnvContext)
		if name == "" {
			name = natscontext.SelectedContext()
		}
		if err := r.applyContext(name); err != nil {
			return err
		}
	}
	if err := r.apply(environmentSettings(env)); err != nil {
		return fmt.Errorf("from the environment: %w", err)
	}
	return nil
}

// environmentSettings reads what the environment holds.
func environmentSettings(env Environment) Settings {
	s := Settings{
		Auth: Auth{
			CredentialsFile: env(EnvCreds), User: env(EnvUser), Password: env(EnvPassword),
			Token: env(EnvToken), NKeyFile: env(EnvNKey),
		},
		TLS: TLS{CAFile: env(EnvCA), CertFile: env(EnvCert), KeyFile: env(EnvKey)},
	}
	for _, server := range strings.Split(env(EnvURL), ",") {
		if server = strings.TrimSpace(server); server != "" {
			s.Servers = append(s.Servers, server)
		}
	}
	return s
}

// applyContext lays the NATS CLI context of that name over what is set so far; an empty name is no context.
func (r *resolved) applyContext(name string) error {
	if name == "" {
		return nil
	}
	var (
		context *natscontext.Context
		err     error
	)
	if filepath.IsAbs(name) {
		context, err = natscontext.NewFromFile(name)
	} else {
		context, err = natscontext.New(name, true)
	}
	if err != nil {
		return fmt.Errorf("NATS context %q: %w", name, err)
	}
	options, err := context.NATSOptions()
	if err != nil {
		return fmt.Errorf("NATS context %q: %w", name, err)
	}
	r.setServers(strings.Split(context.ServerURL(), ","))
	if context.User() != "" || context.Creds() != "" || context.NKey() != "" || context.UserJWT() != "" ||
		context.Token() != "" {
		r.clearAuth()
	}
	for _, option := range options {
		if err := option(&r.options); err != nil {
			return fmt.Errorf("NATS context %q: %w", name, err)
		}
	}
	if domain := context.JSDomain(); domain != "" {
		r.domain = domain
	}
	return nil
}

// apply lays settings over what is set so far, group by group.
func (r *resolved) apply(s Settings) error {
	if len(s.Servers) > 0 {
		r.setServers(s.Servers)
	}
	if err := r.applyAuth(s.Auth); err != nil {
		return err
	}
	if err := r.applyTLS(s.TLS); err != nil {
		return err
	}
	if s.Domain != "" {
		r.domain = s.Domain
	}
	return nil
}

// setServers replaces the servers, and with them the credentials that came inside of earlier ones.
func (r *resolved) setServers(servers []string) {
	r.options.Url = ""
	r.options.Servers = nil
	for _, server := range servers {
		if server = strings.TrimSpace(server); server != "" {
			r.options.Servers = append(r.options.Servers, server)
		}
	}
}

// clearAuth forgets every way to authenticate, so that a source of higher rank does not mix with one of lower rank.
func (r *resolved) clearAuth() {
	o := &r.options
	o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
	o.UserInfo, o.TokenHandler, o.UserJWT, o.SignatureCB = nil, nil, nil, nil
	// nats.go prefers the credentials in a URL to all options.
	for i, server := range o.Servers {
		if u, err := url.Parse(server); err == nil && u.User != nil {
			u.User = nil
			o.Servers[i] = u.String()
		}
	}
}

func (r *resolved) applyAuth(auth Auth) error {
	methods := auth.methods()
	switch {
	case len(methods) == 0:
		return nil
	case len(methods) > 1:
		return fmt.Errorf("%s are set: only one way to authenticate can be used", strings.Join(methods, " and "))
	}
	r.clearAuth()
	var option nats.Option
	switch {
	case auth.Credentials != "":
		option = nats.UserCredentialBytes([]byte(auth.Credentials))
	case auth.CredentialsFile != "":
		if _, err := os.Stat(auth.CredentialsFile); err != nil {
			return fmt.Errorf("credentials file: %w", err)
		}
		option = nats.UserCredentials(auth.CredentialsFile)
	case auth.User != "" || auth.Password != "":
		option = nats.UserInfo(auth.User, auth.Password)
	case auth.Token != "":
		option = nats.Token(auth.Token)
	case auth.NKeySeed != "":
		var err error
		if option, err = seedOption(auth.NKeySeed); err != nil {
			return err
		}
	case auth.NKeyFile != "":
		var err error
		if option, err = nats.NkeyOptionFromSeed(auth.NKeyFile); err != nil {
			return fmt.Errorf("nkey file %s: it cannot be read or holds no user seed", auth.NKeyFile)
		}
	}
	return option(&r.options)
}

// seedOption authenticates with a user's seed.
func seedOption(seed string) (nats.Option, error) {
	if err := CheckUserSeed(seed); err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return nil, errors.New("not an nkey seed")
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, errors.New("not an nkey seed")
	}
	return nats.Nkey(public, pair.Sign), nil
}

func (r *resolved) applyTLS(t TLS) error {
	if t.IsZero() {
		return nil
	}
	o := &r.options
	if o.TLSConfig == nil {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	o.Secure = true

	ca, err := contentOf("certificate authority", t.CAFile, t.CAPEM)
	if err != nil {
		return err
	}
	if ca != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(ca) {
			return errors.New("the certificate authority holds no PEM certificate")
		}
		o.RootCAsCB = nil
		o.TLSConfig.RootCAs = pool
	}

	cert, err := contentOf("client certificate", t.CertFile, t.CertPEM)
	if err != nil {
		return err
	}
	key, err := contentOf("client key", t.KeyFile, t.KeyPEM)
	if err != nil {
		return err
	}
	switch {
	case cert != nil && key != nil:
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("the client certificate and its key: %w", err)
		}
		o.TLSCertCB = nil
		o.TLSConfig.Certificates = []tls.Certificate{pair}
	case cert != nil || key != nil:
		return errors.New("a client certificate needs its key, and a key its certificate")
	}
	if t.ServerName != "" {
		o.TLSConfig.ServerName = t.ServerName
	}
	if t.HandshakeFirst {
		o.TLSHandshakeFirst = true
	}
	return nil
}

// contentOf returns the content of a file, or the text given in its place, or nil for neither.
func contentOf(what, file, text string) ([]byte, error) {
	switch {
	case file != "" && text != "":
		return nil, fmt.Errorf("the %s is given as a file and as text: one of them is enough", what)
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the %s: %w", what, err)
		}
		return content, nil
	case text != "":
		return []byte(text), nil
	}
	return nil, nil
}
