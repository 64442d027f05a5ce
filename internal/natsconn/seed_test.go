package natsconn

import (
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

func TestCheckSeed(t *testing.T) {
	user, userPublic := newSeed(t, nkeys.CreateUser)
	account, _ := newSeed(t, nkeys.CreateAccount)
	operator, _ := newSeed(t, nkeys.CreateOperator)
	server, _ := newSeed(t, nkeys.CreateServer)
	other := "A"
	if user[20] == 'A' {
		other = "B"
	}
	wrong := user[:20] + other + user[21:]
	for name, c := range map[string]struct{ seed, wantErr string }{
		"a user's":                {user, ""},
		"a user's and a newline":  {user + "\n", ""},
		"a line break within":     {user[:20] + "\n" + user[20:], "character 21 is a line break: remove it"},
		"a carriage return":       {user[:30] + "\r" + user[30:], "character 31 is a carriage return: remove it"},
		"a byte order mark":       {"\ufeff" + user, "it starts with a byte order mark (U+FEFF): remove it"},
		"a zero-width space":      {user + "\u200b\n", "it ends with a zero-width space (U+200B): remove it"},
		"a non-breaking space":    {user + "\u00a0", "it ends with a non-breaking space (U+00A0): remove it"},
		"an account's":            {account, "the seed of an account key"},
		"an operator's":           {operator, "the seed of an operator key"},
		"a server's":              {server, "the seed of a server key"},
		"a public key":            {userPublic, "not an NKey seed"},
		"a wrong checksum":        {wrong, "not an NKey seed"},
		"cut off":                 {user[:40], "not an NKey seed"},
		"empty":                   {"", "not an NKey seed"},
		"something else entirely": {"correct horse battery staple", "not an NKey seed"},
	} {
		t.Run(name, func(t *testing.T) {
			checkError(t, CheckSeed(c.seed, UserKey), c.wantErr, user[4:], account[4:], operator[4:], server[4:],
				userPublic[4:], "horse")
		})
	}
}

func TestCheckSeedOfEachKind(t *testing.T) {
	seeds := map[KeyKind]string{}
	for _, kind := range KeyKinds() {
		seeds[kind], _ = newSeed(t, func() (nkeys.KeyPair, error) {
			prefix, err := kind.Prefix()
			if err != nil {
				return nil, err
			}
			return nkeys.CreatePair(prefix)
		})
		if got := seeds[kind][:2]; got != kind.SeedPrefix() {
			t.Errorf("the seed of %s starts with %s, not %s", kind.article(), got, kind.SeedPrefix())
		}
		if seed, got, err := ParseSeed(" " + seeds[kind] + "\r\n"); err != nil || got != kind || seed != seeds[kind] {
			t.Errorf("the seed of %s is said to be of the kind %s, or not itself, %v", kind.article(), got, err)
		}
		_, _, err := ParseSeed(seeds[kind][:50])
		checkError(t, err, "not an NKey seed", seeds[kind][4:50])
	}
	for _, needed := range KeyKinds() {
		for found, seed := range seeds {
			want := ""
			if found != needed {
				want = "the seed of " + found.article() + " key: " + needed.article() + "'s seed, which starts with " +
					needed.SeedPrefix()
			}
			checkError(t, CheckSeed(seed, needed), want, seed[4:])
		}
		checkError(t, CheckSeed("horse", needed), "starts with "+needed.SeedPrefix()+" and has", "horse")
	}
	checkError(t, CheckSeed(seeds[UserKey], "robot"), `"robot" is not a kind of NKey`, seeds[UserKey][4:])
}

// A public key is checked for its kind, and a seed in its place is not repeated.
func TestCheckPublicKey(t *testing.T) {
	for _, kind := range KeyKinds() {
		prefix, err := kind.Prefix()
		if err != nil {
			t.Fatal(err)
		}
		pair, err := nkeys.CreatePair(prefix)
		if err != nil {
			t.Fatal(err)
		}
		public, _ := pair.PublicKey()
		seed, _ := pair.Seed()
		if err := CheckPublicKey(public, kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		other := AccountKey
		if kind == AccountKey {
			other = UserKey
		}
		if err := CheckPublicKey(public, other); err == nil || !strings.Contains(err.Error(), "public key of") {
			t.Errorf("%s for %s: %v", kind, other, err)
		}
		err = CheckPublicKey(string(seed), kind)
		if err == nil || !strings.Contains(err.Error(), "it is a seed") || strings.Contains(err.Error(), string(seed)) {
			t.Errorf("a seed of %s: %v", kind, err)
		}
	}
	for _, key := range []string{"", "A", "kine", strings.Repeat("B", 56)} {
		if err := CheckPublicKey(key, AccountKey); err == nil ||
			!strings.Contains(err.Error(), "starts with A and has 56 characters") {
			t.Errorf("%q: %v", key, err)
		}
	}
	// Each of these passes the library's own check, which skips line breaks, or would once what is around it is trimmed.
	_, public := newSeed(t, nkeys.CreateUser)
	for text, want := range map[string]string{
		public + "\n":                    "it ends with a line break: remove it, for example with trimspace()",
		public + "\r\n":                  "it ends with a line break: remove it, for example with trimspace()",
		"\n" + public:                    "it starts with a line break: remove it, for example with trimspace()",
		" " + public:                     "it starts with a space: remove it, for example with trimspace()",
		public + "\t":                    "it ends with a tab: remove it, for example with trimspace()",
		public[:10] + "\n" + public[10:]: "character 11 is a line break: remove it",
		public[:10] + "\r" + public[10:]: "character 11 is a carriage return: remove it",
		"\ufeff" + public:                "it starts with a byte order mark (U+FEFF): remove it",
		public + "\u200b":                "it ends with a zero-width space (U+200B): remove it",
		public + "\x00":                  "it ends with a NUL: remove it",
		public + "=":                     "it is not an nkey",
		public + "A":                     "it is not an nkey",
		strings.ToLower(public):          "it is not an nkey",
		public[:55]:                      "it is not an nkey",
		"U" + public[1:20] + "\u200b" + public[20:]: "it is not an nkey",
	} {
		if err := CheckPublicKey(text, UserKey); err == nil || !strings.HasPrefix(err.Error(), want) ||
			strings.Contains(err.Error(), public[10:30]) {
			t.Errorf("%q: %v, not %q", text, err, want)
		}
		if err := CheckPublicKey(text, AccountKey); err == nil {
			t.Errorf("%q is an account's key", text)
		}
	}
	if err := CheckPublicKey("x", "robot"); err == nil {
		t.Error("an unknown kind is known")
	}
}
