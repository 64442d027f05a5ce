package kine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"
)

var testSpec = Spec{Name: "kine", History: 10, Replicas: 1}

// testEndpoint returns a valid endpoint with one change.
func testEndpoint(change func(*Endpoint)) Endpoint {
	e := Endpoint{Servers: []string{"nats://a:4222"}, Spec: testSpec}
	change(&e)
	return e
}

// goodEndpoints are endpoints with their URLs.
var goodEndpoints = map[string]struct {
	endpoint Endpoint
	url      string
}{
	"minimal": {
		testEndpoint(func(*Endpoint) {}),
		"nats://a:4222?bucket=kine&noEmbed=true&replicas=1&revHistory=10",
	},
	"without a port": {
		testEndpoint(func(e *Endpoint) { e.Servers = []string{"nats://nats.example.com"} }),
		"nats://nats.example.com?bucket=kine&noEmbed=true&replicas=1&revHistory=10",
	},
	"the largest numbers": {
		testEndpoint(func(e *Endpoint) { e.Spec = Spec{Name: "A-b_9", History: 64, Replicas: 5} }),
		"nats://a:4222?bucket=A-b_9&noEmbed=true&replicas=5&revHistory=64",
	},
	"several servers, user and password": {
		testEndpoint(func(e *Endpoint) {
			e.Servers = []string{"nats://a:1", "nats://[::1]:65535", "nats://10.0.0.1"}
			e.User, e.Password = "k3s", "-_.~$&+;="
		}),
		"nats://k3s:-_.~$&+;=@a:1?bucket=kine&noEmbed=true&replicas=1&revHistory=10,nats://[::1]:65535,nats://10.0.0.1",
	},
	"token": {
		testEndpoint(func(e *Endpoint) { e.Token = "$t0ken=" }),
		"nats://$t0ken=@a:4222?bucket=kine&noEmbed=true&replicas=1&revHistory=10",
	},
	"a user like a redacted one": {
		testEndpoint(func(e *Endpoint) { e.User, e.Password = "xxxxx", "xxxxx" }),
		"nats://xxxxx:xxxxx@a:4222?bucket=kine&noEmbed=true&replicas=1&revHistory=10",
	},
	"a credentials file with every odd character": {
		testEndpoint(func(e *Endpoint) { e.CredentialsFile = "/a b/,&#%+?=@:;\"'ü.creds" }),
		"nats://a:4222?bucket=kine&credsFile=%2Fa%20b%2F%2C%26%23%25%2B%3F%3D%40%3A%3B%22%27%C3%BC.creds&noEmbed=true&replicas=1&revHistory=10",
	},
	"a context file": {
		Endpoint{Spec: testSpec, ContextFile: "/etc/k3s/nats.json"},
		"nats://?bucket=kine&contextFile=%2Fetc%2Fk3s%2Fnats.json&noEmbed=true&replicas=1&revHistory=10",
	},
	"slow method": {
		testEndpoint(func(e *Endpoint) { e.SlowMethod = 1500 * time.Millisecond }),
		"nats://a:4222?bucket=kine&noEmbed=true&replicas=1&revHistory=10&slowMethod=1.5s",
	},
}

func TestEndpointURL(t *testing.T) {
	for name, c := range goodEndpoints {
		t.Run(name, func(t *testing.T) {
			if found := c.endpoint.Check(); len(found) > 0 {
				t.Fatalf("Check: %v", found)
			}
			url, err := c.endpoint.URL()
			if err != nil || url != c.url {
				t.Errorf("URL:\n%s, %v; want\n%s", url, err, c.url)
			}
			parsed, err := ParseEndpoint(url)
			if err != nil {
				t.Fatalf("ParseEndpoint(%q): %v", url, err)
			}
			if diff := cmp.Diff(c.endpoint, parsed, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseEndpoint(%q) differs:\n%s", url, diff)
			}
		})
	}
}

