package natsconn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"
)

// KeyKind is what an nkey is for. Its text is the kind's name.
type KeyKind string

// The kinds of nkeys.
const (
	OperatorKey KeyKind = "operator"
	AccountKey  KeyKind = "account"
	UserKey     KeyKind = "user"
	ServerKey   KeyKind = "server"
	ClusterKey  KeyKind = "cluster"
	// CurveKey is for encryption with x25519 and signs nothing.
	CurveKey KeyKind = "curve"
)

// keyKinds lists all kinds with the byte that nkeys has for them.
var keyKinds = []struct {
	kind   KeyKind
	prefix nkeys.PrefixByte
}{
	{OperatorKey, nkeys.PrefixByteOperator},
	{AccountKey, nkeys.PrefixByteAccount},
	{UserKey, nkeys.PrefixByteUser},
	{ServerKey, nkeys.PrefixByteServer},
	{ClusterKey, nkeys.PrefixByteCluster},
	{CurveKey, nkeys.PrefixByteCurve},
}

// KeyKinds returns all kinds.
func KeyKinds() []KeyKind {
	kinds := make([]KeyKind, 0, len(keyKinds))
	for _, k := range keyKinds {
		kinds = append(kinds, k.kind)
	}
	return kinds
}

// Prefix returns the byte that nkeys has for the kind, or an error for what is no kind.
func (k KeyKind) Prefix() (nkeys.PrefixByte, error) {
	for _, known := range keyKinds {
		if known.kind == k {
			return known.prefix, nil
		}
	}
	return 0, fmt.Errorf("%q is no kind of nkey: use one of %v", string(k), KeyKinds())
}

// SeedPrefix returns the two letters that a seed of the kind starts with, such as "SU", or an empty text for what is no kind.
func (k KeyKind) SeedPrefix() string {
	prefix, err := k.Prefix()
	if err != nil {
		return ""
	}
	return "S" + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[prefix>>3]) // base32: five bits a letter
}

// article names the kind with its article.
func (k KeyKind) article() string {
	if k == OperatorKey || k == AccountKey {
		return "an " + string(k)
	}
	return "a " + string(k)
}

// kindOf returns the kind of a prefix.
func kindOf(prefix nkeys.PrefixByte) KeyKind {
	for _, known := range keyKinds {
		if known.prefix == prefix {
			return known.kind
		}
	}
	return KeyKind(prefix.String())
}

// KindOfSeed returns the kind of the key pair that the seed is of. The error never contains the seed.
func KindOfSeed(seed string) (KeyKind, error) {
	prefix, raw, err := nkeys.DecodeSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return "", errors.New("not an nkey seed: it starts with S and the letter of its kind, and has 58 characters")
	}
	clear(raw)
	return kindOf(prefix), nil
}

// CheckSeed checks that seed is the seed of a key pair of that kind. The error names the kind that was found and never contains
// the seed.
func CheckSeed(seed string, kind KeyKind) error {
	want, err := kind.Prefix()
	if err != nil {
		return err
	}
	needed := kind.article() + "'s seed"
	prefix, raw, err := nkeys.DecodeSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return errors.New("not an nkey seed: " + needed + " starts with " + kind.SeedPrefix() + " and has 58 characters")
	}
	clear(raw)
	if prefix != want {
		return fmt.Errorf("the seed is that of %s key: %s, which starts with %s, is needed here",
			kindOf(prefix).article(), needed, kind.SeedPrefix())
	}
	return nil
}

// CheckPublicKey checks that key is the public half of a key pair of that kind. The error names the kind that was found; a seed that
// was given by mistake is never part of it.
func CheckPublicKey(key string, kind KeyKind) error {
	want, err := kind.Prefix()
	if err != nil {
		return err
	}
	needed := fmt.Sprintf("%s's public key starts with %s and has 56 characters", kind.article(), kind.SeedPrefix()[1:])
	if _, _, err := nkeys.DecodeSeed([]byte(strings.TrimSpace(key))); err == nil {
		return errors.New("it is a seed, which is secret: " + needed)
	}
	switch prefix := nkeys.Prefix(key); {
	case !nkeys.IsValidPublicKey(key) && !nkeys.IsValidPublicCurveKey(key):
		return errors.New("it is not an nkey: " + needed)
	case prefix != want:
		return fmt.Errorf("it is the public key of %s: %s", kindOf(prefix).article(), needed)
	}
	return nil
}
