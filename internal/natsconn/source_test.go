package natsconn

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// summary says what each group of settings came to.
type summary struct {
	Servers string
	// Auth names every way to authenticate that is set, of which there should be one.
	Auth string
	// CA and Cert are the names of sets of certificates.
	CA, Cert, ServerName   string
	Domain, Inbox          string
	Secure, First, Proxied bool
}

// certificates are sets of certificate files by name.
type certificates map[string]natslab.TLSFiles

func newCertificates(t *testing.T, names ...string) certificates {
	t.Helper()
	sets := certificates{}
	for _, name := range names {
		files, err := natslab.NewTLSFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		sets[name] = files
	}
	return sets
}

// summarize reads the options that a connection would be made with.
func (c certificates) summarize(t *testing.T, r *resolved) summary {
	t.Helper()
	o := r.options
	var auth []string
	if o.User != "" || o.Password != "" {
		auth = append(auth, "user "+o.User+":"+o.Password)
	}
	if o.Token != "" {
		auth = append(auth, "token "+o.Token)
	}
	if o.Nkey != "" {
		auth = append(auth, "nkey "+o.Nkey)
	}
	if o.UserJWT != nil {
		token, err := o.UserJWT()
		if err != nil {
			t.Fatal(err)
		}
		auth = append(auth, "jwt "+token)
	}
	if signs := o.SignatureCB != nil; signs != (o.Nkey != "" || o.UserJWT != nil) {
		t.Errorf("the connection signs: %t, with auth %q", signs, auth)
	}
	s := summary{
		Servers: strings.Join(o.Servers, " "), Auth: strings.Join(auth, " and "), Domain: r.domain, Inbox: o.InboxPrefix,
		Secure: o.Secure, First: o.TLSHandshakeFirst, Proxied: o.CustomDialer != nil, ServerName: o.TLSConfig.ServerName,
	}
	for name, files := range c {
		if usesCA(t, r, files.CA) {
			s.CA = name
		}
		if usesCertificate(t, r, files.ClientCert, files.ClientKey) {
			s.Cert = name
		}
	}
	return s
}

// usesCA tells whether a connection trusts the certificate authority of a file, and no other.
func usesCA(t *testing.T, r *resolved, file string) bool {
	t.Helper()
	pool := r.options.TLSConfig.RootCAs
	if read := r.options.RootCAsCB; read != nil {
		var err error
		if pool, err = read(); err != nil {
			t.Fatal(err)
		}
	}
	own := x509.NewCertPool()
	own.AppendCertsFromPEM([]byte(readFile(t, file)))
	return pool != nil && pool.Equal(own)
}

