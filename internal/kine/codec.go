package kine

import (
	"strings"

	"github.com/shengdoushi/base58"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// noRootPrefix is the first token of a key that does not begin with a slash. It is also the base58 encoding of the
// three bytes 84 f0 c3 (hexadecimal), which are not UTF-8, so no key part in UTF-8 is ambiguous.
const noRootPrefix = "meta"

// EncodeKey returns the subject tokens under which KINE stores an etcd key, without the bucket's prefix: the parts of
// the key between slashes, each in base58 with the Bitcoin alphabet, joined by dots. A key without a leading slash is
// stored below "meta". EncodeKey follows keyCodec in KINE's pkg/drivers/nats/codec.go. The empty key and "/" are
// errors.
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
			part = "/" // KINE stores an empty part, as in a//b or a/, as the character that no part contains
		}
		tokens = append(tokens, base58.Encode([]byte(part), base58.BitcoinAlphabet))
	}
	return strings.Join(tokens, "."), nil
}

// DecodeKey is the inverse of [EncodeKey]. Text that EncodeKey cannot return is an error. A key whose first part
// encodes to noRootPrefix is returned without that part, as KINE does. KINE's own decoder also treats any first token
// that begins with noRootPrefix as noRootPrefix; DecodeKey does not.
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
		return "", secret.Errorf("%q is not the subject of a key: KINE stores no key under it", encoded)
	}
	return key.String(), nil
}
