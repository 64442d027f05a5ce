package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// writers writes keys through KINE, several at a time, until its context ends, and records what was acknowledged.
type writers struct {
	mu       sync.Mutex
	revision map[string]int64
	work     sync.WaitGroup
}

func startWriters(ctx context.Context, client *clientv3.Client, prefix string, n int) *writers {
	w := &writers{revision: map[string]int64{}}
	for i := range n {
		w.work.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				key := fmt.Sprintf("%s%02d/%06d", prefix, i, j)
				put, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
					Then(clientv3.OpPut(key, etcdtest.SeedValue(key))).Commit()
				if err == nil && put.Succeeded {
					w.mu.Lock()
					w.revision[key] = put.Header.GetRevision()
					w.mu.Unlock()
				}
			}
		})
	}
	return w
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.revision)
}

var asTest = Promotion{By: "test", Successor: `the bucket kine in the JetStream domain "leaf"`}

// A switch-over under concurrent writes loses no acknowledged write, and the source then refuses writes.
func TestSwitchOver(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	from, js := openAPI(t, lab.Hub.URLs(), ""), openAPI(t, lab.Leaf.URLs(), "")
	_, client := runKINE(t, lab.Hub.URLs(), "", "kine")
	spec := specOf("kine", kineIn("hub"))
	establish(t, js, from, spec)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := startWriters(ctx, client, etcdtest.NewPrefix(), 16)
	eventually(t, "some writes", func() bool { return w.count() > 200 })
	result, err := SwitchOver(within(t, time.Minute), js, from, spec, asTest)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	w.work.Wait()
	t.Logf("%d writes, an outage of %s, revision %d", w.count(), result.Outage, result.Revision)
	source, err := kine.Read(t.Context(), from, "kine")
	if err != nil || source.Fence == nil || source.Fence.Successor != asTest.Successor ||
		source.LastSequence != result.Revision || source.LastSequence != result.Bucket.LastSequence {
		t.Errorf("the source: %+v, %v", source, err)
	}
	_, successor := runKINE(t, lab.Leaf.URLs(), "", "kine")
	if err := etcdtest.VerifyAll(t.Context(), successor, w.revision); err != nil {
		t.Error(err)
	}
	if again, err := SwitchOver(t.Context(), js, from, spec, asTest); err != nil || !again.Already {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := kine.LiftFence(t.Context(), from, "kine", false); err == nil {
		t.Error("the fence of a source with a successor was lifted")
	}
}

// After a failover, the bucket has all revisions of the mirror, continues above any that a client can have seen, and
// tells clients of earlier ones to list again.
func TestFailOver(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	from, js := openAPI(t, lab.Hub.URLs(), ""), openAPI(t, lab.Leaf.URLs(), "")
	_, client := runKINE(t, lab.Hub.URLs(), "", "kine")
	spec := specOf("kine", kineIn("hub"))
	establish(t, js, from, spec)
	prefix := etcdtest.NewPrefix()
	seeded := seed(t, client, prefix, 50)
	if _, err := AwaitSequence(within(t, time.Minute), js, "kine", lastSequence(t, from)); err != nil {
		t.Fatal(err)
	}

	p := asTest
	p.Bump = 10_000
	var alive *SourceAliveError
	if _, err := FailOver(t.Context(), js, from, spec, p); !errors.As(err, &alive) || !alive.Answers {
		t.Errorf("a source that answers: %v", err)
	}
	if _, err := FailOver(t.Context(), js, nil, spec, p); !errors.As(err, &alive) || alive.Answers {
		t.Errorf("a source that the mirror has contact to: %v", err)
	}
	lab.Hub.Stop()
	far := natsconn.NewClient(natsconn.Settings{Servers: lab.Leaf.URLs()}, nil)
	t.Cleanup(far.Close)
	result, err := FailOver(within(t, time.Minute), js, far.JetStream("hub"), spec, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", result)
	if result.Bucket.Fence != nil || len(result.Bucket.Differences) > 0 ||
		result.Bucket.LastSequence <= result.Revision+p.Bump {
		t.Errorf("%+v", result.Bucket)
	}
	_, successor := runKINE(t, lab.Leaf.URLs(), "", "kine")
	if err := etcdtest.VerifyAll(t.Context(), successor, seeded); err != nil {
		t.Error(err)
	}
	eventually(t, "reads of earlier revisions are refused", func() bool {
		_, err := successor.Get(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithRev(int64(result.Revision)+5))
		return errors.Is(err, rpctypes.ErrCompacted)
	})
	watch := successor.Watch(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithRev(int64(result.Revision)+5))
	if got := <-watch; got.CompactRevision <= int64(result.Revision+p.Bump) {
		t.Errorf("a watch of an earlier revision: %+v", got)
	}
	put, err := successor.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(prefix+"new"), "=", 0)).
		Then(clientv3.OpPut(prefix+"new", "x")).Commit()
	if err != nil || put.Header.GetRevision() <= int64(result.Revision+p.Bump) {
		t.Errorf("the next write: %+v, %v", put, err)
	}
}
