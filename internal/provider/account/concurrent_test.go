package account_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Two applies that change one account at the same time: each that succeeds is in effect in the end, or was seen by the
// other one.
func TestAccAccountTwoAppliesAtOnce(t *testing.T) {
	b := single(t)
	key := newKey(t, natsconn.AccountKey)
	lines := func(name, description string) string {
		return b.provider() + config(fmt.Sprintf("name = %q\n  public_key = %q\n  description = %q", name, key, description))
	}
	one := acctest.NewInProcess(t, lines("start", "start"))
	one.Apply(t)
	two := one.Another(t, lines("start", "start"))
	two.Must(t, "import", address, key)
	two.Apply(t) // deletion_protection
	defer one.Must(t, "destroy", "-auto-approve")

	for round := range 2 {
		// Both have planned before either applies.
		one.Configure(t, lines(fmt.Sprintf("one-%d", round), "start"))
		two.Configure(t, lines("start", fmt.Sprintf("two-%d", round)))
		one.Must(t, "plan", "-out=plan")
		two.Must(t, "plan", "-out=plan")
		var wait sync.WaitGroup
		var outs [2]string
		var errs [2]error
		for i, w := range []*acctest.Workspace{one, two} {
			wait.Go(func() { outs[i], errs[i] = w.Run(t.Context(), "apply", "plan") })
		}
		wait.Wait()

		got := b.stored(t, key).Account
		switch {
		case errs[0] == nil && errs[1] == nil:
			t.Errorf("round %d: both succeeded, and the servers have the name %q and the description %q", round, got.Name,
				got.Description)
		case errs[0] != nil && errs[1] != nil:
			t.Logf("round %d: each was told of the other", round)
		case errs[0] == nil && got.Name != fmt.Sprintf("one-%d", round),
			errs[1] == nil && got.Description != fmt.Sprintf("two-%d", round):
			t.Errorf("round %d: the one that succeeded is not in effect: %q, %q", round, got.Name, got.Description)
		}
		for i, err := range errs {
			if err != nil && !strings.Contains(outs[i], "changed") {
				t.Errorf("round %d: %v\n%s", round, err, outs[i])
			}
		}
		one.Configure(t, lines("start", "start"))
		two.Configure(t, lines("start", "start"))
		one.Apply(t)
		two.Apply(t)
	}
}