func TestEndpointRedacted(t *testing.T) {
	for name, c := range goodEndpoints {
		t.Run(name, func(t *testing.T) {
			redacted, err := c.endpoint.Redacted()
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(c.url, "@")
			want := "nats://xxxxx@" + rest
			if c.endpoint.User == "" && c.endpoint.Token == "" {
				want = c.url
			}
			if redacted != want {
				t.Errorf("Redacted:\n%s; want\n%s", redacted, want)
			}

			// Everything except the secrets can be parsed from it.
			open := c.endpoint
			open.User, open.Password, open.Token = "", "", ""
			parsed, err := ParseEndpoint(redacted)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(open, parsed, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseEndpoint(%q) differs:\n%s", redacted, diff)
			}
		})
	}
}

func TestEndpointSettings(t *testing.T) {
	cases := map[string]struct {
		change func(*Endpoint)
		also   map[string]string
	}{
		"no TLS":             {func(*Endpoint) {}, nil},
		"a CA":               {func(e *Endpoint) { e.CAFile = "/ca.pem" }, map[string]string{"cafile": "/ca.pem"}},
		"odd characters":     {func(e *Endpoint) { e.CAFile = "/ca: #\"'\\ü.pem" }, map[string]string{"cafile": "/ca: #\"'\\ü.pem"}},
		"client certificate": {func(e *Endpoint) { e.CertFile, e.KeyFile = "/c", "/k" }, map[string]string{"certfile": "/c", "keyfile": "/k"}},
		"all": {func(e *Endpoint) { e.CAFile, e.CertFile, e.KeyFile = "/ca", "/c", "/k" },
			map[string]string{"cafile": "/ca", "certfile": "/c", "keyfile": "/k"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEndpoint(c.change)
			url, err := e.URL()
			if err != nil {
				t.Fatal(err)
			}
			environment := map[string]string{"K3S_DATASTORE_ENDPOINT": url}
			config := map[string]string{"datastore-endpoint": url}
			for name, file := range c.also {
				environment["K3S_DATASTORE_"+strings.ToUpper(name)] = file
				config["datastore-"+name] = file
			}

			got, err := e.Environment()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(environment, got); diff != "" {
				t.Errorf("Environment differs:\n%s", diff)
			}
			text, err := e.K3sConfig()
			if err != nil {
				t.Fatal(err)
			}
			read := map[string]string{}
			if err := yaml.UnmarshalStrict([]byte(text), &read); err != nil {
				t.Fatalf("K3sConfig is no YAML: %v\n%s", err, text)
			}
			if diff := cmp.Diff(config, read); diff != "" {
				t.Errorf("K3sConfig differs:\n%s", diff)
			}
		})
	}
}

