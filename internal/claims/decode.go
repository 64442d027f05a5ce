package claims

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Signature holds the fields that signing adds to claims.
type Signature struct {
	// Issuer is the public key that signed. Decoding verifies the signature. The caller decides whether the issuer is
	// trusted.
	Issuer string
	// ID is a hash of the fields that all kinds of JWT have in common.
	ID string
	// IssuedAt is in whole seconds.
	IssuedAt time.Time
}

// DecodeOperator reads the JWT of an operator and verifies that its issuer signed it.
func DecodeOperator(token string) (*Operator, Signature, error) {
	claims, signature, err := decode[*jwt.OperatorClaims](token, "an operator")
	if err != nil {
		return nil, Signature{}, err
	}
	return operatorFrom(claims), signature, nil
}

// DecodeAccount reads the JWT of an account and verifies that its issuer signed it.
func DecodeAccount(token string) (*Account, Signature, error) {
	claims, signature, err := decode[*jwt.AccountClaims](token, "an account")
	if err != nil {
		return nil, Signature{}, err
	}
	return accountFrom(claims), signature, nil
}

// DecodeUser reads the JWT of a user and verifies that its issuer signed it.
func DecodeUser(token string) (*User, Signature, error) {
	claims, signature, err := decode[*jwt.UserClaims](token, "a user")
	if err != nil {
		return nil, Signature{}, err
	}
	return userFrom(claims), signature, nil
}

// DecodeActivation reads an activation token and verifies that its issuer signed it.
func DecodeActivation(token string) (*Activation, Signature, error) {
	claims, signature, err := decode[*jwt.ActivationClaims](token, "an activation")
	if err != nil {
		return nil, Signature{}, err
	}
	return activationFrom(claims), signature, nil
}

// decode reads claims of one type. The error does not contain the token.
func decode[T jwt.Claims](token, what string) (T, Signature, error) {
	var none T
	decoded, err := jwt.Decode(Undecorated(token))
	if err != nil {
		return none, Signature{}, fmt.Errorf("not the JWT of %s: %w", what, err)
	}
	claims, ok := decoded.(T)
	if !ok {
		return none, Signature{}, secret.Errorf("not the JWT of %s: its type is %q", what, decoded.ClaimType())
	}
	data := claims.Claims()
	return claims, Signature{Issuer: data.Issuer, ID: data.ID, IssuedAt: timeFrom(data.IssuedAt)}, nil
}