// usesCertificate tells whether a connection presents the client certificate of a file.
func usesCertificate(t *testing.T, r *resolved, certFile, keyFile string) bool {
	t.Helper()
	used := r.options.TLSConfig.Certificates
	if read := r.options.TLSCertCB; read != nil {
		cert, err := read()
		if err != nil {
			t.Fatal(err)
		}
		used = []tls.Certificate{cert}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return len(used) == 1 && bytes.Equal(used[0].Certificate[0], pair.Certificate[0])
}

// Each group of settings comes from its first source, and the credentials of two sources never mix.
func TestPrecedence(t *testing.T) {
	certs := newCertificates(t, "settings", "named", "env", "chosen")
	_, account := newOperator(t)
	jwtOf := func(text string) string { return "jwt " + lineAfter(t, text, "-----BEGIN NATS USER JWT-----") }
	settingsCreds, namedCreds, envCreds := newCredentials(t, account), newCredentials(t,
		account), newCredentials(t, account)
	namedFile, envFile := writeFile(t, "named.creds", namedCreds), writeFile(t, "env.creds", envCreds)
	seed, seedPublic := newSeed(t, nkeys.CreateUser)
	envSeed, envSeedPublic := newSeed(t, nkeys.CreateUser)
	envSeedFile := writeFile(t, "env.nk", envSeed)

	// What each source says if it says everything.
	settings := Settings{
		Servers: []string{"nats://settings"}, Auth: Auth{Token: "settings"}, Domain: "settings",
		TLS: TLS{CAFile: certs["settings"].CA, CertFile: certs["settings"].ClientCert, KeyFile: certs["settings"].ClientKey},
	}
	context := func(name string) map[string]any {
		return map[string]any{
			"url": "nats://" + name, "user": name, "password": "pw", "jetstream_domain": name,
			"ca": certs[name].CA, "cert": certs[name].ClientCert, "key": certs[name].ClientKey,
		}
	}
	env := map[string]string{
		"NATS_URL": "nats://env1, nats://env2", "NATS_CREDS": envFile,
		"NATS_CA": certs["env"].CA, "NATS_CERT": certs["env"].ClientCert, "NATS_KEY": certs["env"].ClientKey,
	}
	missing := filepath.Join(t.TempDir(), "missing")

	cases := map[string]struct {
		settings Settings
		// contexts are those that exist; chosen is the one that NATS_CONTEXT names, selected that of the NATS CLI.
		contexts         map[string]map[string]any
		chosen, selected string
		env              map[string]string
		// alone leaves the environment and what it chooses out.
		alone bool
		want  summary
	}{
		"settings beat all": {
			settings: with(settings, func(s *Settings) { s.Context = "named" }),
			contexts: map[string]map[string]any{"named": context("named"), "chosen": context("chosen")},
			chosen:   "chosen", selected: "chosen", env: env,
			want: summary{Servers: "nats://settings", Auth: "token settings", CA: "settings", Cert: "settings",
				Domain: "settings",
				Secure: true},
		},
		"a named context beats the environment": {
			settings: Settings{Context: "named"},
			contexts: map[string]map[string]any{"named": context("named"), "chosen": context("chosen")},
			chosen:   "chosen", selected: "chosen", env: env,
			want: summary{Servers: "nats://named", Auth: "user named:pw", CA: "named", Cert: "named", Domain: "named",
				Secure: true},
		},
		"the environment beats a context that it chose": {
			contexts: map[string]map[string]any{"chosen": context("chosen")}, chosen: "chosen", env: env,
			want: summary{Servers: "nats://env1 nats://env2", Auth: jwtOf(envCreds), CA: "env", Cert: "env", Domain: "chosen",
				Secure: true},
		},
		"the environment beats the selected context": {
			contexts: map[string]map[string]any{"chosen": context("chosen")}, selected: "chosen", env: env,
			want: summary{Servers: "nats://env1 nats://env2", Auth: jwtOf(envCreds), CA: "env", Cert: "env", Domain: "chosen",
				Secure: true},
		},
		"a context that the environment chose beats the selected one": {
			contexts: map[string]map[string]any{"chosen": context("chosen"), "named": context("named")}, chosen: "chosen",
			selected: "named",
			want: summary{Servers: "nats://chosen", Auth: "user chosen:pw", CA: "chosen", Cert: "chosen", Domain: "chosen",
				Secure: true},
		},
		"the selected context alone": {
			contexts: map[string]map[string]any{"chosen": context("chosen")}, selected: "chosen",
			want: summary{Servers: "nats://chosen", Auth: "user chosen:pw", CA: "chosen", Cert: "chosen", Domain: "chosen",
				Secure: true},
		},
		"a context's file": {
			settings: Settings{Context: "FILE"}, contexts: map[string]map[string]any{"named": context("named")}, env: env,
			want: summary{Servers: "nats://named", Auth: "user named:pw", CA: "named", Cert: "named", Domain: "named",
				Secure: true},
		},
		"each group by itself": {
			settings: Settings{Servers: settings.Servers, Context: "named"},
			contexts: map[string]map[string]any{"named": {"creds": namedFile}},
			env:      map[string]string{"NATS_URL": "nats://env", "NATS_TOKEN": "env", "NATS_CA": certs["env"].CA},
			want:     summary{Servers: "nats://settings", Auth: jwtOf(namedCreds), CA: "env", Secure: true},
		},
		"a certificate authority and a client certificate of two sources": {
			settings: Settings{Servers: settings.Servers, TLS: TLS{CAPEM: readFile(t, certs["settings"].CA)}}, env: env,
			want: summary{Servers: "nats://settings", Auth: jwtOf(envCreds), CA: "settings", Cert: "env", Secure: true},
		},
		"credentials beat a context's user and password": {
			settings: Settings{Servers: settings.Servers, Context: "named", Auth: Auth{Credentials: settingsCreds}},
			contexts: map[string]map[string]any{"named": {"user": "u", "password": "p"}},
			want:     summary{Servers: "nats://settings", Auth: jwtOf(settingsCreds)},
		},
		"a seed beats a context's credentials": {
			settings: Settings{Servers: settings.Servers, Context: "named", Auth: Auth{NKeySeed: seed + "\n"}},
			contexts: map[string]map[string]any{"named": {"creds": namedFile}},
			want:     summary{Servers: "nats://settings", Auth: "nkey " + seedPublic},
		},
		"user and password beat a seed file of the environment": {
			settings: Settings{Servers: settings.Servers, Auth: Auth{User: "u", Password: "p"}},
			env:      map[string]string{"NATS_NKEY": envSeedFile},
			want:     summary{Servers: "nats://settings", Auth: "user u:p"},
		},
		"a seed file of the environment beats a token of the chosen context": {
			env: map[string]string{"NATS_NKEY": envSeedFile}, selected: "chosen",
			contexts: map[string]map[string]any{"chosen": {"url": "nats://chosen", "token": "t"}},
			want:     summary{Servers: "nats://chosen", Auth: "nkey " + envSeedPublic},
		},
		"credentials in a URL belong to its source": {
			env: map[string]string{"NATS_URL": "nats://u:p@env,nats://env2"}, selected: "chosen",
			contexts: map[string]map[string]any{"chosen": {"url": "nats://chosen", "creds": namedFile}},
			want:     summary{Servers: "nats://u:p@env nats://env2"},
		},
		"credentials in a URL give way to those of a higher source": {
			settings: Settings{Auth: Auth{Token: "settings"}}, env: map[string]string{"NATS_URL": "nats://u:p@env,u2:p2@env2"},
			want: summary{Servers: "nats://env nats://env2", Auth: "token settings"},
		},
		"credentials in a URL give way to those of the same source": {
			env:  map[string]string{"NATS_URL": "nats://u:p@env", "NATS_TOKEN": "env"},
			want: summary{Servers: "nats://env", Auth: "token env"},
		},
		"credentials in a context's URL give way to its own": {
			settings: Settings{Context: "named"},
			contexts: map[string]map[string]any{"named": {"url": "nats://t@named", "creds": namedFile}},
			want:     summary{Servers: "nats://named", Auth: jwtOf(namedCreds)},
		},
		"credentials in a context's URL beat the environment": {
			settings: Settings{Context: "named"}, contexts: map[string]map[string]any{"named": {"url": "nats://t@named"}},
			env:  env,
			want: summary{Servers: "nats://t@named", CA: "env", Cert: "env", Secure: true},
		},
		"credentials in a URL go with it": {
			settings: Settings{Servers: settings.Servers}, env: map[string]string{"NATS_URL": "nats://u:p@env"},
			want: summary{Servers: "nats://settings"},
		},
		"a context without servers leaves them to the environment": {
			settings: Settings{Context: "named"}, contexts: map[string]map[string]any{"named": {"token": "t"}}, env: env,
			want: summary{Servers: "nats://env1 nats://env2", Auth: "token t", CA: "env", Cert: "env", Secure: true},
		},
		"how servers are connected to goes with the servers": {
			settings: Settings{Servers: settings.Servers}, selected: "chosen",
			contexts: map[string]map[string]any{"chosen": {"url": "nats://chosen", "tls_first": true,
				"socks_proxy": "socks5://p"}},
			want: summary{Servers: "nats://settings"},
		},
		"how a context's servers are connected to": {
			contexts: map[string]map[string]any{"chosen": {"url": "nats://chosen", "tls_first": true,
				"socks_proxy": "socks5://p"}},
			selected: "chosen",
			want:     summary{Servers: "nats://chosen", Secure: true, First: true, Proxied: true},
		},
		"handshake first and server name with the environment's servers": {
			settings: Settings{TLS: TLS{HandshakeFirst: true, ServerName: "name"}},
			env:      map[string]string{"NATS_URL": "nats://env"},
			want:     summary{Servers: "nats://env", Secure: true, First: true, ServerName: "name"},
		},
		"TLS with nothing further": {
			settings: Settings{Servers: settings.Servers, TLS: TLS{Required: true}},
			want:     summary{Servers: "nats://settings", Secure: true},
		},
		"an inbox prefix goes with the user": {
			settings: Settings{Servers: settings.Servers, Auth: Auth{Token: "settings"}}, selected: "chosen",
			contexts: map[string]map[string]any{"chosen": {"user": "u", "password": "p", "inbox_prefix": "_INBOX_u"}},
			want:     summary{Servers: "nats://settings", Auth: "token settings"},
		},
		"an inbox prefix of the user's source": {
			settings: Settings{Servers: settings.Servers}, selected: "chosen",
			contexts: map[string]map[string]any{"chosen": {"user": "u", "password": "p", "inbox_prefix": "_INBOX_u"}},
			want:     summary{Servers: "nats://settings", Auth: "user u:p", Inbox: "_INBOX_u"},
		},
		"a file that is not used may be missing": {
			settings: settings,
			env: map[string]string{"NATS_CREDS": missing, "NATS_TOKEN": "two ways", "NATS_CA": missing,
				"NATS_CERT": missing, "NATS_URL": "http://x"},
			want: summary{Servers: "nats://settings", Auth: "token settings", CA: "settings", Cert: "settings",
				Domain: "settings",
				Secure: true},
		},
		"without an environment contexts are not looked for": {
			settings: Settings{Servers: settings.Servers}, contexts: map[string]map[string]any{"chosen": context("chosen")},
			selected: "chosen", alone: true,
			want: summary{Servers: "nats://settings"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			directory := newContexts(t)
			for context, fields := range c.contexts {
				file := directory.add(t, context, fields)
				if c.settings.Context == "FILE" {
					c.settings.Context = file
				}
			}
			if c.selected != "" {
				directory.selectContext(t, c.selected)
			}
			environment := func(variable string) string {
				if variable == EnvContext {
					return c.chosen
				}
				return c.env[variable]
			}
			if c.alone {
				environment = nil
			}
			r, err := c.settings.resolve(environment)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, certs.summarize(t, r)); diff != "" {
				t.Errorf("wanted -, got +\n%s", diff)
			}

			// Another user comes to the same servers in the same way.
			other, err := NewClient(c.settings, environment).As("the other", "elsewhere", Auth{Token: "other"}).resolve()
			if err != nil {
				t.Fatal(err)
			}
			c.want.Auth, c.want.Inbox = "token other", ""
			c.want.Servers = userInURL.ReplaceAllString(c.want.Servers, "://")
			if diff := cmp.Diff(c.want, certs.summarize(t, other)); diff != "" {
				t.Errorf("as another user: wanted -, got +\n%s", diff)
			}
		})
	}
}

