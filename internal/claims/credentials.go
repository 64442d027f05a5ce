package claims

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// FormatCredentials returns the content of a credentials file: the JWT of a user and the seed of its key. The error
// contains neither.
func FormatCredentials(token, seed string) (string, error) {
	if err := natsconn.CheckSeed(seed, natsconn.UserKey); err != nil {
		return "", err
	}
	seed, _, err := natsconn.ParseSeed(seed)
	if err != nil {
		return "", err
	}
	text, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		return "", fmt.Errorf("the JWT and the seed do not form credentials: %w", err)
	}
	return string(text), nil
}

// CredentialsSeed returns the seed in the content of a credentials file. The error does not contain it.
func CredentialsSeed(credentials string) (string, error) {
	pair, err := jwt.ParseDecoratedUserNKey([]byte(credentials))
	if err != nil {
		return "", errors.New("the credentials do not contain the seed of a user")
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return "", errors.New("the credentials do not contain the seed of a user")
	}
	return string(seed), nil
}

// CredentialsAccount returns the public key of the account that the user in the content of a credentials file belongs
// to. The error contains nothing of the content.
func CredentialsAccount(credentials string) (string, error) {
	user, signature, err := credentialsUser(credentials)
	if err != nil {
		return "", err
	}
	if user.IssuerAccount != "" {
		return user.IssuerAccount, nil
	}
	return signature.Issuer, nil
}

// CredentialsExpiry returns when the user in the content of a credentials file expires, zero if it never does. The
// error contains nothing of the content.
func CredentialsExpiry(credentials string) (time.Time, error) {
	user, _, err := credentialsUser(credentials)
	if err != nil {
		return time.Time{}, err
	}
	return user.Expires, nil
}

func credentialsUser(credentials string) (*User, Signature, error) {
	user, signature, err := DecodeUser(Undecorated(credentials))
	if err != nil {
		return nil, Signature{}, errors.New("the credentials do not contain the JWT of a user")
	}
	return user, signature, nil
}
