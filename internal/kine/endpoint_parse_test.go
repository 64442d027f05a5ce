package kine

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// URLs that KINE reads completely, in addition to those that Endpoint.URL returns.
func TestParseEndpoint(t *testing.T) {
	cases := map[string]struct {
		url  string
		want Endpoint
	}{
		"the defaults":         {"nats://a:4222", testEndpoint(func(*Endpoint) {})},
		"noEmbed alone":        {"nats://a:4222?noEmbed", testEndpoint(func(*Endpoint) {})},
		"an empty query":       {"nats://a:4222?", testEndpoint(func(*Endpoint) {})},
		"leading zeros":        {"nats://a:4222?replicas=03&revHistory=020", testEndpoint(func(e *Endpoint) { e.Spec.Replicas, e.Spec.History = 3, 20 })},
		"encoded safe letters": {"nats://%75:%70@a:4222", testEndpoint(func(e *Endpoint) { e.User, e.Password = "u", "p" })},
		"an encoded plus":      {"nats://a:4222?credsFile=/a%2Bb", testEndpoint(func(e *Endpoint) { e.CredentialsFile = "/a+b" })},
		"an encoded @":         {"nats://a:4222?credsFile=/a%40b", testEndpoint(func(e *Endpoint) { e.CredentialsFile = "/a@b" })},
		"several servers":      {"nats://a,nats://b:1", Endpoint{Servers: []string{"nats://a", "nats://b:1"}, Spec: testSpec}},
		"a context file":       {"nats://?contextFile=/x.json", Endpoint{ContextFile: "/x.json", Spec: testSpec}},
		"a duration in hours":  {"nats://a:4222?slowMethod=1h", testEndpoint(func(e *Endpoint) { e.SlowMethod = time.Hour })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEndpoint(c.url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseEndpoint(%q) differs:\n%s", c.url, diff)
			}
		})
	}
}

