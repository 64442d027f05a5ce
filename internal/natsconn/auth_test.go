package natsconn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Each way to authenticate, from the settings and from the environment, against a server that demands it; and what is
// told when the credentials are wrong.
func TestAuthentication(t *testing.T) {
	newContexts(t)
	const password = "p$-3cr3t"
	seed, _ := newSeed(t, nkeys.CreateUser)
	otherSeed, _ := newSeed(t, nkeys.CreateUser)
	operator, account := newOperator(t)
	_, strangers := newOperator(t)
	credentials, others := newCredentials(t, account), newCredentials(t, strangers)

	passwordLab := natslab.Single(t, natslab.UserPassword("user", password))
	tokenLab := natslab.Single(t, natslab.Token("t0k3n"))
	seedLab := nkeyLab(t, seed)
	operatorLab := natslab.Single(t, natslab.OperatorMode(operator))

	type env map[string]string
	cases := []struct {
		name  string
		lab   *natslab.Server
		right []Auth
		// rightEnv are environments; NATS_URL is added unless it is there.
		rightEnv []env
		wrong    []Auth
		wrongEnv []env
	}{
		{
			name: "user and password", lab: passwordLab,
			right: []Auth{{User: "user", Password: password}},
			rightEnv: []env{
				{"NATS_USER": "user", "NATS_PASSWORD": password},
				{"NATS_URL": strings.Replace(passwordLab.ClientURL(), "//", "//user:p%24-3cr3t@", 1)},
			},
			wrong:    []Auth{{}, {User: "user", Password: "guess"}, {User: "resu", Password: password}, {Token: "t0k3n"}},
			wrongEnv: []env{{}, {"NATS_USER": "user", "NATS_PASSWORD": "guess"}, {"NATS_USER": "user"}},
		},
		{
			name: "token", lab: tokenLab,
			right: []Auth{{Token: "t0k3n"}},
			rightEnv: []env{
				{"NATS_TOKEN": "t0k3n"},
				{"NATS_URL": strings.Replace(tokenLab.ClientURL(), "//", "//t0k3n@", 1)},
			},
			wrong: []Auth{{}, {Token: "guess"}, {User: "t0k3n", Password: "t0k3n"}},
		},
		{
			name: "nkey seed", lab: seedLab,
			right:    []Auth{{NKeySeed: seed}, {NKeyFile: writeFile(t, "user.nk", seed)}},
			rightEnv: []env{{"NATS_NKEY": writeFile(t, "user.nk", seed)}},
			wrong:    []Auth{{}, {NKeySeed: otherSeed}, {NKeyFile: writeFile(t, "other.nk", otherSeed)}},
		},
		{
			name: "credentials", lab: operatorLab,
			right:    []Auth{{Credentials: credentials}, {CredentialsFile: writeFile(t, "user.creds", credentials)}},
			rightEnv: []env{{"NATS_CREDS": writeFile(t, "user.creds", credentials)}},
			// The server looks for the strangers' account for two seconds.
			wrong: []Auth{{}, {Credentials: others}, {NKeySeed: seed}},
		},
	}
	secrets := []string{password, "t0k3n", seed[4:], otherSeed[4:],
		lineAfter(t, credentials, "-----BEGIN USER NKEY SEED-----")[4:]}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			settings := func(auth Auth) *Client { return newTestClient(t, Settings{Servers: c.lab.URLs(), Auth: auth}) }
			environment := func(e env) *Client {
				variables := variables(e)
				client := NewClient(Settings{}, func(name string) string {
					if value := variables(name); value != "" || name != EnvURL {
						return value
					}
					return c.lab.ClientURL()
				})
				t.Cleanup(client.Close)
				return client
			}
			for i, auth := range c.right {
				wantWorks(t, fmt.Sprintf("settings %d", i), settings(auth))
			}
			for i, e := range c.rightEnv {
				wantWorks(t, fmt.Sprintf("environment %d", i), environment(e))
			}
			for i, auth := range c.wrong {
				wantRefused(t, fmt.Sprintf("wrong settings %d", i), settings(auth), secrets)
			}
			for i, e := range c.wrongEnv {
				wantRefused(t, fmt.Sprintf("wrong environment %d", i), environment(e), secrets)
			}
		})
	}
}

// nkeyLab runs a server whose only users are those with these seeds, and one of its own.
func nkeyLab(t *testing.T, seeds ...string) *natslab.Server {
	t.Helper()
	own, _ := newSeed(t, nkeys.CreateUser)
	var users []string
	for _, seed := range append(seeds, own) {
		pair, err := nkeys.FromSeed([]byte(seed))
		if err != nil {
			t.Fatal(err)
		}
		public, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, "{ nkey: "+public+" }")
	}
	option, err := nats.NkeyOptionFromSeed(writeFile(t, "own.nk", own))
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("authorization { users = [ %s ] }", strings.Join(users, ", "))
	return natslab.Single(t, natslab.Config(config), natslab.Client(option))
}

