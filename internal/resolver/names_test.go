package resolver

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The names of many accounts cost one list, one request for those that are loaded and one look-up for each of the
// others, however often they are asked for.
func TestNamesakesOfManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts = 120 // half of them loaded
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator))
	signer := newLabSigner(t, operator.SigningKeySeed())
	ctx := resolverContext(t)
	keys := make([]string, accounts)
	var wg sync.WaitGroup
	pusher := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	for i := range accounts {
		a := newAccount(t, fmt.Sprint("tenant-", i))
		if i%2 == 0 {
			a.JetStream = nil
		}
		keys[i] = a.PublicKey
		wg.Go(func() { mustChange(t, pusher, a.PublicKey, signer, to(a)) })
	}
	wg.Wait()

	asked := map[string]*nats.Subscription{}
	var watching *nats.Conn
	watcher := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	err := watcher.system.client.Use(ctx, func(nc *nats.Conn) (err error) {
		watching = nc
		for _, subject := range []string{subjectList, subjectUsage, subjectLookup("*")} {
			if asked[subject], err = nc.SubscribeSync(subject); err != nil {
				return err
			}
		}
		return nc.FlushWithContext(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}

	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	began := time.Now()
	for i := range accounts {
		wg.Go(func() {
			if found, err := r.Namesakes(ctx, fmt.Sprint("new-", i), ""); err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
	wg.Wait()
	t.Logf("%d accounts: %s for all names", accounts, time.Since(began).Round(time.Millisecond))
	if err := watching.FlushWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	for subject, most := range map[string]int{subjectList: 1, subjectUsage: 1, subjectLookup("*"): accounts/2 + 1} {
		if n, _, err := asked[subject].Pending(); err != nil || n < 1 || n > most {
			t.Errorf("%d requests to %s, at most %d are needed: %v", n, subject, most, err)
		}
	}
	for _, i := range []int{0, 1} { // one of each kind
		name := fmt.Sprint("tenant-", i)
		if found, err := r.Namesakes(ctx, name, ""); err != nil || len(found) != 1 || found[0].Account.PublicKey != keys[i] {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		if found, err := r.Namesakes(ctx, name, keys[i]); err != nil || len(found) > 0 {
			t.Errorf("%s is its own namesake: %v, %v", name, found, err)
		}
	}
}

// What the resolver pushes, renames and deletes is known at once. An account that somebody else deleted is not
// returned.
func TestNamesakesFollowChanges(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	ctx := resolverContext(t)
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	other := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	first, second := newAccount(t, "one"), newAccount(t, "one")
	mustChange(t, other, first.PublicKey, signer, to(first))
	expect := func(name string, accounts ...*claims.Account) {
		t.Helper()
		found, err := r.Namesakes(ctx, name, "")
		var keys, want []string
		for _, stored := range found {
			keys = append(keys, stored.Account.PublicKey)
		}
		for _, a := range accounts {
			want = append(want, a.PublicKey)
		}
		for _, key := range want {
			if !strings.Contains(strings.Join(keys, " "), key) {
				t.Errorf("%s: %s is missing", name, key)
			}
		}
		if err != nil || len(keys) != len(want) {
			t.Errorf("%s: %v, not %v: %v", name, keys, want, err)
		}
	}
	expect("one", first)
	mustChange(t, r, second.PublicKey, signer, to(second))
	expect("one", first, second)
	second.Name = "two"
	mustChange(t, r, second.PublicKey, signer, to(second))
	expect("one", first)
	expect("two", second)
	if _, err := other.Delete(ctx, first.PublicKey, signer); err != nil {
		t.Fatal(err)
	}
	expect("one")
	if _, err := r.Delete(ctx, second.PublicKey, signer); err != nil {
		t.Fatal(err)
	}
	expect("two")
}
