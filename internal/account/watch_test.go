package account

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// outcome is what one writer's change came to.
type outcome struct {
	result *Result
	err    error
	// wanted is the description that it set, seen the one that it found last.
	wanted, seen string
}

// race lets all resolvers describe the account at the same time.
func race(t *testing.T, resolvers []*Resolver, account string, signer *Signer, round int) []outcome {
	t.Helper()
	ctx := resolverContext(t)
	outcomes := make([]outcome, len(resolvers))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range resolvers {
		o := &outcomes[i]
		o.wanted = fmt.Sprintf("writer %d in round %d", i, round)
		wg.Go(func() {
			<-start
			o.result, o.err = r.Change(ctx, account, signer, func(stored *Stored) (*Account, error) {
				o.seen = stored.Account.Description
				return described(o.wanted)(stored)
			})
		})
	}
	close(start)
	wg.Wait()
	return outcomes
}

func TestWatchConcurrentWriters(t *testing.T) {
	t.Parallel()
	const rounds = 5
	for _, at := range [][]int{{0, 1}, {0, 0}, {0, 1, 2, 0}} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			operator := newLabOperator(t)
			c := natslab.Cluster(t, 3, natslab.OperatorMode(operator), natslab.NoJetStream(),
				natslab.ResolverMode(natslab.Resolver{Interval: syncInterval}))
			signer := newLabSigner(t, operator.SigningKeySeed())
			var resolvers []*Resolver
			for _, i := range at {
				resolvers = append(resolvers, resolverAt(t, operator.SystemAccount(), nil, c.Servers()[i].URLs()...))
			}
			a := newAccount(t, "one")
			mustChange(t, resolvers[0], a.PublicKey, signer, to(a))
			counts := map[string]int{}
			for round := range rounds {
				outcomes := race(t, resolvers, a.PublicKey, signer, round)
				stored, err := resolvers[0].Lookup(resolverContext(t), a.PublicKey)
				if err != nil || stored.Behind > 0 {
					t.Fatalf("round %d: %+v, %v", round, stored, err)
				}
				counts[judge(t, outcomes, stored.Account.Description)]++
			}
			t.Logf("%d rounds: %v", rounds, counts)
		})
	}
}

// judge checks that no success is lost without an error, and returns what happened.
func judge(t *testing.T, outcomes []outcome, final string) string {
	t.Helper()
	var won []outcome
	for _, o := range outcomes {
		var conflict *ConflictError
		switch {
		case o.err == nil:
			won = append(won, o)
		case errors.As(o.err, &conflict):
		default:
			t.Errorf("%s: %v", o.wanted, o.err)
		}
	}
	// Of several, each but the last was seen by the one that came after it.
	expected := map[string]bool{}
	for _, o := range won {
		expected[o.wanted] = true
	}
	for _, o := range won {
		delete(expected, o.seen)
	}
	switch {
	case len(won) == 0:
		t.Errorf("nobody won: %+v", outcomes)
	case len(expected) != 1 || !expected[final]:
		t.Errorf("the servers have %q after %+v", final, outcomes)
	}
	return fmt.Sprintf("%d won", len(won))
}
