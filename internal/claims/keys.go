package claims

import (
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// NewKey creates a key pair.
func NewKey(kind natsconn.KeyKind) (publicKey, seed string, err error) {
	prefix, err := kind.Prefix()
	if err != nil {
		return "", "", err
	}
	pair, err := nkeys.CreatePair(prefix)
	if err != nil {
		return "", "", fmt.Errorf("creating an NKey: %w", err)
	}
	defer pair.Wipe()
	if publicKey, err = pair.PublicKey(); err != nil {
		return "", "", fmt.Errorf("creating an NKey: %w", err)
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", fmt.Errorf("creating an NKey: %w", err)
	}
	return publicKey, string(secret), nil
}

// PublicKey returns the public key of a seed of any kind. The error never contains the seed.
func PublicKey(seed string) (string, error) {
	pair, err := natsconn.KeyPair(seed)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return "", errors.New("not an NKey seed")
	}
	return public, nil
}

// PublicKeyOf is [PublicKey] for a seed of the given kind. A seed of another kind is an error.
func PublicKeyOf(seed string, kind natsconn.KeyKind) (string, error) {
	if err := natsconn.CheckSeed(seed, kind); err != nil {
		return "", err
	}
	return PublicKey(seed)
}

// Signer holds a key pair that signs JWTs. It is safe for concurrent use.
type Signer struct {
	kind   natsconn.KeyKind
	public string

	mu sync.RWMutex
	// pair returns the key pair, or nil after Close. It is a function because fmt follows a pointer when a verb does not
	// fit, and would print the seed.
	pair func() nkeys.KeyPair
}

// NewSigner returns a signer for a seed of the given kind. The error never contains the seed.
func NewSigner(seed string, kind natsconn.KeyKind) (*Signer, error) {
	if err := natsconn.CheckSeed(seed, kind); err != nil {
		return nil, err
	}
	pair, err := natsconn.KeyPair(seed)
	if err != nil {
		return nil, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		pair.Wipe()
		return nil, errors.New("not an NKey seed")
	}
	return &Signer{kind: kind, public: public, pair: func() nkeys.KeyPair { return pair }}, nil
}

// NewOperatorSigner returns a signer of operators and accounts for an operator's seed (SO...), of its identity or a
// signing key.
func NewOperatorSigner(seed string) (*Signer, error) { return NewSigner(seed, natsconn.OperatorKey) }

// NewAccountSigner returns a signer of users and activations for an account's seed (SA...), of its identity or a
// signing key.
func NewAccountSigner(seed string) (*Signer, error) { return NewSigner(seed, natsconn.AccountKey) }

// PublicKey returns the public key. It works after Close.
func (s *Signer) PublicKey() string { return s.public }

// Close wipes the private key. Signing fails afterwards.
func (s *Signer) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil {
		s.pair().Wipe()
		s.pair = nil
	}
}