// wantWorks fails the test unless the client can make a request.
func wantWorks(t *testing.T, what string, client *Client) {
	t.Helper()
	if err := client.JetStream("").Request(testContext(t), "INFO", nil, nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// wantRefused fails the test unless the server refuses the client, with an error without secrets.
func wantRefused(t *testing.T, what string, client *Client, secrets []string) {
	t.Helper()
	_, err := client.connected(testContext(t))
	var refused *AuthError
	if !errors.As(err, &refused) || len(refused.Servers) != 1 || IsUnreachable(err) || IsTransient(err) {
		t.Errorf("%s: the error is no AuthError: %v", what, err)
		return
	}
	checkError(t, err, "the credentials were refused by", secrets...)
}

// Credentials that cannot be read any more are no matter of the server's.
func TestCredentialsOfAContextCannotBeRead(t *testing.T) {
	lab := nkeyLab(t)
	directory := newContexts(t)
	for name, c := range map[string]struct{ file, wantErr string }{
		"missing": {"/nonexistent/user.creds", "/nonexistent/user.creds: no such file"},
		"garbage": {writeFile(t, "user.creds", "garbage"), "the credentials cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newTestClient(t,
				Settings{Context: directory.add(t, "test", map[string]any{"url": lab.ClientURL(), "creds": c.file})})
			_, err := client.connected(testContext(t))
			var refused *AuthError
			if errors.As(err, &refused) || IsUnreachable(err) {
				t.Errorf("the error is %T: %v", err, err)
			}
			checkError(t, err, c.wantErr)
		})
	}
}

func TestTLS(t *testing.T) {
	plain := natslab.Single(t)
	lab := natslab.Single(t, natslab.TLS())
	mutual := natslab.Single(t, natslab.VerifyClients(), natslab.UserPassword("u", "p"))
	first := natslab.Single(t, natslab.HandshakeFirst())
	other, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files, clientFiles := lab.TLSFiles(), mutual.TLSFiles()
	asTLS := []string{strings.Replace(lab.ClientURL(), "nats:", "tls:", 1)}
	user := Auth{User: "u", Password: "p"}
	clientCert := TLS{CAFile: clientFiles.CA, CertFile: clientFiles.ClientCert, KeyFile: clientFiles.ClientKey}

	cases := map[string]struct {
		settings Settings
		// wantErr is part of the error; without one the connection is made.
		wantErr string
		// refused is set if it is the user that is refused, and not TLS.
		refused bool
	}{
		"authority's file":   {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAFile: files.CA}}},
		"authority's text":   {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAPEM: readFile(t, files.CA)}}},
		"scheme tls":         {settings: Settings{Servers: asTLS, TLS: TLS{CAFile: files.CA}}},
		"server name":        {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAFile: files.CA, ServerName: "localhost"}}},
		"client certificate": {settings: Settings{Servers: mutual.URLs(), Auth: user, TLS: clientCert}},
		"client certificate's text": {settings: Settings{Servers: mutual.URLs(), Auth: user, TLS: TLS{CAFile: clientFiles.CA,
			CertPEM: readFile(t, clientFiles.ClientCert), KeyPEM: readFile(t, clientFiles.ClientKey)}}},
		"handshake first": {settings: Settings{Servers: first.URLs(), TLS: TLS{CAFile: first.CAFile(), HandshakeFirst: true}}},

		"no authority":      {settings: Settings{Servers: lab.URLs()}, wantErr: "unknown authority"},
		"TLS required":      {settings: Settings{Servers: lab.URLs(), TLS: TLS{Required: true}}, wantErr: "unknown authority"},
		"another authority": {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAFile: other.CA}}, wantErr: "unknown authority"},
		"another server name": {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAFile: files.CA, ServerName: "example.com"}},
			wantErr: "not example.com"},
		"a server without TLS":  {settings: Settings{Servers: plain.URLs(), TLS: TLS{Required: true}}, wantErr: "secure connection not available"},
		"no client certificate": {settings: Settings{Servers: mutual.URLs(), Auth: user, TLS: TLS{CAFile: clientFiles.CA}}, wantErr: "tls"},
		"a stranger's certificate": {settings: Settings{Servers: mutual.URLs(), Auth: user, TLS: TLS{CAFile: clientFiles.CA,
			CertFile: other.ClientCert, KeyFile: other.ClientKey}}, wantErr: "tls"},
		"a certificate but no user": {settings: Settings{Servers: mutual.URLs(), TLS: clientCert}, wantErr: "the credentials were refused by", refused: true},
		"handshake first on a server that speaks first": {settings: Settings{Servers: lab.URLs(), TLS: TLS{CAFile: files.CA, HandshakeFirst: true}},
			wantErr: "first record does not look like a TLS handshake"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client := newTestClient(t, c.settings)
			_, err := client.connected(testContext(t))
			checkError(t, err, c.wantErr)
			var insecure *TLSError
			var refused *AuthError
			if err != nil &&
				(errors.As(err, &insecure) == c.refused || errors.As(err, &refused) != c.refused || IsUnreachable(err)) {
				t.Errorf("the error is %T: %v", err, err)
			}
			if err == nil {
				wantWorks(t, name, client)
			}
		})
	}
}
