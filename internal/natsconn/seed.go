package natsconn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// KeyKind is the kind of an NKey. Its value is the name of the kind.
type KeyKind string

// Kinds of NKeys.
const (
	OperatorKey KeyKind = "operator"
	AccountKey  KeyKind = "account"
	UserKey     KeyKind = "user"
	ServerKey   KeyKind = "server"
	ClusterKey  KeyKind = "cluster"
	// CurveKey is for x25519 encryption and cannot sign.
	CurveKey KeyKind = "curve"
)

// keyKinds lists all kinds with their prefix bytes in the nkeys library.
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

// Prefix returns the prefix byte of the kind, or an error for an unknown kind.
func (k KeyKind) Prefix() (nkeys.PrefixByte, error) {
	for _, known := range keyKinds {
		if known.kind == k {
			return known.prefix, nil
		}
	}
	return 0, secret.Errorf("%q is not a kind of NKey: use one of %v", string(k), KeyKinds())
}

// SeedPrefix returns the first two letters of a seed of the kind, for example "SU". It returns an empty string for an
// unknown kind.
func (k KeyKind) SeedPrefix() string {
	prefix, err := k.Prefix()
	if err != nil {
		return ""
	}
	return "S" + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[prefix>>3]) // base32: five bits a letter
}

// article returns the kind with its article.
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

// Lengths of keys in characters.
const (
	publicKeyLength = 56
	seedLength      = 58
)

// exact reports whether a string has the length and the alphabet of a key. The nkeys library accepts line breaks in a
// key.
func exact(key string, length int) bool {
	return len(key) == length &&
		!strings.ContainsFunc(key, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') })
}

// ParseSeed returns the seed in a string and the kind of its key pair. It trims white space around the seed, for
// example the line break at the end of a file. The error never contains the seed.
func ParseSeed(text string) (seed string, kind KeyKind, err error) {
	const form = "it starts with S and the letter of its kind, and has 58 characters"
	seed = strings.Trim(text, " \t\r\n")
	if !exact(seed, seedLength) {
		if _, _, err := nkeys.DecodeSeed([]byte(invisible.Trim(seed))); err == nil {
			return "", "", fmt.Errorf("not an NKey seed: %w", invisible.Check(seed))
		}
		return "", "", errors.New("not an NKey seed: " + form)
	}
	prefix, raw, err := nkeys.DecodeSeed([]byte(seed))
	if err != nil {
		return "", "", errors.New("not an NKey seed: " + form)
	}
	clear(raw)
	return seed, kindOf(prefix), nil
}

// KeyPair returns the key pair of a seed, parsed by [ParseSeed]. The error never contains the seed.
func KeyPair(seed string) (nkeys.KeyPair, error) {
	seed, _, err := ParseSeed(seed)
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return nil, errors.New("not an NKey seed")
	}
	return pair, nil
}

// IsSeed reports whether a string is a seed, ignoring invisible characters around it.
func IsSeed(text string) bool {
	_, raw, err := nkeys.DecodeSeed([]byte(invisible.Trim(text)))
	clear(raw)
	return err == nil
}

// CheckSeed checks that seed is the seed of a key pair of this kind, parsed by [ParseSeed]. The error names the actual
// kind and never contains the seed.
func CheckSeed(seed string, kind KeyKind) error {
	if _, err := kind.Prefix(); err != nil {
		return err
	}
	needed := kind.article() + "'s seed"
	_, found, err := ParseSeed(seed)
	switch {
	case err != nil && IsSeed(seed):
		return err
	case err != nil:
		return errors.New("not an NKey seed: " + needed + " starts with " + kind.SeedPrefix() + " and has 58 characters")
	case found != kind:
		return fmt.Errorf("it is the seed of %s key: %s, which starts with %s, is needed", found.article(), needed,
			kind.SeedPrefix())
	}
	return nil
}

// CheckPublicKey checks that key is exactly a public key of this kind. Servers compare keys as strings, so a key with a
// trailing line break is a different key. The error names the actual kind or the characters around the key. It does not
// contain the key, which may be a seed.
func CheckPublicKey(key string, kind KeyKind) error {
	want, err := kind.Prefix()
	if err != nil {
		return err
	}
	needed := fmt.Sprintf("the public key of %s is needed, which starts with %s and has %d characters", kind.article(),
		kind.SeedPrefix()[1:],
		publicKeyLength)
	bare := invisible.Trim(key)
	prefix := nkeys.Prefix(bare)
	switch isKey := nkeys.IsValidPublicKey(bare) || nkeys.IsValidPublicCurveKey(bare); {
	case key == "":
		return errors.New("it is empty: " + needed)
	case IsSeed(key):
		return errors.New("it is a seed, which is secret: " + needed)
	case isKey && prefix != want:
		return fmt.Errorf("it is the public key of %s: %s", kindOf(prefix).article(), needed)
	case isKey && invisible.Check(key) != nil:
		return invisible.Check(key)
	case !isKey || !exact(key, publicKeyLength):
		return errors.New("it is not an nkey: " + needed)
	}
	return nil
}
