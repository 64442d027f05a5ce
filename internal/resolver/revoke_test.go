package resolver

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A revocation adds itself to those that are there, once, and never goes back in time.
func TestRevoke(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	signer := newLabSigner(t, operator.SigningKeySeed())
	r := resolverAt(t, operator.SystemAccount(), nil, lab.URLs()...)
	ctx := resolverContext(t)
	a := newAccount(t, "tenant")
	user, other := newPublicKey(t, natsconn.UserKey), newPublicKey(t, natsconn.UserKey)
	at := time.Unix(1700000000, 0).UTC()
	if _, err := r.Revoke(ctx, a.PublicKey, signer, user, at); !errors.Is(err, ErrNotFound) {
		t.Errorf("without the account: %v", err)
	}
	a.Revocations = map[string]time.Time{other: at}
	mustChange(t, r, a.PublicKey, signer, func(*Stored) (*claims.Account, error) { return a, nil })

	for _, c := range []struct {
		at, want time.Time
		changed  bool
	}{
		{at, at, true},
		{at, at, false},
		{at.Add(-time.Minute), at, false},
		{at.Add(time.Minute + time.Millisecond), at.Add(time.Minute), true},
	} {
		result, err := r.Revoke(ctx, a.PublicKey, signer, user, c.at)
		if err != nil || result.Changed != c.changed {
			t.Fatalf("revoked at %s: %+v, %v", c.at, result, err)
		}
		stored, err := r.Lookup(ctx, a.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		want := *a
		want.Revocations = map[string]time.Time{other: at, user: c.want}
		if fields := want.Diff(stored.Account); len(fields) > 0 {
			t.Errorf("revoked at %s: %v differ: %v", c.at, fields, stored.Account.Revocations)
		}
	}
}
