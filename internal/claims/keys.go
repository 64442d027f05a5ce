package claims

import (
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// NewKey makes a key pair.
func NewKey(kind natsconn.KeyKind) (publicKey, seed string, err error) {
	prefix, err := kind.Prefix()
	if err != nil {
		return "", "", err
	}
	pair, err := nkeys.CreatePair(prefix)
	if err != nil {
		return "", "", fmt.Errorf("making an nkey: %w", err)
	}
	defer pair.Wipe()
	if publicKey, err = pair.PublicKey(); err != nil {
		return "", "", fmt.Errorf("making an nkey: %w", err)
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", fmt.Errorf("making an nkey: %w", err)
	}
	return publicKey, string(secret), nil
}

// PublicKey returns the public half of the key pair with that seed, of whatever kind. The error never contains the seed.
func PublicKey(seed string) (string, error) {
	pair, err := natsconn.KeyPair(seed)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return "", errors.New("not an nkey seed")
	}
	return public, nil
}

// PublicKeyOf is [PublicKey] for the seed of a key pair of one kind. That of another kind is an error.
func PublicKeyOf(seed string, kind natsconn.KeyKind) (string, error) {
	if err := natsconn.CheckSeed(seed, kind); err != nil {
		return "", err
	}
	return PublicKey(seed)
}

// Signer holds a key pair that signs JWTs. It can be used by several goroutines.
type Signer struct {
	kind   natsconn.KeyKind
	public string

	mu sync.RWMutex
	// pair returns the key pair, and is nil once closed. It is a function because fmt prints what a pointer points to when it
	// meets a verb that does not fit, seed and all.
	pair func() nkeys.KeyPair
}

// NewSigner makes a signer of the seed of a key pair of that kind. The error never contains the seed.
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
		return nil, errors.New("not an nkey seed")
	}
	return &Signer{kind: kind, public: public, pair: func() nkeys.KeyPair { return pair }}, nil
}

// NewOperatorSigner makes a signer of an operator's seed (SO...), its identity's or that of a signing key: it signs operators
// and accounts.
func NewOperatorSigner(seed string) (*Signer, error) { return NewSigner(seed, natsconn.OperatorKey) }

// NewAccountSigner makes a signer of an account's seed (SA...), its identity's or that of a signing key: it signs users and
// activations.
func NewAccountSigner(seed string) (*Signer, error) { return NewSigner(seed, natsconn.AccountKey) }

// PublicKey returns the public half. It outlives Close.
func (s *Signer) PublicKey() string { return s.public }

// Close wipes the private half. What is signed afterwards fails.
func (s *Signer) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil {
		s.pair().Wipe()
		s.pair = nil
	}
}
