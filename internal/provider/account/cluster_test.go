package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// eventually waits until check succeeds.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// onAll waits until all of the three servers store the same for an account, or that they have none.
func (b *bench) onAll(t *testing.T, publicKey string, stored bool) {
	t.Helper()
	eventually(t, "all servers agree", func() error {
		servers, err := b.resolver.Servers(t.Context())
		if err != nil {
			return err
		}
		up := 0
		for _, server := range servers {
			if !server.Down {
				up++
			}
		}
		found, err := b.resolver.Lookup(t.Context(), publicKey)
		switch {
		case up != 3:
			return errors.New("a server is missing")
		case !stored && errors.Is(err, resolver.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !stored:
			return errors.New("it is still there")
		case found.Behind > 0:
			return errors.New("a server is behind")
		}
		return nil
	})
}

// A push and a deletion while one of three servers is down are reported, and are done on all once it is back.
func TestAccAccountWithServerDown(t *testing.T) {
	operator := newOperator(t)
	cluster := natslab.Cluster(t, 3, natslab.OperatorMode(operator),
		natslab.ResolverMode(natslab.Resolver{Interval: 500 * time.Millisecond}))
	servers := cluster.Servers()
	b := newBench(t, operator, []string{servers[0].ClientURL(), servers[1].ClientURL()})
	w := acctest.NewInProcess(t, b.provider()+config(`name = "a"`))
	w.Apply(t)
	publicKey := w.Stored(t, address).Text("public_key")
	b.onAll(t, publicKey, true)

	servers[2].Shutdown()
	w.Configure(t, b.provider()+config(`name = "b"`))
	if out := w.Apply(t); !acctest.Text(`was pushed, but not confirmed by ` + servers[2].Name()).MatchString(out) {
		t.Errorf("the push without a server was not reported:\n%s", out)
	}
	if err := servers[2].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.onAll(t, publicKey, true)
	w.Apply(t)
	w.AssertEmptyPlan(t)
	if got := b.stored(t, publicKey).Account.Name; got != "b" {
		t.Errorf("the servers have %q", got)
	}

	servers[2].Shutdown()
	w.Refused(t, "was deleted from the servers that answered, and not from "+servers[2].Name(), "destroy", "-auto-approve")
	// It is not forgotten, though the servers that run do not have it.
	w.Refused(t, "Account No Longer Exists", "plan", "-detailed-exitcode")
	if err := servers[2].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.onAll(t, publicKey, true) // as NATS has it: the server that was down gives it back
	w.Must(t, "destroy", "-auto-approve")
	b.onAll(t, publicKey, false)
}
