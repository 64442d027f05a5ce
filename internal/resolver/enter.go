package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// TemporaryRole is the role of the signing keys that [Resolver.Enter] adds. What compares an account's claims with
// wanted ones passes them over.
const TemporaryRole = "terraform-provider-nats, temporary"

const (
	// enterLifetime is how long a user that was made to enter an account may work, and after which its signing key, should
	// it have been left behind, is taken out by the next one.
	enterLifetime = 15 * time.Minute
	// leaveTimeout bounds how long taking the key out again may take.
	leaveTimeout = time.Minute
)

// enterPermissions are those of the user that works inside an account.
var enterPermissions = claims.Permissions{
	Publish: claims.Permission{Allow: []string{
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.UPDATE.*", "$JS.API.STREAM.DELETE.*",
	}},
	Subscribe: claims.Permission{Allow: []string{"_INBOX.>"}},
}

// visitor is the key and the user of one who enters an account. Their seeds are in memory only.
type visitor struct {
	signer         *claims.Signer
	user, userSeed string
	until          time.Time
}

// Enter calls do with a connection of a user inside an account that nobody here has a key of. For the time being the
// account gets a scoped signing key, whose users may list, inspect, update and delete streams and nothing else; it is
// taken out again whatever do returns, and by the next Enter should this process end before that. The connection is one
// to the servers of the resolver's.
//
// No one else in this process changes the account meanwhile, so do must not. Errors are those of do and of
// [Resolver.Change].
func (r *Resolver) Enter(
	ctx context.Context, publicKey string, signer *claims.Signer, do func(context.Context, *natsconn.Client) error,
) (err error) {
	release, err := r.acquire(ctx, publicKey)
	if err != nil {
		return err
	}
	defer release()
	v, err := newVisitor(r.clock.Now())
	if err != nil {
		return err
	}
	defer v.signer.Close()

	// Should it be unknown whether the key has been added, it is taken out all the same.
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		if left := r.leave(fresh, publicKey, signer, v); left != nil && !errors.Is(left, ErrNotFound) {
			err = errors.Join(err,
				fmt.Errorf("the temporary signing key %s is still in the account %s: %w", v.signer.PublicKey(), publicKey, left))
		}
	}()
	entered, err := r.change(ctx, publicKey, signer, func(stored *Stored) (*claims.Account, error) {
		if stored == nil {
			return nil, ErrNotFound
		}
		return v.added(stored.Account, r.clock.Now()), nil
	})
	if err != nil {
		return err
	}
	credentials, err := v.credentials(ctx, r.clock, entered.Account)
	if err != nil {
		return err
	}
	client := r.system.client.As("the temporary user of the account "+publicKey, "",
		natsconn.Auth{Credentials: credentials})
	defer client.Close()
	return do(ctx, client)
}

// leave takes the visitor's key out of the account.
func (r *Resolver) leave(ctx context.Context, publicKey string, signer *claims.Signer, v *visitor) error {
	for {
		_, err := r.change(ctx, publicKey, signer, func(stored *Stored) (*claims.Account, error) {
			if stored == nil {
				return nil, ErrNotFound
			}
			return v.removed(stored.Account), nil
		})
		var conflict *ConflictError
		if !errors.As(err, &conflict) || ctx.Err() != nil {
			return err
		}
	}
}

func newVisitor(now time.Time) (*visitor, error) {
	_, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		return nil, err
	}
	v := &visitor{until: now.Add(enterLifetime).Truncate(time.Second)}
	if v.user, v.userSeed, err = claims.NewKey(natsconn.UserKey); err != nil {
		return nil, err
	}
	v.signer, err = claims.NewAccountSigner(seed)
	return v, err
}

// added returns the account with the visitor's key, and without those of earlier ones that nobody uses any more.
func (v *visitor) added(a *claims.Account, now time.Time) *claims.Account {
	next := *a
	next.SigningKeys = slices.DeleteFunc(slices.Clone(a.SigningKeys), func(k claims.SigningKey) bool {
		if k.Scope == nil || k.Scope.Role != TemporaryRole {
			return false
		}
		until, err := time.Parse(time.RFC3339, k.Scope.Description)
		return err == nil && until.Before(now)
	})
	next.SigningKeys = append(next.SigningKeys, claims.SigningKey{PublicKey: v.signer.PublicKey(), Scope: &claims.Scope{
		Role: TemporaryRole, Description: v.until.UTC().Format(time.RFC3339),
		Template: claims.UserLimits{Permissions: enterPermissions},
	}})
	if len(a.Authorization.AuthUsers) > 0 {
		// Otherwise the user would be handed to the account's own service for authentication.
		next.Authorization.AuthUsers = append(slices.Clone(a.Authorization.AuthUsers), v.user)
	}
	return &next
}

// removed returns the account without the visitor, nil if it has none of it.
func (v *visitor) removed(a *claims.Account) *claims.Account {
	next := *a
	next.SigningKeys = slices.DeleteFunc(slices.Clone(a.SigningKeys),
		func(k claims.SigningKey) bool { return k.PublicKey == v.signer.PublicKey() })
	next.Authorization.AuthUsers = slices.DeleteFunc(slices.Clone(a.Authorization.AuthUsers),
		func(user string) bool { return user == v.user })
	if len(next.SigningKeys) == len(a.SigningKeys) && len(next.Authorization.AuthUsers) == len(a.Authorization.AuthUsers) {
		return nil
	}
	return &next
}

// credentials makes the user's JWT and returns it with its seed, as in a credentials file.
func (v *visitor) credentials(ctx context.Context, clock claims.Clock, a *claims.Account) (string, error) {
	user := &claims.User{
		Claims:     claims.Claims{PublicKey: v.user, Name: "terraform-provider-nats", Expires: v.until},
		UserLimits: claims.ScopedUserLimits(), IssuerAccount: a.PublicKey,
	}
	token, err := user.Sign(ctx, v.signer, clock, a.Revocations[jwt.All])
	if err != nil {
		return "", err
	}
	credentials, err := jwt.FormatUserConfig(token, []byte(v.userSeed))
	if err != nil {
		return "", errors.New("the credentials of a temporary user cannot be written")
	}
	return string(credentials), nil
}
