package claims

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// newUser returns the JWT of a new user, and its seed.
func newUser(t *testing.T) (token, seed string) {
	t.Helper()
	public, seed, err := NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	user := User{Claims: Claims{PublicKey: public, Name: "u"}}
	if token, err = user.Sign(t.Context(), newSigner(t, natsconn.AccountKey), SystemClock{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return token, seed
}

// Credentials are what clients read, and give the seed back.
func TestCredentials(t *testing.T) {
	token, seed := newUser(t)
	credentials, err := FormatCredentials(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := natsconn.CheckCredentials(credentials); err != nil {
		t.Error(err)
	}
	if !strings.Contains(credentials, token) {
		t.Error("the JWT is not in the credentials")
	}
	if got, err := CredentialsSeed(credentials); err != nil || got != seed {
		t.Errorf("the seed is another one: %v", err)
	}
	if at, err := CredentialsExpiry(credentials); err != nil || !at.IsZero() {
		t.Errorf("expires at %s: %v", at, err)
	}
}

// Credentials tell when they expire.
func TestCredentialsExpiry(t *testing.T) {
	public, seed, err := NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Now().Add(time.Hour).Truncate(time.Second)
	user := User{Claims: Claims{PublicKey: public, Name: "u", Expires: want}}
	token, err := user.Sign(t.Context(), newSigner(t, natsconn.AccountKey), SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := FormatCredentials(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := CredentialsExpiry(credentials); err != nil || !at.Equal(want) {
		t.Errorf("expires at %s, not %s: %v", at, want, err)
	}
	if at, err := CredentialsExpiry(seed); err == nil || !at.IsZero() || strings.Contains(err.Error(), seed) {
		t.Errorf("a seed expires at %s: %t", at, err != nil)
	}
}

// Errors tell what is wrong and hold no secret.
func TestCredentialsErrors(t *testing.T) {
	token, seed := newUser(t)
	_, otherSeed := newUser(t)
	_, accountSeed, err := NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	format := func(token, seed string) error {
		_, err := FormatCredentials(token, seed)
		return err
	}
	read := func(credentials string) error {
		_, err := CredentialsSeed(credentials)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"seed of another user": {format(token, otherSeed), "does not match"},
		"seed of an account":   {format(token, accountSeed), "seed"},
		"no JWT":               {format("eyJhbGci", seed), "do not form credentials"},
		"empty":                {read(""), "not contain the seed of a user"},
		"JWT alone":            {read(token), "not contain the seed of a user"},
		"account's seed":       {read(accountSeed), "not contain the seed of a user"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, c.err, c.says)
			continue
		}
		for _, secret := range []string{token, seed, otherSeed, accountSeed} {
			if strings.Contains(c.err.Error(), secret) {
				t.Errorf("%s: a secret is in the error", name)
			}
		}
	}
}
