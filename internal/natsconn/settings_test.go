package natsconn

import (
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

func TestParseServer(t *testing.T) {
	// secret stands for a password in a URL that is refused, and must not come back in the error.
	const secret = "s3cr3t"
	cases := []struct {
		server string
		// want is the URL that is read; wantErr is part of the error for a server that is refused.
		want, wantErr string
	}{
		{server: "nats://host:4222", want: "nats://host:4222"},
		{server: "host", want: "nats://host"},
		{server: "host:4222", want: "nats://host:4222"},
		{server: "tls://host", want: "tls://host"},
		{server: "ws://host:8080/nats", want: "ws://host:8080/nats"},
		{server: "wss://host", want: "wss://host"},
		{server: "NATS://host", want: "nats://host"},
		{server: "nats://host:4222/", want: "nats://host:4222/"},
		{server: "nats://10.0.0.1:1", want: "nats://10.0.0.1:1"},
		{server: "nats://10.0.0.1:65535", want: "nats://10.0.0.1:65535"},
		{server: "nats://[::1]:4222", want: "nats://[::1]:4222"},
		{server: "nats://[fe80::1%25eth0]", want: "nats://[fe80::1%25eth0]"},
		{server: "nats://nats_1.example.com", want: "nats://nats_1.example.com"},
		{server: "nats://straße.example", want: "nats://stra%C3%9Fe.example"},

		{server: "", wantErr: "is empty"},
		{server: "  ", wantErr: "is empty"},
		{server: " nats://host", wantErr: "white space"},
		{server: "nats://host\n", wantErr: "white space"},
		{server: "nats://a,nats://b", wantErr: "contains a comma"},
		{server: "nats://user:" + secret + "@host", wantErr: "contains credentials"},
		{server: "nats://" + secret + "@host", wantErr: "contains credentials"},
		{server: "user:" + secret + "@host", wantErr: "contains credentials"},
		{server: "nats://user:" + secret + "/x@host", wantErr: "contains credentials"},
		{server: "nats://user:1/" + secret + "@host", wantErr: "contains credentials"},
		{server: "nats://user:1?" + secret + "@host", wantErr: "contains credentials"},
		{server: "nats://user:%zz" + secret + "@host", wantErr: "contains credentials"},
		{server: "http://host", wantErr: `unknown scheme "http"`},
		{server: "jetstream://host", wantErr: `unknown scheme "jetstream"`},
		{server: "nats://host/path", wantErr: `has a path "/path"`},
		{server: "tls://host/path", wantErr: "has a path"},
		{server: "nats://host?bucket=kine", wantErr: "parameters"},
		{server: "nats://host?", wantErr: "parameters"},
		{server: "wss://host/#f", wantErr: "fragment"},
		{server: "nats://", wantErr: "no host"},
		{server: "nats://:4222", wantErr: "no host"},
		{server: "nats://host:", wantErr: "no port"},
		{server: "nats://host:0", wantErr: "port 0 is not between 1 and 65535"},
		{server: "nats://host:65536", wantErr: "port 65536 is not"},
		{server: "nats://host:99999999999999999999", wantErr: "is not between"},
		{server: "nats://host:port", wantErr: "invalid port"},
		{server: "nats://::1", wantErr: "must be in brackets"},
		{server: "nats://fe80::1:4222", wantErr: "must be in brackets"},
		{server: "nats://host;4222", wantErr: `"host;4222" is not a host`},
		{server: "nats://{host}", wantErr: "invalid character"},
		{server: "nats://[fe80::1%25e*]", wantErr: "is not a host"},
		{server: "nats://[zz]:4222", wantErr: "not a URL"},
		{server: "nats://%zz", wantErr: "not a URL"},
	}
	for _, c := range cases {
		t.Run(c.server, func(t *testing.T) {
			u, err := ParseServer(c.server)
			checkError(t, err, c.wantErr, secret)
			if err == nil && u.String() != c.want {
				t.Errorf("read as %s, not %s", u, c.want)
			}
		})
	}
}

// checkError fails the test unless err says want, and none of the secrets. Without a want, there must be no error.
func checkError(t *testing.T, err error, want string, secrets ...string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted; the error should say %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("the error is %q and does not say %q", err, want)
	}
	for _, secret := range secrets {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q contains the secret %q", err, secret)
		}
	}
}

