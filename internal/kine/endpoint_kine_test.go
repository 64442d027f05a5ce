package kine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// oddPath is a file name with every kind of character that has a meaning in a URL or a list of URLs.
const oddPath = "a b,c&d#e%f%20g+h?i=j@k:l;m\"n'ü.creds"

// KINE connects to the server of an endpoint's URL as the user in it and opens its bucket.
func TestKINEReadsEndpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	open := natslab.Single(t)
	users := natslab.Single(t, natslab.UserPassword("u-_.~$&+;=", "p-_.~$&+;="), natslab.UserPassword("other", "other"))
	token := natslab.Single(t, natslab.Token("t-_.~$&+;="))
	secure := natslab.Single(t, natslab.TLS())
	mutual := natslab.Single(t, natslab.VerifyClients())
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	operated := natslab.Single(t, natslab.OperatorMode(operator))
	credentials, err := account.Credentials("node", nil)
	if err != nil {
		t.Fatal(err)
	}
	contextFile, err := json.Marshal(map[string]string{
		"url": users.ClientURL(), "user": "other", "password": "other", "jetstream_domain": "ignored",
	})
	if err != nil {
		t.Fatal(err)
	}
	const closed = "nats://127.0.0.1:1" // never listened on

	cases := map[string]struct {
		lab      *natslab.Server
		endpoint Endpoint
		// user is the expected user of KINE, or "" for any.
		user string
	}{
		"no credentials":             {open, Endpoint{Servers: open.URLs(), Spec: Spec{"plain", 10, 1}}, ""},
		"a bucket of all characters": {open, Endpoint{Servers: open.URLs(), Spec: Spec{"A-z_0", 10, 1}}, ""},
		"the longest name":           {open, Endpoint{Servers: open.URLs(), Spec: Spec{strings.Repeat("n", maxBucketLength), 10, 1}}, ""},
		"the shortest history":       {open, Endpoint{Servers: open.URLs(), Spec: Spec{"short", 2, 1}}, ""},
		"the longest history":        {open, Endpoint{Servers: open.URLs(), Spec: Spec{"long", 64, 1}}, ""},
		"a second server": {open, Endpoint{Servers: append([]string{closed}, open.URLs()...),
			Spec: Spec{"second", 10, 1}}, ""},
		"user and password": {users, Endpoint{Servers: users.URLs(), User: "u-_.~$&+;=", Password: "p-_.~$&+;=",
			Spec: Spec{"password", 10, 1}}, "u-_.~$&+;="},
		"user and password on a second server": {users, Endpoint{Servers: append([]string{closed}, users.URLs()...),
			User: "u-_.~$&+;=", Password: "p-_.~$&+;=", Spec: Spec{"both", 10, 1}}, "u-_.~$&+;="},
		"token": {token, Endpoint{Servers: token.URLs(), Token: "t-_.~$&+;=", Spec: Spec{"token", 10, 1}}, ""},
		"credentials file": {operated, Endpoint{Servers: operated.URLs(), CredentialsFile: write("nats.creds", credentials),
			Spec: Spec{"creds", 10, 1}}, ""},
		"credentials file with an odd name": {operated, Endpoint{Servers: operated.URLs(),
			CredentialsFile: write(oddPath, credentials), Spec: Spec{"odd", 10, 1}}, ""},
		"context file with an odd name": {users, Endpoint{ContextFile: write(strings.ReplaceAll(oddPath, ".creds", ".json"),
			string(contextFile)), Spec: Spec{"context", 20, 1}}, "other"},
		"TLS": {secure, Endpoint{Servers: secure.URLs(), CAFile: secure.CAFile(), Spec: Spec{"tls", 10, 1}}, ""},
		"client certificate": {mutual, Endpoint{Servers: mutual.URLs(), CAFile: mutual.CAFile(),
			CertFile: mutual.TLSFiles().ClientCert, KeyFile: mutual.TLSFiles().ClientKey, Spec: Spec{"mtls", 10, 1}}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url, err := c.endpoint.URL()
			if err != nil {
				t.Fatal(err)
			}
			kinelab.Run(t, url, func(cfg *kinelab.Config) {
				cfg.CAFile, cfg.CertFile, cfg.KeyFile = c.endpoint.CAFile, c.endpoint.CertFile, c.endpoint.KeyFile
			})
			spec := c.endpoint.Spec
			if user := connectedAs(t, c.lab, spec.Name); c.user != "" && user != c.user {
				t.Errorf("KINE is user %q, want %q", user, c.user)
			}
			if found := streamConfig(t, c.lab.Connect(t), spec.Name).contractDifferences(spec, true); len(found) > 0 {
				t.Errorf("the bucket that KINE has made differs: %v", found)
			}
		})
	}
}

