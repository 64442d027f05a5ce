package resolver

import (
	"context"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// Revoke revokes a user in its account: servers refuse and disconnect whoever has a JWT with that public key that was
// issued up to the second of at. A later revocation that is there already stays, as do the other claims of the account.
//
// Errors: [ErrNotFound] if the servers do not have the account, and those of [Resolver.Change].
func (r *Resolver) Revoke(
	ctx context.Context, account string, signer *claims.Signer, user string, at time.Time,
) (*Result, error) {
	return r.Change(ctx, account, signer, func(stored *Stored) (*claims.Account, error) {
		if stored == nil {
			return nil, ErrNotFound
		}
		revoked := *stored.Account
		revoked.Revocations = claims.MergeRevocations(map[string]time.Time{user: at}, stored.Account.Revocations, nil)
		if stored.Behind == 0 && len(revoked.Diff(stored.Account)) == 0 {
			return nil, nil
		}
		return &revoked, nil
	})
}