func TestCheckCredentials(t *testing.T) {
	_, account := newOperator(t)
	good, other := newCredentials(t, account), newCredentials(t, account)
	token := lineAfter(t, good, "-----BEGIN NATS USER JWT-----")
	seed := lineAfter(t, good, "-----BEGIN USER NKEY SEED-----")
	accountSeed, _ := newSeed(t, nkeys.CreateAccount)
	replace := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }

	for name, c := range map[string]struct{ text, wantErr string }{
		"credentials":           {good, ""},
		"no newline at the end": {strings.TrimRight(good, "\n*- "), ""},
		"Windows line ends":     {strings.ReplaceAll(good, "\n", "\r\n"), ""},
		"empty":                 {"", "no JWT"},
		"garbage":               {"garbage", "no JWT"},
		"only a seed":           {seed, "no JWT"},
		"only a JWT":            {token, "no JWT"},
		"without the seed":      {replace(seed, ""), "seed between its BEGIN and END lines is missing"},
		"an account's seed":     {replace(seed, accountSeed), "seed between its BEGIN and END lines is missing"},
		"a broken seed":         {replace(seed, seed[:50]), "seed between its BEGIN and END lines is missing"},
		"a broken JWT":          {replace(token, token[:len(token)-10]), "not a user JWT"},
		"an account's JWT":      {replace(token, account.JWT()), "not a user JWT"},
		"another user's seed":   {replace(seed, lineAfter(t, other, "-----BEGIN USER NKEY SEED-----")), "do not match"},
		"the path of a file":    {"/etc/nats/user.creds", "no JWT"},
		"indented":              {"  " + strings.ReplaceAll(good, "\n", "\n  "), "no JWT"},
	} {
		t.Run(name, func(t *testing.T) {
			checkError(t, CheckCredentials(c.text), c.wantErr, seed[4:50], token[30:60], accountSeed[4:], account.JWT()[30:60])
		})
	}
}

// lineAfter returns the line that follows another one.
func lineAfter(t *testing.T, text, line string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, line+"\n")
	if !ok {
		t.Fatalf("there is no line %q", line)
	}
	found, _, _ := strings.Cut(rest, "\n")
	return found
}

func TestCheckDomain(t *testing.T) {
	for domain, wantErr := range map[string]string{
		"hub": "", "eu-west_1": "", "Ω": "",
		"": "leave it out", "a b": "white space", "a\tb": "is a tab", "a\n": "ends with a line break",
		"a\u200b": "zero-width space",
		"a.b":     "one of . * >", "*": "one of . * >", ">": "one of . * >",
	} {
		checkError(t, CheckDomain(domain), wantErr)
	}
}

func FuzzParseServer(f *testing.F) {
	for _, server := range []string{
		"nats://host:4222", "host", "nats://u:p@h", "wss://h/path", "nats://[::1]:1", "nats://[fe80::1%25e]", "nats://a,b",
		"://", "nats://h:0",
	} {
		f.Add(server)
	}
	f.Fuzz(func(t *testing.T, server string) {
		u, err := ParseServer(server)
		if err != nil {
			return
		}
		if u.User != nil || u.Hostname() == "" || strings.ContainsAny(server, ", \t\r\n@") {
			t.Errorf("%q is accepted as %q", server, u)
		}
		again, err := ParseServer(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("%q is read as %q, and that as %q, %v", server, u, again, err)
		}
	})
}

// Wherever a secret stands among the credentials of a URL, encoded or not, neither secret.URL nor the error of
// ParseServer shows it.
func FuzzRedact(f *testing.F) {
	const hidden = "hunter2hunter2"
	f.Add("nats://user:", "", "host:4222")
	f.Add("", "", "host")
	f.Add("user:1/", "x", "host")
	f.Add("nats://user:1?", "#", "host")
	f.Add("nats://a:b@h,nats://user:", "@", "host")
	f.Add("nats://user:%zz", "", "[::1]:1")
	f.Add("nats:user:", "/@", "host")
	f.Fuzz(func(t *testing.T, before, after, host string) {
		server := before + hidden + after + "@" + host
		if shown := secret.URL(server); strings.Contains(shown, hidden) {
			t.Errorf("secret.URL(%q) = %q", server, shown)
		}
		if _, err := ParseServer(server); err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("ParseServer(%q): %v", server, err)
		}
	})
}
