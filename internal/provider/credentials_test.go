package provider_test

import (
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// seed returns the seed of a new key pair.
func seed(t *testing.T, kind natsconn.KeyKind) string {
	t.Helper()
	return acctest.NewKey(t, kind).Seed
}

// credentials returns the content of a credentials file of a user that no server knows.
func credentials(t *testing.T) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
