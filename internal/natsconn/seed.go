package natsconn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
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
	return 0, secret.Errorf("%q is no kind of nkey: use one of %v", string(k), KeyKinds())
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

// The lengths of keys in characters.
const (
	publicKeyLength = 56
	seedLength      = 58
)

// exact reports whether a text has the length of a key and its alphabet. The library skips line breaks in either.
func exact(key string, length int) bool {
	return len(key) == length && !strings.ContainsFunc(key, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') })
}

// ParseSeed returns the seed in a text and the kind of its key pair. White space around the seed, as a file has a line break at its
// end, is not part of it. The error never contains the seed.
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

// KeyPair returns the key pair of a seed, as [ParseSeed] reads it. The error never contains the seed.
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

// IsSeed reports whether a text is a seed, whatever stands around it.
func IsSeed(text string) bool {
	_, raw, err := nkeys.DecodeSeed([]byte(invisible.Trim(text)))
	clear(raw)
	return err == nil
}

// CheckSeed checks that seed is the seed of a key pair of that kind, as [ParseSeed] reads it. The error names the kind that was found
// and never contains the seed.
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
		return fmt.Errorf("the seed is that of %s key: %s, which starts with %s, is needed here", found.article(), needed, kind.SeedPrefix())
	}
	return nil
}

// CheckPublicKey checks that key is the public half of a key pair of that kind, and nothing else: servers compare keys as texts, so
// one with a line break at its end is another one. The error names the kind that was found, or what is around the key. It does not
// contain the key, which may be a seed.
func CheckPublicKey(key string, kind KeyKind) error {
	want, err := kind.Prefix()
	if err != nil {
		return err
	}
	needed := fmt.Sprintf("the public key of %s is needed, which starts with %s and has %d characters", kind.article(), kind.SeedPrefix()[1:],
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
