package kine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// bootstrapPrefix is the prefix of the key under which k3s stores its certificates and keys, encrypted with the
// password of its token. It is followed by the first hashLength hexadecimal digits of the password's SHA-256:
// storageKey in k3s's pkg/cluster.
const (
	bootstrapPrefix = "/bootstrap/"
	hashLength      = 12
)

var hashPattern = regexp.MustCompile(`^[0-9a-f]{12}$`)

// bootstrapToken matches kubeadm's tokens, which join agents to a cluster but cannot start a server.
var bootstrapToken = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

// TokenHash returns the hash that k3s searches for in the bucket when it is started with a token: the first 12
// hexadecimal digits of the SHA-256 of the token's password. A token is either the password alone, or K10, the SHA-256
// of the cluster's certificate authority, two colons, a user, a colon and the password: parseToken in k3s's
// pkg/clientaccess. The error never contains the token.
func TokenHash(token string) (string, error) {
	password, err := tokenPassword(token)
	if err != nil {
		return "", err
	}
	return hash(password), nil
}

func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])[:hashLength]
}

func tokenPassword(token string) (string, error) {
	const secure = "K10"
	if token == "" {
		return "", errors.New("it is empty")
	}
	if token != strings.TrimSpace(token) {
		return "", errors.New("it has leading or trailing white space: use trimspace() to read it from a file")
	}
	rest, full := strings.CutPrefix(token, secure)
	if !full {
		rest = ":" + token
		if bootstrapToken.MatchString(token) {
			rest = token
		}
	} else if authority, credentials, ok := strings.Cut(rest, "::"); ok {
		if authority != "" && len(authority) != 2*sha256.Size {
			return "", fmt.Errorf("it has %d characters between K10 and ::, but a hash has %d", len(authority), 2*sha256.Size)
		}
		rest = credentials
	}
	if bootstrapToken.MatchString(rest) {
		return "", errors.New("it is a bootstrap token, which only agents can use: use the token of the servers")
	}
	_, password, ok := strings.Cut(rest, ":")
	if !ok || password == "" {
		return "", errors.New("it is neither of the form K10<CA hash>::<user>:<password> nor a password alone")
	}
	return password, nil
}

// TokenMismatchError is returned if k3s would not start on a bucket with the given token.
type TokenMismatchError struct {
	Bucket string
	// Found are the hashes of the tokens whose data is in the bucket.
	Found []string
}

func (e *TokenMismatchError) Error() string {
	return fmt.Sprintf("bucket %s holds the data of a k3s that was started with another token (hash %s), "+
		"and k3s does not start on it with this token", e.Bucket, strings.Join(e.Found, ", "))
}

// VerifyToken checks that k3s can start on a bucket with a token: the bucket must hold data of that token, or no data
// of k3s. Data under the empty password or under the whole text of the token, as old versions of k3s stored it, is
// accepted as well. The error is a [*TokenMismatchError], an error of [TokenHash], or an error of the connection. The
// permissions of KINE's user are sufficient.
func VerifyToken(ctx context.Context, js *natsconn.JetStream, bucket, token string) error {
	password, err := tokenPassword(token)
	if err != nil {
		return fmt.Errorf("the token cannot be used: %w", err)
	}
	found, err := BootstrapHashes(ctx, js, bucket)
	if err != nil || len(found) == 0 {
		return err
	}
	for _, accepted := range []string{hash(password), hash(token), hash("")} {
		if slices.Contains(found, accepted) {
			return nil
		}
	}
	return &TokenMismatchError{Bucket: bucket, Found: found}
}

// BootstrapHashes returns the hashes of the tokens whose data is in a bucket, sorted.
func BootstrapHashes(ctx context.Context, js *natsconn.JetStream, bucket string) ([]string, error) {
	prefix, err := EncodeKey(strings.TrimSuffix(bootstrapPrefix, "/"))
	if err != nil {
		panic(err) // a constant
	}
	subjects, err := bucketSubjects(ctx, js, bucket, prefix+".*")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, subject := range subjects {
		key, err := DecodeKey(strings.TrimPrefix(subject, KeySubject(bucket, "")))
		digits, ok := strings.CutPrefix(key, bootstrapPrefix)
		if err != nil || !ok || !hashPattern.MatchString(digits) {
			continue // not a key of k3s
		}
		live, err := isLive(ctx, js, bucket, subject)
		if err != nil {
			return nil, err
		}
		if live {
			found = append(found, digits)
		}
	}
	return found, nil
}

// bucketSubjects returns the subjects of a bucket that match a filter below its prefix, sorted.
func bucketSubjects(ctx context.Context, js *natsconn.JetStream, bucket, filter string) ([]string, error) {
	subjects := map[string]uint64{}
	for {
		var page struct {
			Total int `json:"total"`
			State struct {
				Subjects map[string]uint64 `json:"subjects"`
			} `json:"state"`
		}
		request := map[string]any{"subjects_filter": KeySubject(bucket, filter), "offset": len(subjects)}
		err := natsconn.Retry(ctx, func(ctx context.Context) error {
			return js.Request(ctx, "STREAM.INFO."+StreamName(bucket), request, &page)
		})
		if err != nil {
			return nil, err
		}
		before := len(subjects)
		maps.Copy(subjects, page.State.Subjects)
		if len(subjects) == before || len(subjects) >= page.Total {
			return slices.Sorted(maps.Keys(subjects)), nil
		}
	}
}

// isLive reports whether the last message of a key's subject is a value. KINE deletes a key with a tombstone followed
// by a delete marker; the marker may not exist yet.
func isLive(ctx context.Context, js *natsconn.JetStream, bucket, subject string) (bool, error) {
	var msg *nats.Msg
	err := natsconn.Retry(ctx, func(ctx context.Context) (err error) {
		msg, err = js.DirectGet(ctx, StreamName(bucket), subject)
		return err
	})
	switch {
	case errors.Is(err, natsconn.ErrNoMessage): // deleted in the meantime
		return false, nil
	case err != nil:
		return false, err
	case msg.Header.Get("KV-Operation") != "":
		return false, nil
	}
	// A message that is not KINE's cannot be decoded, but it exists.
	value, err := decodeRecord(msg.Data)
	deleted := err == nil && value.Delete
	return !deleted, nil
}