// connectedAs returns the user with which KINE is connected.
func connectedAs(t *testing.T, lab *natslab.Server, bucket string) string {
	t.Helper()
	open, err := lab.NATSServer().Connz(&server.ConnzOptions{Username: true})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(open.Conns, func(c *server.ConnInfo) bool { return c.Name == "kine using bucket: "+bucket })
	if i < 0 {
		t.Fatal("KINE has no connection to the server")
	}
	return open.Conns[i].AuthorizedUser
}

// KINE logs a call that takes longer than slowMethod as a warning.
func TestKINEReadsSlowMethod(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	for name, c := range map[string]struct {
		slow time.Duration
		want bool
	}{
		"tiny": {1, true}, "huge": {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			url, err := Endpoint{Servers: lab.URLs(), Spec: testSpec, SlowMethod: c.slow}.URL()
			if err != nil {
				t.Fatal(err)
			}
			k := kinelab.Run(t, url)
			if _, err := dialKINE(t, k).Get(t.Context(), "/registry/health"); err != nil {
				t.Fatal(err)
			}
			warned := slices.ContainsFunc(k.Logs(), func(line string) bool {
				return strings.Contains(line, "warning") && strings.Contains(line, "duration=")
			})
			if warned != c.want {
				t.Errorf("KINE warns of slow calls: %t, want %t:\n%s", warned, c.want, strings.Join(k.Logs(), "\n"))
			}
		})
	}
}

// KINE misreads what ParseEndpoint rejects: it uses another value than the URL has, or does not start.
func TestKINEMisreadsEndpoint(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t,
		natslab.Users(natslab.User{Name: "u", Password: "p@"}, natslab.User{Name: "open", Password: "open"}),
		natslab.NoAuthUser("open"))
	plus := filepath.Join(t.TempDir(), "a+b.creds")
	if err := os.WriteFile(plus, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	cases := map[string]struct {
		url string
		// want is the bucket that KINE opens, err part of its error.
		want Spec
		err  string
	}{
		"numbers that are none":      {"nats://HOST?bucket=none&replicas=three&revHistory=x", Spec{"none", 10, 1}, ""},
		"numbers with a sign":        {"nats://HOST?bucket=sign&replicas=-1&revHistory=%2B20", Spec{"sign", 10, 1}, ""},
		"numbers beyond a byte":      {"nats://HOST?bucket=byte&replicas=300&revHistory=256", Spec{"byte", 10, 1}, ""},
		"empty numbers":              {"nats://HOST?bucket=empty&replicas=&revHistory=", Spec{"empty", 10, 1}, ""},
		"a parameter twice":          {"nats://HOST?bucket=twice&revHistory=20&revHistory=30", Spec{"twice", 20, 1}, ""},
		"a parameter in other case":  {"nats://HOST?Bucket=case", Spec{"kine", 10, 1}, ""},
		"a query on the second URL":  {"nats://HOST,nats://HOST?bucket=second", Spec{"kine", 10, 1}, ""},
		"a user on the second URL":   {"nats://127.0.0.1:1,nats://u:wrong@HOST", Spec{"kine", 10, 1}, ""},
		"a path":                     {"nats://HOST/path", Spec{"kine", 10, 1}, ""},
		"a fragment":                 {"nats://HOST#?bucket=fragment", Spec{"kine", 10, 1}, ""},
		"no replicas":                {"nats://HOST?replicas=0", Spec{}, "invalid replicas"},
		"history 1":                  {"nats://HOST?revHistory=1", Spec{}, "invalid revHistory"},
		"slow method without a unit": {"nats://HOST?slowMethod=1", Spec{}, "invalid slowMethod"},
		"tls":                        {"tls://HOST", Spec{}, "unknown driver"},
		"capitals":                   {"NATS://HOST", Spec{}, "unknown driver"},
		"jetstream":                  {"jetstream://HOST", Spec{}, "failed to parse datastore DSN URL"},
		"a host with a context":      {"nats://HOST?contextFile=/x", Spec{}, "no host should be provided"},
		"an encoded password":        {"nats://u:p%40@HOST", Spec{}, "Authorization Violation"},
		"a plus in a path":           {"nats://HOST?credsFile=" + plus, Spec{}, "no such file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url := strings.ReplaceAll(c.url, "HOST", host)
			if e, err := ParseEndpoint(url); err == nil {
				t.Errorf("ParseEndpoint(%q) is %+v, want an error", url, e)
			}
			k, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: url})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("KINE started with %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			connectedAs(t, lab, c.want.Name)
			if found := streamConfig(t, lab.Connect(t), c.want.Name).contractDifferences(c.want, true); len(found) > 0 {
				t.Errorf("the bucket that KINE has made differs: %v", found)
			}
			if err := k.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
