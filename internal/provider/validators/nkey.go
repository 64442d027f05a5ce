package validators

import (
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Credentials returns a validator for the content of a credentials file. Its errors never contain the value.
func Credentials() validator.String {
	return String("the content of a credentials file", "Invalid Credentials", natsconn.CheckCredentials)
}

// Seed returns a validator for a seed of this kind. Its errors name the kinds of keys and never contain the seed.
func Seed(kind natsconn.KeyKind) validator.String {
	return String("the seed of a key pair", "Invalid Seed",
		func(seed string) error { return natsconn.CheckSeed(seed, kind) })
}

// PublicKey returns a validator for a public key of this kind.
func PublicKey(kind natsconn.KeyKind) validator.String {
	return String("a public key", "Invalid Public Key",
		func(key string) error { return natsconn.CheckPublicKey(key, kind) })
}
