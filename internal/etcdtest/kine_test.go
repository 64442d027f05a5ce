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

// startKine runs a KINE on a NATS server of its own until the test ends, and returns the URL of its etcd API.
func startKine(t *testing.T, params string) string {
	t.Helper()
	return kinelab.Run(t, natslab.Single(t).ClientURL()+params).Endpoint()
}

// ok returns what turns a write that must be accepted into its revision.
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

// TestKineShortHistory is the shortest history with which KINE passes. With less, the value before a delete is gone when
// the watch looks for it, and what a list has begun with is gone when its next page is read.
func TestKineShortHistory(t *testing.T) { //nolint:tparallel // the last check compacts
	t.Parallel()
	Run(t, startKine(t, "?noEmbed&revHistory=4"))
}

// TestKineReplicated is KINE on three replicas, where it keeps to etcd's semantics with the deviations of Replicated only.
func TestKineReplicated(t *testing.T) { //nolint:tparallel // the last check compacts
	t.Parallel()
	cluster := natslab.Cluster(t, 3)
	endpoint := kinelab.Run(t, cluster.URLs()[0]+"?noEmbed&replicas=3").Endpoint()
	Run(t, endpoint, Replicated())
}

// TestKineForgetsLeases: KINE keeps the end of a lease in memory. A key with a lease that a stopped KINE has written
// outlives the lease under the next KINE.
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
	// A key with the same lease, written later, tells when the lease of the first must have ended.
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
			t.Fatalf("KINE has ended the lease of %s", describe(event.Kv))
		}
	}
	if kv, _, err := getKey(t.Context(), c, key); err != nil || kv == nil {
		t.Errorf("KINE has ended the lease of %q without an event: %v", key, err)
	}
}

// TestKineWatchesLeaveConsumers: each watch from an older revision leaves a consumer on the stream, for five minutes
// after its end. nats-server allows 1,000 consumers of a stream unless the stream, the account or its own configuration
// (jetstream limits default_max_consumers) says otherwise, and KINE's stream may not. Beyond that, every such watch ends
// as soon as it has begun. A limit of the account takes the place of the server's default.
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
			t.Errorf("%s: %d of %d watches have ended", name, ended, 2*limit)
		}
	}
}

// TestTwoKines measures two KINEs on one bucket, as with two k3s servers. A read can come from before a write through
// the other one: its header says so. A watch can miss the value before a change that follows another at once, because
// KINE's watch is ahead of the index that it looks the value up in; the apiserver ends such a watch. Guarded writes are
// safe, and no event is lost. How often and for how long is logged; it depends on the machine.
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
		// Both write at one revision, one after the other: the second must lose.
		first, err := updateKey(ctx, a, key, "third", updated)
		if err != nil {
			t.Fatal(err)
		}
		second, err := updateKey(ctx, b, key, "other", updated)
		if err != nil {
			t.Fatal(err)
		}
		if !first.done || second.done {
			t.Fatalf("two KINEs wrote at revision %d: %t, then %t", updated, first.done, second.done)
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
	t.Logf("of %d reads through the other KINE %d came from before the write, for %s at most; of %d updates %d were shown without the value before",
		rounds, behind, longest.Round(10*time.Microsecond), 2*rounds, noPrevious)
}