// Everything that KINE ignores, misreads or rejects is an error, and no error quotes the password, which is hunter2
// with extra characters.
func TestParseEndpointRefuses(t *testing.T) {
	cases := map[string]struct{ url, want string }{
		"nothing":                        {"", "does not begin with nats://"},
		"a file":                         {"/var/lib/kine.db", "does not begin with nats://"},
		"another datastore":              {"postgres://user:hunter2@a/kine", "does not begin with nats://"},
		"tls":                            {"tls://a:4222", "does not begin with nats://"},
		"ws":                             {"ws://a:4222", "does not begin with nats://"},
		"capitals":                       {"NATS://a:4222", "does not begin with nats://"},
		"jetstream":                      {"jetstream://a:4222", "does not begin with nats://"},
		"jetstream in front of nats":     {"jetstream://nats://a:4222", "does not begin with nats://"},
		"one slash":                      {"nats:/a", "does not begin with nats://"},
		"no server":                      {"nats://", "has no server"},
		"an empty URL in the list":       {"nats://a,", "URL 2 of the endpoint does not begin"},
		"a space in the list":            {"nats://a, nats://b", "URL 2 of the endpoint does not begin"},
		"another scheme in the list":     {"nats://a,tls://b", "URL 2 of the endpoint does not begin"},
		"a query on the second URL":      {"nats://a,nats://b?bucket=x", "URL 2 of the endpoint has credentials or parameters"},
		"a user on the second URL":       {"nats://a,nats://u:hunter2@b", "URL 2 of the endpoint has credentials or parameters"},
		"a path":                         {"nats://a/kine", "path or a fragment"},
		"a path on the second URL":       {"nats://a,nats://b/kine", "URL 2 of the endpoint has a path or a fragment"},
		"a fragment":                     {"nats://a?bucket=x#replicas=3", "path or a fragment"},
		"the same server twice":          {"nats://a,nats://a", "server 2 is the same as server 1"},
		"port 0":                         {"nats://a:0", "not between 1 and 65535"},
		"port 99999":                     {"nats://a:99999", "not between 1 and 65535"},
		"no port":                        {"nats://a:", "no port"},
		"IPv6 without brackets":          {"nats://fe80::1:4222", "brackets"},
		"IPv6 with a zone":               {"nats://[fe80::1%25eth0]:4222", "zone"},
		"an encoded space in a host":     {"nats://a%20b", "cannot be parsed"},
		"replicas as a word":             {"nats://a?replicas=three", "replicas is not a number"},
		"replicas with a sign":           {"nats://a?replicas=-1", "replicas is not a number"},
		"replicas with a plus":           {"nats://a?replicas=%2B3", "replicas is not a number"},
		"replicas with a fraction":       {"nats://a?replicas=3.0", "replicas is not a number"},
		"replicas beyond a byte":         {"nats://a?replicas=300", "replicas is not a number"},
		"replicas with a space":          {"nats://a?replicas=%203", "replicas is not a number"},
		"replicas empty":                 {"nats://a?replicas=", "replicas is empty"},
		"no replicas":                    {"nats://a?replicas=0", "1 to 5 replicas, not 0"},
		"6 replicas":                     {"nats://a?replicas=6", "1 to 5 replicas, not 6"},
		"history as a word":              {"nats://a?revHistory=x", "revHistory is not a number"},
		"history beyond a byte":          {"nats://a?revHistory=256", "revHistory is not a number"},
		"history in hexadecimal":         {"nats://a?revHistory=0x10", "revHistory is not a number"},
		"history 1":                      {"nats://a?revHistory=1", "from 2 to 64, not 1"},
		"history 65":                     {"nats://a?revHistory=65", "from 2 to 64, not 65"},
		"slow method without a unit":     {"nats://a?slowMethod=1", "slowMethod is not a duration"},
		"slow method of nothing":         {"nats://a?slowMethod=0s", "slowMethod is not positive"},
		"slow method below nothing":      {"nats://a?slowMethod=-1s", "slowMethod is not positive"},
		"an unknown parameter":           {"nats://a?buckets=x", "has a parameter buckets"},
		"a parameter in other case":      {"nats://a?Bucket=x", "has a parameter Bucket"},
		"an embedded server":             {"nats://a?dataDir=/x", "has a parameter dataDir"},
		"a parameter twice":              {"nats://a?bucket=x&bucket=y", "bucket is set 2 times"},
		"a bucket that is none":          {"nats://a?bucket=a.b", "only letters"},
		"an empty bucket":                {"nats://a?bucket=", "bucket is empty"},
		"noEmbed=false":                  {"nats://a?noEmbed=false", "noEmbed as true, whatever its value"},
		"a plus in a path":               {"nats://a?credsFile=/a+b.creds", "reads as a space"},
		"a home directory":               {"nats://a?credsFile=~/k3s.creds", "does not expand the ~"},
		"a relative path":                {"nats://a?credsFile=k3s.creds", "is relative"},
		"a semicolon":                    {"nats://a?bucket=x;replicas=3", "cannot be parsed"},
		"a broken escape":                {"nats://a?bucket=%zz", "cannot be parsed"},
		"a server with a context":        {"nats://a?contextFile=/x.json", "servers in addition to a context file"},
		"a second server with a context": {"nats://?contextFile=/x.json,nats://b", "servers in addition to a context file"},
		"a user with a context":          {"nats://u:hunter2@?contextFile=/x.json", "more than one way"},
		"a user with credentials":        {"nats://u:hunter2@a?credsFile=/c", "more than one way"},
		"an empty user":                  {"nats://@a", "without a user or token"},
		"a password alone":               {"nats://:hunter2@a", "without a user or token"},
		"a user without its password":    {"nats://u:@a", "without a password"},
		"an encoded password":            {"nats://u:hunter2%40@a", "password has characters"},
		"an encoded token":               {"nats://hunter2%2F@a", "token has characters"},
		"an @ in the password":           {"nats://u:@hunter2@@a", "password has characters"},
		"a colon in the password":        {"nats://u:1:hunter2@a", "password has characters"},
		"a slash in the password":        {"nats://u:1/hunter2@a", "an @ that does not end its credentials"},
		"a question mark in it":          {"nats://u:1?hunter2=@a", "an @ that does not end its credentials"},
		"a bucket in it":                 {"nats://u:1?bucket=hunter2@a", "an @ that does not end its credentials"},
		"a hash in it":                   {"nats://u:1#hunter2@a", "an @ that does not end its credentials"},
		"a comma in it":                  {"nats://u:1,hunter2@a", "URL 2 of the endpoint does not begin"},
		"a URL in it":                    {"nats://u:1?hunter2=x,nats://@a", "URL 2 of the endpoint has credentials"},
		"a percent sign in it":           {"nats://u:hunter2%@a", "cannot be parsed"},
		"a space in it":                  {"nats://u:hunter2 3@a", "cannot be parsed"},
		"no port but a password":         {"nats://u:hunter2", "cannot be parsed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEndpoint(c.url)
			if err == nil {
				t.Fatalf("ParseEndpoint(%q) is %+v, want an error", c.url, got)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseEndpoint(%q): %v; want %q", c.url, err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the password: %v", err)
			}
		})
	}
}

