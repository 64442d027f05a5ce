package validators

import (
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Credentials returns a validator of the content of credentials files. Its errors never show it.
func Credentials() validator.String {
	return String("the content of a credentials file", "Invalid Credentials", natsconn.CheckCredentials)
}

// Seed returns a validator of seeds of a kind of key. Its errors name the kinds and never show the seed.
func Seed(kind natsconn.KeyKind) validator.String {
	return String("the seed of a key pair", "Invalid Seed", func(seed string) error { return natsconn.CheckSeed(seed, kind) })
}

// PublicKey returns a validator of public keys of a kind of key pair.
func PublicKey(kind natsconn.KeyKind) validator.String {
	return String("a public key", "Invalid Public Key", func(key string) error { return natsconn.CheckPublicKey(key, kind) })
}
