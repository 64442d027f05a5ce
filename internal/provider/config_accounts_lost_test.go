package provider_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// One apply restores a tenant whose account was deleted or lost the provider's key elsewhere, with all data of its
// cluster. Objects that cannot be read until then do not fail the plan.
func TestAccTenantLosesAccount(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	s := newSystem(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs())
	w := acctest.NewWorkspace(t, s.provider()+s.tenantConfig("edge"))
	w.Apply(t)
	publicKey := output(t, w, "edge_account")
	endpoint, _ := s.provision(t, w, "edge")
	running := kinelab.Run(t, endpoint)
	seeded, err := etcdtest.Seed(t.Context(), dial(t, running.Endpoint()), etcdtest.NewPrefix(), 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	signer, err := claims.NewOperatorSigner(operator.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)

	for _, c := range []struct {
		what string
		lose func(ctx context.Context, r *resolver.Resolver) error
	}{
		{"the key is taken out", func(ctx context.Context, r *resolver.Resolver) error {
			_, err := r.Change(ctx, publicKey, signer, func(stored *resolver.Stored) (*claims.Account, error) {
				without := *stored.Account
				without.SigningKeys = nil
				return &without, nil
			})
			return err
		}},
		{"the account is deleted", func(ctx context.Context, r *resolver.Resolver) error {
			_, err := r.Delete(ctx, publicKey, signer)
			return err
		}},
	} {
		if err := c.lose(t.Context(), s.resolver(t)); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		w.Must(t, "apply", "-auto-approve", "-refresh-only") // as an apply that fails leaves the state
		out := w.Apply(t)
		if !strings.Contains(out, "No Access to Account") || !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
			t.Errorf("%s: the apply that repairs it says:\n%s", c.what, out)
		}
		w.AssertEmptyPlan(t)
		again := kinelab.Run(t, endpoint)
		if err := etcdtest.VerifyAll(t.Context(), dial(t, again.Endpoint()), seeded); err != nil {
			t.Errorf("%s: after the repair: %v", c.what, err)
		}
		if err := again.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	w.Must(t, "destroy", "-auto-approve")
}
