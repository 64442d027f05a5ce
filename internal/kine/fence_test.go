package kine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// load writes through KINE as fast as possible until it is stopped.
type load struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	// last is the largest acknowledged revision, latest the time at which that write was sent.
	last     int64
	latest   time.Time
	accepted int
	// refused is called for each write that failed.
	refused chan struct{}
}

// startLoad starts writers below a prefix. Each writes again as soon as its last write returned.
func startLoad(t *testing.T, client *clientv3.Client, prefix string, writers int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, refused: make(chan struct{}, writers)}
	for w := range writers {
		l.work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("%s%d/%d", prefix, w, n)
				sent := time.Now()
				answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
					Then(clientv3.OpPut(key, etcdtest.SeedValue(key))).Commit()
				if err != nil || !answer.Succeeded {
					select {
					case l.refused <- struct{}{}:
					default:
					}
					continue
				}
				l.note(sent, answer.Header.Revision)
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) note(sent time.Time, revision int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted++
	l.last = max(l.last, revision)
	if sent.After(l.latest) {
		l.latest = sent
	}
}

func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

func (l *load) stop() {
	l.cancel()
	l.work.Wait()
}

// eventually polls until a condition holds, for at most a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A fence ends KINE's writes permanently: no write sent after the fence is acknowledged, the last sequence that the
// fence returns is final, and the bucket remains readable. Lifting the fence leaves nothing behind.
func TestFence(t *testing.T) {
	t.Parallel()
	t.Run("single server", func(t *testing.T) {
		t.Parallel()
		testFence(t, natslab.Single(t), 1)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		testFence(t, natslab.Cluster(t, 3), 3)
	})
}

func testFence(t *testing.T, lab lab, replicas int) {
	const rounds, writers, seeds = 3, 32, 50
	ctx := t.Context()
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	spec := Spec{Name: "kine", History: 10, Replicas: replicas}
	mustCreate(t, js, spec)
	plainConfig := plain(t, streamConfig(t, nc, "kine"))
	_, client := runKINE(t, lab.URLs(), spec)
	seeded, err := etcdtest.Seed(ctx, client, etcdtest.NewPrefix(), seeds)
	if err != nil {
		t.Fatal(err)
	}

	by := Fence{By: "round", At: time.Now().UTC().Truncate(time.Second)}
	total := 0
	for round := range rounds {
		load := startLoad(t, client, etcdtest.NewPrefix(), writers)
		eventually(t, "writes before the fence", func() bool { return load.acknowledged() >= 100 })
		fenced, err := SetFence(ctx, js, "kine", by)
		returned := time.Now()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 * writers { // each writer has sent at least one write since the fence, and it was refused
			<-load.refused
		}
		if err := etcdtest.VerifyAll(ctx, client, seeded); err != nil {
			t.Errorf("reading while fenced: %v", err)
		}
		load.stop()
		total += load.accepted

		last := fenced.Fence.LastSequence
		switch {
		case load.latest.After(returned):
			t.Errorf("round %d: a write that was sent %s after the fence was set was acknowledged", round,
				load.latest.Sub(returned))
		case load.last > int64(last):
			t.Errorf("round %d: revision %d was acknowledged, above the last sequence %d", round, load.last, last)
		}
		now, err := Read(ctx, js, "kine")
		if err != nil || now.LastSequence != last {
			t.Errorf("round %d: the last sequence is %d, %v; the fence says %d", round, now.LastSequence, err, last)
		}
		want := by
		want.LastSequence = last
		if diff := cmp.Diff(&want, now.Fence); diff != "" || len(now.Differences) > 0 {
			t.Errorf("round %d: the fence differs, differences %v:\n%s", round, now.Differences, diff)
		}

		if round == 0 {
			testFencedTwice(t, js, fenced)
			if err := startsKINE(t, lab.URLs(), spec); err == nil ||
				!strings.Contains(err.Error(), "bucket name already in use") {
				t.Errorf("KINE on a fenced bucket: %v", err)
			}
		}
		lifted, err := LiftFence(ctx, js, "kine", false)
		if err != nil || lifted.Fence != nil || len(lifted.Differences) > 0 {
			t.Fatalf("LiftFence: %+v, %v", lifted, err)
		}
		if diff := cmp.Diff(plainConfig, plain(t, streamConfig(t, nc, "kine"))); diff != "" {
			t.Errorf("round %d: the stream after the fence differs:\n%s", round, diff)
		}
		if err := startsKINE(t, lab.URLs(), spec); err != nil {
			t.Errorf("KINE after the fence was lifted: %v", err)
		}
	}
	t.Logf("%d writes acknowledged in %d rounds, none of them sent after the fence was set", total, rounds)
}