// userInURL matches the credentials in URLs.
var userInURL = regexp.MustCompile(`://[^ ]*?@`)

// Another user does not need what the client's own would need to authenticate, and its own has to be right.
func TestAs(t *testing.T) {
	newContexts(t)
	missing := filepath.Join(t.TempDir(), "missing")
	for name, client := range map[string]*Client{
		"a missing credentials file": NewClient(Settings{Servers: []string{"nats://a"},
			Auth: Auth{CredentialsFile: missing}}, nil),
		"one in the environment": NewClient(Settings{Servers: []string{"nats://a"}},
			variables(map[string]string{EnvCreds: missing})),
		"two ways": NewClient(Settings{Servers: []string{"nats://a"}, Auth: Auth{Token: "a", CredentialsFile: missing}}, nil),
	} {
		if _, err := client.resolve(); err == nil {
			t.Errorf("with %s the client can be used", name)
		}
		if _, err := client.As("the other", "elsewhere", Auth{Token: "t"}).resolve(); err != nil {
			t.Errorf("with %s another user: %v", name, err)
		}
	}
	client := NewClient(Settings{Servers: []string{"nats://a"}, Auth: Auth{Token: "t"}}, nil)
	_, err := client.As("the other", "elsewhere", Auth{CredentialsFile: missing}).resolve()
	checkError(t, err, "credentials file "+missing)
	if _, err := client.resolve(); err != nil {
		t.Errorf("the client itself: %v", err)
	}
	if _, err := NewClient(Settings{}, nil).As("the other", "elsewhere", Auth{Token: "t"}).resolve(); !errors.Is(err,
		ErrNoServers) {
		t.Errorf("without servers: %v", err)
	}
}

