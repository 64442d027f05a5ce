package secret_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

const (
	jwtText     = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJBIn0.c2lnbmF0dXJl"
	contextText = `{"url":"nats://127.0.0.1:4222","token":"hunter2hunter2"}`
)

func newSeed(t *testing.T, prefix nkeys.PrefixByte) string {
	t.Helper()
	pair, err := nkeys.CreatePair(prefix)
	if prefix == nkeys.PrefixByteCurve {
		pair, err = nkeys.CreateCurveKeys()
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A text that clearly is or contains a secret is described. It is neither quoted nor treated as a path.
func TestSecretsAreDescribed(t *testing.T) {
	t.Parallel()
	user := newSeed(t, nkeys.PrefixByteUser)
	credentials := "-----BEGIN NATS USER JWT-----\n" + jwtText +
		"\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + user +
		"\n------END USER NKEY SEED------\n"
	texts := map[string]string{
		credentials:                           "the content of a credentials file",
		"-----BEGIN PRIVATE KEY-----" + user:  "a PEM block with a private key",
		"-----BEGIN CERTIFICATE-----\nMIIB\n": "a PEM block",
		contextText:                           "the content of a NATS context file",
		"{\n  \"nkey\": 1":                    "the content of a NATS context file",
		`{"a": 1}`:                            "JSON",
		`["hunter2hunter2"]`:                  "JSON",
		user + "\n":                           "an nkey seed",
		`"` + user + `"`:                      "an nkey seed",
		user[:len(user)-1]:                    "an nkey seed",
		user[:30]:                             "possibly a seed or a part of one",
		user[:20] + user[21:]:                 "an nkey seed",
		"NATS_NKEY=" + user:                   "text with an nkey seed in it",
		jwtText:                               "a JWT",
		"token=" + jwtText:                    "text with a JWT in it",
		"a\nb":                                "text with line breaks",
		"nats://user:hunter2hunter2@a:4222":   "a URL with credentials",
	}
	for _, prefix := range []nkeys.PrefixByte{nkeys.PrefixByteOperator, nkeys.PrefixByteAccount, nkeys.PrefixByteUser,
		nkeys.PrefixByteServer,
		nkeys.PrefixByteCluster, nkeys.PrefixByteCurve} {
		texts[newSeed(t, prefix)] = "an nkey seed"
	}
	for text, want := range texts {
		if got := secret.What(text); got != want {
			t.Errorf("What(%q) = %q, not %q", text, got, want)
		}
		if got := secret.Show(text); got != want {
			t.Errorf("Show(%q) = %q, not %q", text, got, want)
		}
		var not *secret.NotAPathError
		if _, err := secret.ReadFile(text); !errors.As(err, &not) || not.What != want {
			t.Errorf("ReadFile(%q): %v", text, err)
		}
	}
}

// JSON with the keys of a context file is a secret only if it contains one.
func TestContextsAreSecretIfTheyHoldOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		contextText: true, `{"nkey":"` + newSeed(t, nkeys.PrefixByteUser) + `"}`: true,
		`{"url":"https://example.com","user":"kine"}`: false, `{"url":"nats://a:4222","creds":"/etc/nats/user.creds"}`: false,
		`{"a":1}`: false,
	} {
		if got := secret.IsSecret(text); got != want {
			t.Errorf("IsSecret(%q) = %t", text, got)
		}
	}
}

// All other texts are quoted unchanged, up to the limit.
func TestOtherTextsAreQuoted(t *testing.T) {
	t.Parallel()
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "kine", public, "/etc/nats/SUPER.creds", "keys/A/" + public[1:3] + "/" + public + ".nk", "nats://[::1]:4222",
		"[::1]:4222",
		"orders.{{name()}}.>", "{{subject()}}", "eyJack", "a b", `C:\nats\user.creds`,
	} {
		if what, shown := secret.What(text), secret.Show(text); what != "" || shown != fmt.Sprintf("%q", text) {
			t.Errorf("%q is %q and shown as %s", text, what, shown)
		}
		if err := secret.CheckPath(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got := secret.Show("a\x1b[31m\u202eb"); got != `"a\x1b[31m\u202eb"` {
		t.Errorf("control characters: %s", got)
	}
	if got := secret.Show(strings.Repeat("é", 5000)); len(got) > 400 || !strings.HasSuffix(got, `é"… (5000 characters)`) {
		t.Errorf("a long text: %s", got)
	}
}

func TestSprintf(t *testing.T) {
	t.Parallel()
	if got := secret.Sprintf("%q, %s, %d, %v, %q, %5s|", jwtText, "plain", 7, true, []string{"a", jwtText}, "x"); got !=
		`a JWT, plain, 7, true, ["a" a JWT],     x|` {
		t.Errorf("Sprintf: %s", got)
	}
	cause := errors.New("cause")
	if err := secret.Errorf("%q: %w", jwtText, cause); err.Error() != "a JWT: cause" || !errors.Is(err, cause) {
		t.Errorf("Errorf: %v", err)
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	user := newSeed(t, nkeys.PrefixByteUser)
	for message, want := range map[string]string{
		"time: invalid duration \"" + user + "\"":                           "time: invalid duration \"(an nkey seed)\"",
		"open " + jwtText + ": file name too long":                          "open (a JWT): file name too long",
		fmt.Sprintf("got: %q", contextText):                                 `got: "(JSON)"`,
		"got: " + contextText + ".":                                         "got: (JSON).",
		"open -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----": "open (a PEM block)",
		"at -----BEGIN PRIVATE KEY-----\nMIIB":                              "at (a PEM block)",
		"open a\x1b[2J\u202eb\n":                                            "open a\ufffd[2J\ufffdb\n",
		`mirror is {"name":"KV_hub"}, not unset`:                            `mirror is {"name":"KV_hub"}, not unset`,
		"The account AB is there already.":                                  "The account AB is there already.",
	} {
		if got := secret.Scrub(message); got != want {
			t.Errorf("Scrub(%q) = %q, not %q", message, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	const unreadable = "(unreadable URL)"
	for server, want := range map[string]string{
		"nats://host:4222":                      "nats://host:4222",
		"host":                                  "nats://host",
		"wss://host/path":                       "wss://host/path",
		"nats://user:secret@host:4222":          "nats://xxxxx@host:4222",
		"nats://secret@host":                    "nats://xxxxx@host",
		"user:secret@host":                      "nats://xxxxx@host",
		"nats://user:se%40cret@host":            "nats://xxxxx@host",
		"nats://user:secret@a,nats://b":         "nats://xxxxx@a,nats://b",
		"nats://user:secret@a,nats://u:secr@b":  unreadable,
		"nats://user:se/cret@host":              unreadable,
		"nats://user:1/secret@host":             unreadable,
		"nats://user:1?secret@host":             unreadable,
		"nats://user:1#secret@host":             unreadable,
		"nats://user:%zzsecret@host":            unreadable,
		"nats://user:secret\x7f@host":           unreadable,
		"nats://us@er:secret@host":              "nats://xxxxx@host",
		"nats://user:secret@host:port":          unreadable,
		"nats://user:secret@host:4222/secret@x": unreadable,
		newSeed(t, nkeys.PrefixByteUser):        unreadable,
		jwtText:                                 unreadable,
	} {
		if got := secret.URL(server); got != want {
			t.Errorf("secret.URL(%q) = %q, not %q", server, got, want)
		}
	}
}
