package kine

import (
	"strings"

	"github.com/shengdoushi/base58"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// noRootPrefix is the first token of a key that does not begin with a slash. It is also what the three bytes 84 f0 c3
// (hexadecimal) are in base58, so the one key part that cannot be told from it begins with them and is not UTF-8.
const noRootPrefix = "meta"

// EncodeKey returns the subject tokens that KINE stores an etcd key under, below the bucket's prefix: the key's parts
// between slashes, each in base58 with the Bitcoin alphabet, joined by dots. A key without a leading slash is put below
// "meta". It is the keyCodec of KINE's pkg/drivers/nats/codec.go. The empty key and "/" are errors.
func EncodeKey(key string) (string, error) {
	if key == "" || key == "/" {
		return "", secret.Errorf("%q is not a key that KINE can store", key)
	}
	rest, rooted := strings.CutPrefix(key, "/")
	var tokens []string
	if !rooted {
		tokens = append(tokens, noRootPrefix)
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" {
			part = "/" // an empty part, as in a//b or a/, is stored as the one character that no part contains
		}
		tokens = append(tokens, base58.Encode([]byte(part), base58.BitcoinAlphabet))
	}
	return strings.Join(tokens, "."), nil
}

// DecodeKey is the inverse of [EncodeKey]: what EncodeKey does not return is an error. A key whose first part is what
// noRootPrefix stands for comes back without that part, as it does from KINE. KINE's own decoder takes every first token
// that merely begins like noRootPrefix for it; this one does not.
func DecodeKey(encoded string) (string, error) {
	tokens := strings.Split(encoded, ".")
	var key strings.Builder
	if tokens[0] == noRootPrefix {
		tokens = tokens[1:]
	} else {
		key.WriteByte('/')
	}
	for i, token := range tokens {
		part, err := base58.Decode(token, base58.BitcoinAlphabet)
		if err != nil {
			return "", secret.Errorf("%q is not the subject of a key: %q is not base58", encoded, token)
		}
		if i > 0 {
			key.WriteByte('/')
		}
		if string(part) != "/" {
			key.Write(part)
		}
	}
	if again, err := EncodeKey(key.String()); err != nil || again != encoded {
		return "", secret.Errorf("%q is not the subject of a key: KINE would not store any under it", encoded)
	}
	return key.String(), nil
}