// testFencedTwice sets another fence on a fenced bucket. The first one stays.
func testFencedTwice(t *testing.T, js *natsconn.JetStream, first *Bucket) {
	t.Helper()
	again, err := SetFence(t.Context(), js, first.Name, Fence{By: "somebody else", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Fence, again.Fence); diff != "" {
		t.Errorf("the fence was set anew:\n%s", diff)
	}
}

func TestFenceSuccessor(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	mustCreate(t, js, testSpec)
	ctx := t.Context()
	if _, err := SetFence(ctx, js, "kine", Fence{By: "me", At: time.Now(), Successor: "bucket kine in hub"}); err != nil {
		t.Fatal(err)
	}
	before := streamConfig(t, nc, "kine")

	_, err := LiftFence(ctx, js, "kine", false)
	var successor *SuccessorError
	if !errors.As(err, &successor) || successor.Successor != "bucket kine in hub" ||
		!strings.Contains(err.Error(), "bucket kine in hub") {
		t.Errorf("LiftFence: %v, want a SuccessorError", err)
	}
	if diff := cmp.Diff(plain(t, before), plain(t, streamConfig(t, nc, "kine"))); diff != "" {
		t.Errorf("the stream was touched:\n%s", diff)
	}
	lifted, err := LiftFence(ctx, js, "kine", true)
	if err != nil || lifted.Fence != nil || len(lifted.Differences) > 0 {
		t.Errorf("LiftFence by force: %+v, %v", lifted, err)
	}
}

// A key that is not a fence is left alone, and a stream that cannot be fenced is refused.
func TestFenceRefuses(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	mustCreate(t, js, testSpec)
	ctx := t.Context()

	if _, err := SetFence(ctx, js, "none", Fence{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("SetFence on nothing: %v", err)
	}
	if _, err := LiftFence(ctx, js, "none", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("LiftFence on nothing: %v", err)
	}
	before := streamConfig(t, nc, "kine")
	if bucket, err := LiftFence(ctx, js, "kine", false); err != nil || bucket.Fence != nil {
		t.Errorf("LiftFence without a fence: %+v, %v", bucket, err)
	}
	alter(t, nc, "kine", map[string]any{"deny_purge": true, "allow_rollup_hdrs": false})
	_, err := SetFence(ctx, js, "kine", Fence{By: "me"})
	var unrepairable *UnrepairableError
	if !errors.As(err, &unrepairable) || !strings.Contains(err.Error(), "deny_purge is true") {
		t.Errorf("SetFence on what cannot be repaired: %v", err)
	}
	before.Set("deny_purge", true)
	before.Set("allow_rollup_hdrs", false)
	if diff := cmp.Diff(plain(t, before), plain(t, streamConfig(t, nc, "kine"))); diff != "" {
		t.Errorf("the stream was touched:\n%s", diff)
	}
}

// An interrupted fence already keeps KINE out, and the next call finishes it.
func TestFenceInterrupted(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	js := openAPI(t, []string{proxy.ClientURL()})
	cases := map[string]func(bucket string) func(subject string) bool{
		"before the last sequence was known": func(bucket string) func(string) bool {
			return func(subject string) bool { return subject == barrierSubject(bucket) }
		},
		"before the last sequence was noted": func(bucket string) func(string) bool {
			updates := 0
			return func(subject string) bool {
				if subject == "$JS.API.STREAM.UPDATE."+StreamName(bucket) {
					updates++
				}
				return updates == 2
			}
		},
	}
	for name, held := range cases {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: slug(name), History: 10, Replicas: 1}
			mustCreate(t, js, spec)
			if err := startsKINE(t, lab.URLs(), spec); err != nil {
				t.Fatal(err)
			}
			hold := proxy.HoldRequest(1, held(spec.Name))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-hold.Held()
				cancel()
				hold.Drop()
			}()
			want := Fence{By: "first", At: time.Now().UTC().Truncate(time.Second)}
			if bucket, err := SetFence(ctx, js, spec.Name, want); err == nil {
				t.Fatalf("the fence was not cut short: %+v", bucket)
			}
			read, err := Read(t.Context(), js, spec.Name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, read.Fence); diff != "" || len(read.Differences) > 0 {
				t.Errorf("the bucket is %+v, its fence differs:\n%s", read, diff)
			}
			if err := startsKINE(t, lab.URLs(), spec); err == nil {
				t.Error("KINE starts behind a fence that was cut short")
			}

			done, err := SetFence(t.Context(), js, spec.Name, Fence{By: "second", At: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			want.LastSequence = read.LastSequence
			if diff := cmp.Diff(&want, done.Fence); diff != "" || read.LastSequence == 0 || len(done.Differences) > 0 {
				t.Errorf("the bucket is %+v, its fence differs:\n%s", done, diff)
			}
			if lifted, err := LiftFence(t.Context(), js, spec.Name, false); err != nil || lifted.Fence != nil ||
				len(lifted.Differences) > 0 {
				t.Errorf("LiftFence: %+v, %v", lifted, err)
			}
			if err := startsKINE(t, lab.URLs(), spec); err != nil {
				t.Errorf("KINE after the fence: %v", err)
			}
		})
	}
}
