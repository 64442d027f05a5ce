package etcdtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// startKine runs KINE on its own NATS server until the test ends, and returns the URL of its etcd API.
func startKine(t *testing.T, params string) string {
	t.Helper()
	return kinelab.Run(t, natslab.Single(t).ClientURL()+params).Endpoint()
}

// ok returns a function that returns the revision of a write, which must be accepted.
func ok(t *testing.T) func(outcome, error) int64 {
	t.Helper()
	return func(o outcome, err error) int64 {
		t.Helper()
		revision, err := accepted(o, err)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
}

func TestKine(t *testing.T) { //nolint:tparallel // the last check compacts
	t.Parallel()
	Run(t, startKine(t, "?noEmbed"))
}

// TestKineShortHistory uses the shortest history with which KINE passes, except for the deviation of ShortHistory. With
// a shorter one, the previous value of a delete no longer exists when the watch reads it, and the keys of a list no
// longer exist when its next page is read.
func TestKineShortHistory(t *testing.T) { //nolint:tparallel // the last check compacts
	t.Parallel()
	Run(t, startKine(t, "?noEmbed&revHistory=4"), ShortHistory())
}

// TestKineReplicated runs KINE on three replicas, where it has etcd's semantics except for the deviations of
// Replicated.
func TestKineReplicated(t *testing.T) { //nolint:tparallel // the last check compacts
	t.Parallel()
	cluster := natslab.Cluster(t, 3)
	endpoint := kinelab.Run(t, cluster.URLs()[0]+"?noEmbed&replicas=3").Endpoint()
	Run(t, endpoint, Replicated())
}

// TestKineForgetsLeases shows that KINE keeps the expiration of a lease in memory: a key with a lease outlives the
// lease if KINE is restarted.
func TestKineForgetsLeases(t *testing.T) {
	t.Parallel()
	url := natslab.Single(t).ClientURL() + "?noEmbed"
	key := NewPrefix() + "leased"
	first := kinelab.Run(t, url)
	c := dialTest(t, first.Endpoint())
	granted, err := c.Grant(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ok(t)(createKey(t.Context(), c, key, "leased", clientv3.WithLease(granted.ID)))
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	c = dialTest(t, kinelab.Run(t, url).Endpoint())
	// A key with the same lease, written later, shows when the lease of the first key must have expired.
	w, err := openWatch(t.Context(), c, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ok(t)(createKey(t.Context(), c, key+"-later", "leased", clientv3.WithLease(granted.ID)))
	for range 2 {
		event, err := w.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(event.Kv.Key) != key+"-later" {
			t.Fatalf("KINE expired the lease of %s", describe(event.Kv))
		}
	}
	if kv, _, err := getKey(t.Context(), c, key); err != nil || kv == nil {
		t.Errorf("KINE expired the lease of %q without an event: %v", key, err)
	}
}

// TestKineWatchesLeaveConsumers shows that each watch from an older revision leaves a consumer on the stream for five
// minutes after its end. nats-server allows 1,000 consumers per stream unless the stream, the account or its own
// configuration (jetstream limits default_max_consumers) sets another limit, and KINE's stream must not. Beyond that,
// each such watch ends immediately. A limit of the account overrides the server's default.
func TestKineWatchesLeaveConsumers(t *testing.T) {
	t.Parallel()
	const limit = 12
	few := natslab.Mutate(func(o *server.Options) { o.JetStreamLimits.DefaultMaxConsumers = limit })
	many := int64(10 * limit)
	kine := natslab.User{Name: "kine", Password: "secret"}
	for name, account := range map[string]natslab.Account{
		"default limit": {Name: "A", Users: []natslab.User{kine}},
		"account limit": {Name: "A", Users: []natslab.User{kine}, JetStream: &natslab.JetStreamLimits{MaxConsumers: &many}},
	} {
		url := natslab.Single(t, few, natslab.Accounts(account)).ClientURL()
		c := dialTest(t, kinelab.Run(t, strings.Replace(url, "nats://", "nats://kine:secret@", 1)+"?noEmbed").Endpoint())
		prefix := NewPrefix()
		old := ok(t)(createKey(t.Context(), c, prefix+"old", "value"))
		ok(t)(createKey(t.Context(), c, prefix+"new", "value"))
		ended := 0
		for range 2 * limit {
			w, err := openWatch(t.Context(), c, prefix, old)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.next(t.Context()); err != nil {
				ended++
			}
			w.close()
		}
		if name == "account limit" && ended > 0 || name == "default limit" && ended < limit {
			t.Errorf("%s: %d of %d watches ended", name, ended, 2*limit)
		}
	}
}

// TestTwoKines measures two KINEs on one bucket, as with two k3s servers. A read can be older than a write through
// the other KINE, which its header shows. A watch can miss the previous value of a change that immediately follows
// another, because KINE's watch is ahead of the index from which it reads the value; the apiserver ends such a watch.
// Guarded writes are safe, and no event is lost. The test logs how often this happens and for how long, which depends
// on the machine.
func TestTwoKines(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := natslab.Single(t).ClientURL() + "?noEmbed"
	a, b := dialTest(t, kinelab.Run(t, url).Endpoint()), dialTest(t, kinelab.Run(t, url).Endpoint())
	prefix := NewPrefix()
	w, err := openWatch(ctx, b, prefix, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()

	const rounds = 100
	behind, longest, noPrevious := 0, time.Duration(0), 0
	for i := range rounds {
		key := fmt.Sprintf("%s%d", prefix, i)
		created := ok(t)(createKey(ctx, a, key, "first"))
		updated := ok(t)(updateKey(ctx, a, key, "second", created))
		start := time.Now()
		kv, reads, err := getKeySince(ctx, b, key, updated)
		if err == nil {
			err = expectKey(kv, "second", updated)
		}
		if err != nil {
			t.Fatalf("read through the other KINE: %v", err)
		}
		if reads > 0 {
			behind++
			longest = max(longest, time.Since(start))
		}
		// Both write at the same revision, one after the other: the second write must be refused.
		first, err := updateKey(ctx, a, key, "third", updated)
		if err != nil {
			t.Fatal(err)
		}
		second, err := updateKey(ctx, b, key, "other", updated)
		if err != nil {
			t.Fatal(err)
		}
		if !first.done || second.done {
			t.Fatalf("two KINEs updated revision %d: %t, then %t", updated, first.done, second.done)
		}
		for _, want := range []change{
			{key: key, value: "first", revision: created},
			{key: key, value: "second", revision: updated, previous: &stored{"first", created}},
			{key: key, value: "third", revision: first.revision, previous: &stored{"second", updated}},
		} {
			event, err := w.next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if want.previous != nil && event.PrevKv == nil {
				noPrevious++
				event.PrevKv = &mvccpb.KeyValue{Value: []byte(want.previous.value), ModRevision: want.previous.revision}
			}
			if err := w.check(want, event); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("of %d reads through the other KINE, %d were older than the write, for at most %s; of %d updates, %d were "+
		"shown without the previous value",
		rounds, behind, longest.Round(10*time.Microsecond), 2*rounds, noPrevious)
}
