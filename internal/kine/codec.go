package kine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shengdoushi/base58"
)

// noRootPrefix is the first token of a key that does not begin with a slash. It is no base58 text of a key's part, since
// nothing encodes to it: KINE's own decoder tells the two apart by it.
const noRootPrefix = "meta"

// EncodeKey returns the subject tokens that KINE stores an etcd key under, below the bucket's prefix: the key's parts
// between slashes, each in base58 with the Bitcoin alphabet, joined by dots. A key without a leading slash is put below
// "meta". It is the keyCodec of KINE's pkg/drivers/nats/codec.go. The empty key and "/" are errors.
func EncodeKey(key string) (string, error) {
	if key == "" || key == "/" {
		return "", fmt.Errorf("%q is not a key that KINE can store", key)
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

// DecodeKey is the inverse of [EncodeKey].
func DecodeKey(encoded string) (string, error) {
	tokens := strings.Split(encoded, ".")
	var key strings.Builder
	if tokens[0] == noRootPrefix {
		tokens = tokens[1:]
	} else {
		key.WriteByte('/')
	}
	if len(tokens) == 0 {
		return "", errors.New("the key has no parts")
	}
	for i, token := range tokens {
		if token == "" {
			return "", fmt.Errorf("%q is not the subject of a key: it has an empty token", encoded)
		}
		part, err := base58.Decode(token, base58.BitcoinAlphabet)
		if err != nil {
			return "", fmt.Errorf("%q is not the subject of a key: %q is not base58", encoded, token)
		}
		if i > 0 {
			key.WriteByte('/')
		}
		if string(part) != "/" {
			key.Write(part)
		}
	}
	return key.String(), nil
}
