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
		"an account's":            {account, "that of an account key"},
		"an operator's":           {operator, "that of an operator key"},
		"a server's":              {server, "that of a server key"},
		"a public key":            {userPublic, "not an nkey seed"},
		"a wrong checksum":        {wrong, "not an nkey seed"},
		"cut off":                 {user[:40], "not an nkey seed"},
		"empty":                   {"", "not an nkey seed"},
		"something else entirely": {"correct horse battery staple", "not an nkey seed"},
	} {
		t.Run(name, func(t *testing.T) {
			checkError(t, CheckSeed(c.seed, UserKey), c.wantErr, user[4:], account[4:], operator[4:], server[4:], userPublic[4:], "horse")
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
		if got, err := KindOfSeed(" " + seeds[kind] + "\n"); err != nil || got != kind {
			t.Errorf("the seed of %s is said to be of the kind %s, %v", kind.article(), got, err)
		}
		_, err := KindOfSeed(seeds[kind][:50])
		checkError(t, err, "not an nkey seed", seeds[kind][4:50])
	}
	for _, needed := range KeyKinds() {
		for found, seed := range seeds {
			want := ""
			if found != needed {
				want = "that of " + found.article() + " key: " + needed.article() + "'s seed, which starts with " + needed.SeedPrefix()
			}
			checkError(t, CheckSeed(seed, needed), want, seed[4:])
		}
		checkError(t, CheckSeed("horse", needed), "starts with "+needed.SeedPrefix()+" and has", "horse")
	}
	checkError(t, CheckSeed(seeds[UserKey], "robot"), `"robot" is no kind of nkey`, seeds[UserKey][4:])
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
		if err := CheckPublicKey(key, AccountKey); err == nil || !strings.Contains(err.Error(), "starts with A and has 56 characters") {
			t.Errorf("%q: %v", key, err)
		}
	}
	if err := CheckPublicKey("x", "robot"); err == nil {
		t.Error("an unknown kind is known")
	}
}