// with returns the settings with a change.
func with(s Settings, change func(*Settings)) Settings {
	change(&s)
	return s
}

func TestUnusableSettings(t *testing.T) {
	const secret = "s3cr3t"
	seed, _ := newSeed(t, nkeys.CreateUser)
	accountSeed, _ := newSeed(t, nkeys.CreateAccount)
	certs := newCertificates(t, "a", "b")
	servers := []string{"nats://host"}
	missing := filepath.Join(t.TempDir(), "missing")
	broken := writeFile(t, "broken", "garbage "+secret)

	cases := map[string]struct {
		settings Settings
		env      map[string]string
		context  string
		wantErr  string
	}{
		"nothing at all":           {wantErr: "no NATS server is configured"},
		"two ways in the settings": {settings: Settings{Servers: servers, Auth: Auth{Token: secret, NKeySeed: seed}}, wantErr: "nkey seed and token are set"},
		"two ways in the environment": {env: map[string]string{"NATS_URL": "h", "NATS_TOKEN": secret, "NATS_USER": "u"},
			wantErr: "from the environment: token and user and password are set"},
		"a missing credentials file": {settings: Settings{Servers: servers, Auth: Auth{CredentialsFile: missing}},
			wantErr: "credentials file " + missing},
		"a broken credentials file": {settings: Settings{Servers: servers, Auth: Auth{CredentialsFile: broken}},
			wantErr: "not the content of a credentials file"},
		"a missing credentials file in the environment": {env: map[string]string{"NATS_URL": "h", "NATS_CREDS": missing},
			wantErr: "from the environment: NATS_CREDS: credentials file " + missing},
		"a broken seed file": {env: map[string]string{"NATS_URL": "h", "NATS_NKEY": broken}, wantErr: "from the environment: NATS_NKEY: nkey file " + broken},
		"an account's seed":  {settings: Settings{Servers: servers, Auth: Auth{NKeySeed: accountSeed}}, wantErr: "the seed of an account key"},
		"a missing authority": {settings: Settings{Servers: servers, TLS: TLS{CAFile: missing}},
			wantErr: "the certificate authority: open " + missing},
		"a broken authority": {settings: Settings{Servers: servers, TLS: TLS{CAPEM: "garbage " + secret}}, wantErr: "contains no PEM certificate"},
		"an authority twice": {settings: Settings{Servers: servers, TLS: TLS{CAPEM: "x", CAFile: certs["a"].CA}}, wantErr: "as a file and as text"},
		"a certificate without its key": {settings: Settings{Servers: servers, TLS: TLS{CertFile: certs["a"].ClientCert}},
			wantErr: "a client certificate and its key must be set together"},
		"a key without its certificate": {env: map[string]string{"NATS_URL": "h", "NATS_KEY": certs["a"].ClientKey},
			wantErr: "from the environment: a client certificate and its key must be set together"},
		"another certificate's key": {settings: Settings{Servers: servers, TLS: TLS{CertFile: certs["a"].ClientCert, KeyFile: certs["b"].ClientKey}},
			wantErr: "the client certificate and its key"},
		"a server in the environment": {env: map[string]string{"NATS_URL": "nats://u:" + secret + "@h:0"},
			wantErr: "from the environment: server nats://xxxxx@h:0: port 0 is not"},
		"a password that is not encoded": {env: map[string]string{"NATS_URL": "nats://u:" + secret + "%@h"},
			wantErr: "from the environment: a server URL cannot be parsed"},
		"a password with a slash": {env: map[string]string{"NATS_URL": "nats://u:1/" + secret + "@h"}, wantErr: "(unreadable URL)"},
		"an unknown context":      {settings: Settings{Context: "unknown"}, wantErr: `NATS context "unknown"`},
		"an unknown context in the environment": {env: map[string]string{"NATS_URL": "h", "NATS_CONTEXT": "unknown"},
			wantErr: `NATS context "unknown"`},
		"a missing context file":    {settings: Settings{Context: missing}, wantErr: "NATS context"},
		"a context that is no name": {settings: Settings{Context: "../x"}, wantErr: `NATS context "../x"`},
		"a context that is not JSON": {settings: Settings{Context: "test"}, context: `{"password": "` + secret + `"`,
			wantErr: `NATS context "test": it is not a JSON object`},
		"a context's server": {settings: Settings{Context: "test"}, context: `{"url": "http://u:` + secret + `@h"}`,
			wantErr: `NATS context "test": server http://xxxxx@h: unknown scheme "http"`},
		"a context's authority": {settings: Settings{Context: "test"}, context: `{"url": "nats://h", "ca": "` + missing + `"}`,
			wantErr: `NATS context "test": nats: error loading or parsing rootCA file`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			directory := newContexts(t)
			if c.context != "" {
				directory.write(t, filepath.Join("context", "test.json"), c.context)
			}
			_, err := c.settings.resolve(variables(c.env))
			checkError(t, err, c.wantErr, secret, seed[4:], accountSeed[4:])
		})
	}
	if _, err := (Settings{}).resolve(variables(nil)); !errors.Is(err, ErrNoServers) {
		t.Errorf("without servers: %v", err)
	}
}

// A file that the settings name may be written by the apply that needs it: a failure is not kept.
func TestSettingsAreReadAgainAfterAFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "user.creds")
	client := newTestClient(t,
		Settings{Servers: []string{"nats://127.0.0.1:1"}, Auth: Auth{CredentialsFile: file}, Domain: "hub"})
	if _, err := client.Domain(); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without the file: %v", err)
	}
	_, account := newOperator(t)
	if err := os.WriteFile(file, []byte(newCredentials(t, account)), 0o600); err != nil {
		t.Fatal(err)
	}
	if domain, err := client.Domain(); err != nil || domain != "hub" {
		t.Errorf("with the file: %q, %v", domain, err)
	}
}
