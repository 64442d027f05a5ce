package natsconn

import (
	"errors"
	"os"
	"regexp"
	"strings"
)

// ErrNotAPath says that a setting which names a file holds what belongs into the file.
var ErrNotAPath = errors.New("it is not a path but what belongs into the file: give the path of a file that holds it")

// ReadSecretFile reads a file that holds a secret. A path that is no path but the secret itself, as it happens where a variable of the
// environment is mistaken, is [ErrNotAPath], and is in no error.
func ReadSecretFile(path string) ([]byte, error) {
	if err := CheckSecretPath(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// likeSeed finds seeds, also ones with quotes around them or a letter missing. No public key starts with an S, after which a file could be
// named.
var likeSeed = regexp.MustCompile(`(^|[^A-Z2-7])S[ACNOUX][A-Z2-7]{38}`)

// CheckSecretPath returns [ErrNotAPath] for what looks like a seed, a JWT, or the content of a credentials file.
func CheckSecretPath(path string) error {
	if likeSeed.MatchString(path) || strings.ContainsAny(path, "\r\n") || strings.Contains(path, "-----BEGIN") || strings.HasPrefix(path, "eyJ") {
		return ErrNotAPath
	}
	return nil
}