// Every endpoint that Check accepts is parsed back from its URL.
func FuzzEndpointURL(f *testing.F) {
	for way := range uint8(5) {
		f.Add("a:4222", "", "kine", uint8(10), uint8(1), way, "k3s", "secret", int64(0))
		f.Add("nats.example.com", "[::1]:4222", "A-b_9", uint8(64), uint8(5), way, "-_.~$&+;=", "a b/,&#%+?=@:;\"'ü",
			int64(1500*time.Millisecond))
		f.Add("10.0.0.1", "ü", "k", uint8(2), uint8(3), way, "xxxxx", "xxxxx", int64(1))
	}
	f.Fuzz(func(t *testing.T, first, second, bucket string, history, replicas, way uint8, name, secret string, slow int64) {
		e := Endpoint{Spec: Spec{Name: bucket, History: int64(history), Replicas: int(replicas)},
			SlowMethod: time.Duration(slow)}
		for _, host := range []string{first, second} {
			if host != "" {
				e.Servers = append(e.Servers, "nats://"+host)
			}
		}
		switch way {
		case 0:
			e.User, e.Password = name, secret
		case 1:
			e.Token = name
		case 2:
			e.CredentialsFile = "/" + secret
		case 3:
			e.Servers, e.ContextFile = nil, "/"+secret
		}
		if len(e.Check()) > 0 {
			return
		}
		comesBack(t, e, e.URL)
		open := e
		open.User, open.Password, open.Token = "", "", ""
		comesBack(t, open, e.Redacted)
	})
}

// comesBack fails the test unless the URL parses to the endpoint.
func comesBack(t *testing.T, want Endpoint, build func() (string, error)) {
	t.Helper()
	url, err := build()
	if err != nil {
		t.Fatalf("Check accepts what has no URL: %v", err)
	}
	got, err := ParseEndpoint(url)
	if err != nil {
		t.Fatalf("%q, of %+v: %v", url, want, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q comes back as another endpoint:\n%s", url, diff)
	}
}

// A password put into a URL without encoding is never quoted in an error, whatever it contains.
func FuzzParseEndpointSecret(f *testing.F) {
	const secret = "hunter2"
	for _, odd := range []string{"", "@", "/", "?", "#", ",", ":", "%", "1?bucket=", ",nats://", "1?x=y,nats://", "1/",
		"@[", "+", "&", "1?bucket=a&"} {
		f.Add(odd, "", "")
		f.Add("", odd, "?bucket=kine")
		f.Add(odd, odd, ",nats://b")
	}
	f.Fuzz(func(t *testing.T, before, after, rest string) {
		if strings.Contains(rest, secret) {
			return
		}
		if e, err := ParseEndpoint("nats://user:" + before + secret + after + "@host:4222" + rest); err != nil &&
			strings.Contains(err.Error(), secret) {
			t.Fatalf("%q, %q: the error for %+v quotes the password: %v", before, after, e, err)
		}
	})
}
