package claims

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Sign returns the operator's JWT, signed by its identity or by one of its signing keys and issued in a later second
// than after. It waits for that second; if after is more than five seconds ahead of the clock it returns a [ClockError]
// instead.
func (o *Operator) Sign(ctx context.Context, signer *Signer, clock Clock, after time.Time) (token string, err error) {
	return sign(ctx, o.claims(), signer, natsconn.OperatorKey, clock, after)
}

// Sign returns the account's JWT, signed by an operator and issued in a later second than after, which is the time of
// issue of the JWT that it replaces: servers keep the later one. It waits for that second; if after is more than five
// seconds ahead of the clock it returns a [ClockError] instead. A zero after is no bound.
func (a *Account) Sign(ctx context.Context, signer *Signer, clock Clock, after time.Time) (token string, err error) {
	return sign(ctx, a.claims(), signer, natsconn.OperatorKey, clock, after)
}

// Sign returns the user's JWT, signed by its account or by a signing key of the account, and issued in a later second
// than after, which is the latest revocation of the user's key: servers reject JWTs issued up to that second. It waits
// and fails as [Account.Sign] does. IssuerAccount is the account. If it is empty, the signer is the account's identity.
func (u *User) Sign(ctx context.Context, signer *Signer, clock Clock, after time.Time) (token string, err error) {
	claims := u.claims()
	claims.IssuerAccount = issuerAccount(u.IssuerAccount, signer)
	return sign(ctx, claims, signer, natsconn.AccountKey, clock, after)
}

// Sign returns the activation token, signed by the exporting account or by one of its signing keys, and issued in a
// later second than after, which is the latest revocation of the importing account. It waits and fails as
// [Account.Sign] does. IssuerAccount is the exporting account. If it is empty, the signer is the account's identity.
func (a *Activation) Sign(ctx context.Context, signer *Signer, clock Clock, after time.Time) (token string, err error) {
	claims := a.claims()
	claims.IssuerAccount = issuerAccount(a.IssuerAccount, signer)
	return sign(ctx, claims, signer, natsconn.AccountKey, clock, after)
}

// issuerAccount returns the account for the JWT's claims, or nothing if the account's identity signs.
func issuerAccount(account string, signer *Signer) string {
	if account == signer.PublicKey() {
		return ""
	}
	return account
}

// sign encodes the claims with a signer of the kind, in a later second than after.
func sign(
	ctx context.Context, claims jwt.Claims, signer *Signer, kind natsconn.KeyKind, clock Clock, after time.Time,
) (string, error) {
	if signer.kind != kind {
		return "", fmt.Errorf("the signer's key is of the kind %s: one of the kind %s is needed to sign this",
			signer.kind, kind)
	}
	if err := waitUntilAfter(ctx, clock, after); err != nil {
		return "", err
	}
	token, err := signer.encode(claims)
	if err != nil {
		return "", err
	}
	// The library uses the clock of the machine, which may have been set back in the meantime.
	decoded, err := jwt.Decode(token)
	if err != nil {
		return "", fmt.Errorf("the signed JWT cannot be read back: %w", err)
	}
	if issued := time.Unix(decoded.Claims().IssuedAt, 0); !after.IsZero() && issued.Unix() <= after.Unix() {
		return "", &ClockError{Clock: issued, Stored: after}
	}
	return token, nil
}

// SignDeletion returns the request to delete an account from the resolver of servers that trust the key
// (handleDeleteRequest in nats-server's server/accounts.go).
func (s *Signer) SignDeletion(account string) (string, error) {
	request := jwt.NewGenericClaims(s.PublicKey())
	request.Data["accounts"] = []string{account}
	return s.encode(request)
}

// encode signs the claims.
func (s *Signer) encode(claims jwt.Claims) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.pair == nil {
		return "", errors.New("the signer is closed")
	}
	token, err := claims.Encode(s.pair())
	if err != nil {
		return "", secret.Errorf("signing the claims of %q: %w", claims.Claims().Subject, err)
	}
	return token, nil
}
