package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// deleteForbidden is what a resolver without allow_delete answers, from handleDeleteRequest in server/accounts.go.
const deleteForbidden = "delete must be enabled in server config"

// Delete removes an account from all servers; one that they do not have is no error. Its streams stay on disk, and are
// there again if an account with this public key ever is.
//
// Errors: [*IncompleteError] if servers that are known did not answer, with the result; [*DeleteForbiddenError],
// [*RejectedError] (for the system account, for example), [*ConflictError] if someone else pushed the account
// meanwhile, [*UntrustedIssuerError], and those of [Resolver.Lookup] without ErrNotFound.
func (r *Resolver) Delete(ctx context.Context, publicKey string, signer *claims.Signer) (*Result, error) {
	release, err := r.acquire(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	defer release()
	// A server that is gone matters more here than elsewhere, so nothing older is taken for true.
	return r.inTurn(ctx, publicKey, signer, 0, func(c *changing) (*Result, error) { return c.delete(ctx) })
}

func (c *changing) delete(ctx context.Context) (*Result, error) {
	accepted, err := c.resolver.requestDelete(ctx, c.survey, c.publicKey, c.signer)
	if err != nil {
		return nil, err
	}
	if err := c.resolver.verifyDeleted(ctx, c.survey, c.record); err != nil {
		return nil, err
	}
	c.resolver.directory.forget(c.publicKey)
	result := &Result{Changed: true, Missing: c.survey.missing(accepted)}
	if len(result.Missing) > 0 {
		return result, &IncompleteError{Account: c.publicKey, Missing: result.Missing}
	}
	return result, nil
}

// requestDelete asks all servers to delete an account, and returns who did.
func (r *Resolver) requestDelete(
	ctx context.Context, s *survey, publicKey string, signer *claims.Signer,
) ([]serverInfo, error) {
	token, err := signer.SignDeletion(publicKey)
	if err != nil {
		return nil, err
	}
	answers, err := r.system.gather(ctx, subjectDelete, []byte(token), atLeast(s.answering()))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, r.notPushable(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	accepted, rejected, err := readUpdates(subjectDelete, "", answers)
	switch {
	case err != nil:
		return nil, err
	case rejected != nil && strings.Contains(rejected.Text, deleteForbidden):
		return nil, &DeleteForbiddenError{Server: rejected.Server, Text: rejected.Text, Deleted: rejected.Accepted}
	case rejected != nil:
		return nil, rejected
	}
	return accepted, nil
}

// verifyDeleted waits until no server that answers has the account any more.
func (r *Resolver) verifyDeleted(ctx context.Context, s *survey, record *record) error {
	deadline := r.clock.Now().Add(settleTime)
	for {
		found, err := r.lookup(ctx, s, record.account)
		if err != nil {
			return err
		}
		if len(found.stored) == 0 {
			return nil
		}
		for _, p := range record.seen() {
			if p.token != "" {
				return p.conflict(record.account, true)
			}
		}
		if r.clock.Now().After(deadline) {
			return fmt.Errorf("the account %s was deleted, and %d servers have it again: a server that had not heard of the "+
				"deletion has given it to them. Delete it again", record.account, len(found.stored))
		}
		if err := r.clock.Wait(ctx, settlePause); err != nil {
			return err
		}
	}
}