func TestEndpointCheck(t *testing.T) {
	server := func(server string) func(*Endpoint) {
		return func(e *Endpoint) { e.Servers = append(e.Servers, server) }
	}
	path := func(file string) func(*Endpoint) {
		return func(e *Endpoint) { e.CredentialsFile = file }
	}
	cases := map[string]struct {
		change  func(*Endpoint)
		field   string
		problem string
	}{
		"no bucket":         {func(e *Endpoint) { e.Spec.Name = "" }, "Bucket", "must not be empty"},
		"bucket with a dot": {func(e *Endpoint) { e.Spec.Name = "a.b" }, "Bucket", "only letters"},
		"history 1":         {func(e *Endpoint) { e.Spec.History = 1 }, "History", "from 2 to 64, not 1"},
		"history 65":        {func(e *Endpoint) { e.Spec.History = 65 }, "History", "from 2 to 64, not 65"},
		"no replicas":       {func(e *Endpoint) { e.Spec.Replicas = 0 }, "Replicas", "1 to 5 replicas, not 0"},
		"6 replicas":        {func(e *Endpoint) { e.Spec.Replicas = 6 }, "Replicas", "1 to 5 replicas, not 6"},

		"no server":              {func(e *Endpoint) { e.Servers = nil }, "Servers", "has no server"},
		"empty server":           {server(""), "Servers", "has no scheme"},
		"host alone":             {server("b:4222"), "Servers", "has no scheme"},
		"tls":                    {server("tls://b:4222"), "Servers", "KINE does not support the scheme tls"},
		"wss":                    {server("wss://b:4222"), "Servers", "KINE does not support the scheme wss"},
		"ws":                     {server("ws://b:4222"), "Servers", `KINE does not support the scheme "ws"`},
		"capitals":               {server("NATS://b:4222"), "Servers", `KINE does not support the scheme "NATS"`},
		"jetstream":              {server("jetstream://b:4222"), "Servers", "only works in front of another URL"},
		"another system":         {server("https://b:4222"), "Servers", `KINE does not support the scheme "https"`},
		"credentials in a URL":   {server("nats://u:hunter2@b:4222"), "Servers", "contains credentials"},
		"password with a slash":  {server("nats://u:1/hunter2@b:4222"), "Servers", "contains credentials"},
		"parameters":             {server("nats://b:4222?bucket=x"), "Servers", "has parameters"},
		"a path":                 {server("nats://b:4222/kine"), "Servers", "path"},
		"a slash":                {server("nats://b:4222/"), "Servers", "ignores everything except the host and port"},
		"an empty fragment":      {server("nats://b:4222#"), "Servers", "ignores everything except the host and port"},
		"two in one":             {server("nats://b:4222,nats://c:4222"), "Servers", "contains a comma"},
		"port 0":                 {server("nats://b:0"), "Servers", "not between 1 and 65535"},
		"port 99999":             {server("nats://b:99999"), "Servers", "not between 1 and 65535"},
		"no port":                {server("nats://b:"), "Servers", "no port"},
		"port by name":           {server("nats://b:nats"), "Servers", "not a URL"},
		"IPv6 without brackets":  {server("nats://::1:4222"), "Servers", "brackets"},
		"IPv6 with a zone":       {server("nats://[fe80::1%25eth0]:4222"), "Servers", "zone"},
		"encoded host":           {server("nats://%C3%BC:4222"), "Servers", "encoded characters"},
		"no host":                {server("nats://:4222"), "Servers", "no host"},
		"the same server again":  {server("nats://a:4222"), "Servers", "server 2 is the same as server 1"},
		"the same in capitals":   {server("nats://A:4222"), "Servers", "server 2 is the same as server 1"},
		"servers with a context": {func(e *Endpoint) { e.ContextFile = "/context.json" }, "Servers", "refuses servers in addition to a context file"},

		"password with @":          {func(e *Endpoint) { e.User, e.Password = "u", "hunter2@" }, "Password", "KINE sends percent-encoded"},
		"password with a percent":  {func(e *Endpoint) { e.User, e.Password = "u", "hunter2%40" }, "Password", "KINE sends percent-encoded"},
		"password with a colon":    {func(e *Endpoint) { e.User, e.Password = "u", "hunter2:" }, "Password", "KINE sends percent-encoded"},
		"password with a space":    {func(e *Endpoint) { e.User, e.Password = "u", "hunter2 " }, "Password", "KINE sends percent-encoded"},
		"password with a comma":    {func(e *Endpoint) { e.User, e.Password = "u", "hunter2," }, "Password", "KINE sends percent-encoded"},
		"password beyond ASCII":    {func(e *Endpoint) { e.User, e.Password = "u", "hunter2ü" }, "Password", "KINE sends percent-encoded"},
		"user with a slash":        {func(e *Endpoint) { e.User, e.Password = "u/", "hunter2" }, "User", "KINE sends percent-encoded"},
		"token with a slash":       {func(e *Endpoint) { e.Token = "hunter2/" }, "Token", "KINE sends percent-encoded"},
		"redacted token":           {func(e *Endpoint) { e.Token = "xxxxx" }, "Token", "redacted endpoint"},
		"user without password":    {func(e *Endpoint) { e.User = "u" }, "Password", "as a token"},
		"password without user":    {func(e *Endpoint) { e.Password = "hunter2" }, "User", "needs a user"},
		"user and token":           {func(e *Endpoint) { e.User, e.Password, e.Token = "u", "hunter2", "t" }, "Token", "more than one way"},
		"credentials and token":    {func(e *Endpoint) { e.CredentialsFile, e.Token = "/c", "t" }, "Token", "more than one way"},
		"credentials and password": {func(e *Endpoint) { e.CredentialsFile, e.User, e.Password = "/c", "u", "p" }, "User", "more than one way"},
		"context and credentials": {func(e *Endpoint) { e.Servers, e.ContextFile, e.CredentialsFile = nil, "/x", "/c" },
			"CredentialsFile", "more than one way"},

		"a home directory":        {path("~/nats.creds"), "CredentialsFile", "does not expand the ~"},
		"a relative path":         {path("nats.creds"), "CredentialsFile", "is relative"},
		"a line break in a path":  {path("/nats\n.creds"), "CredentialsFile", "line break"},
		"a zero byte in a path":   {path("/nats\x00.creds"), "CredentialsFile", "character 6 is a NUL"},
		"a relative context":      {func(e *Endpoint) { e.Servers, e.ContextFile = nil, "x.json" }, "ContextFile", "is relative"},
		"a relative CA":           {func(e *Endpoint) { e.CAFile = "ca.pem" }, "CAFile", "is relative"},
		"a relative certificate":  {func(e *Endpoint) { e.CertFile, e.KeyFile = "c.pem", "/k.pem" }, "CertFile", "is relative"},
		"a relative key":          {func(e *Endpoint) { e.CertFile, e.KeyFile = "/c.pem", "k.pem" }, "KeyFile", "is relative"},
		"certificate without key": {func(e *Endpoint) { e.CertFile = "/c.pem" }, "KeyFile", "without its key"},
		"key without certificate": {func(e *Endpoint) { e.KeyFile = "/k.pem" }, "CertFile", "without its client certificate"},
		"negative slow method":    {func(e *Endpoint) { e.SlowMethod = -1 }, "SlowMethod", "negative"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEndpoint(c.change)
			found := e.Check()
			if len(found) != 1 {
				t.Fatalf("Check found %v, want one problem of %s", found, c.field)
			}
			got := found[0]
			if got.Field != c.field || !strings.Contains(got.Problem, c.problem) || got.Remedy == "" {
				t.Errorf("Check found %s: %q, remedy %q; want %s: %q", got.Field, got.Problem, got.Remedy, c.field, c.problem)
			}
			wantIndex := -1
			if c.field == "Servers" && len(e.Servers) == 2 {
				wantIndex = 1
			}
			if got.Index != wantIndex {
				t.Errorf("the index is %d, want %d", got.Index, wantIndex)
			}
			if strings.Contains(got.Error(), "hunter2") {
				t.Errorf("the error quotes a secret: %v", got)
			}
			for what, build := range map[string]func() (string, error){"URL": e.URL, "Redacted": e.Redacted, "K3sConfig": e.K3sConfig} {
				if text, err := build(); err == nil {
					t.Errorf("%s is %q, want an error", what, text)
				}
			}
			if environment, err := e.Environment(); err == nil {
				t.Errorf("Environment is %v, want an error", environment)
			}
		})
	}
}

// Check finds all problems in one call.
func TestEndpointCheckFindsAll(t *testing.T) {
	e := Endpoint{
		Servers: []string{"tls://a", "nats://b", "nats://c/d"}, CredentialsFile: "~/c", KeyFile: "/k", User: "ü", Token: "t",
		SlowMethod: -time.Second,
	}
	var fields []string
	for _, found := range e.Check() {
		fields = append(fields, found.Field)
	}
	slices.Sort(fields)
	want := []string{"Bucket", "CertFile", "CredentialsFile", "History", "Password", "Replicas", "Servers", "Servers",
		"SlowMethod", "Token", "User", "User"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("the fields differ:\n%s", diff)
	}
}
