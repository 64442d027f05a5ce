package etcdtest

import (
	"context"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// runWriter writes until n writes are acknowledged, calls half after half of them, and stops.
func runWriter(t *testing.T, c *clientv3.Client, n int, half func()) (Report, error) {
	t.Helper()
	w, err := StartWriter(t.Context(), c, NewPrefix(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	reach := func(n int) {
		t.Helper()
		deadline := time.NewTimer(time.Minute)
		defer deadline.Stop()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for w.Acknowledged() < n {
			select {
			case <-tick.C:
			case <-deadline.C:
				t.Fatalf("%d writes acknowledged, want %d", w.Acknowledged(), n)
			}
		}
	}
	reach(n / 2)
	if half != nil {
		half()
	}
	reach(n)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return w.Stop(ctx)
}

func TestWriter(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]string{"etcd": startEtcd(t), "kine": startKine(t, "?noEmbed")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialTest(t, endpoint)
			r, err := runWriter(t, c, 100, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Written) < 100 || r.Events != len(r.Written) || len(r.Unsure) != 0 || r.Rewatched != 0 ||
				r.LastRevision <= r.FirstRevision || r.LongestWriteGap <= 0 || r.LongestEventGap <= 0 || r.Duration < r.LongestWriteGap {
				t.Errorf("got %+v", r)
			}
			if err := r.Verify(t.Context(), c); err != nil {
				t.Error(err)
			}
			t.Log(r)

			for key, revision := range r.Written {
				ok(t)(deleteKey(t.Context(), c, key, revision))
				break
			}
			if err := r.Verify(t.Context(), c); err == nil || !strings.Contains(err.Error(), "acknowledged writes: 1 of") {
				t.Errorf("a lost write: %v", err)
			}
		})
	}
}

// TestWriterAcrossRestart stops KINE during the writes and starts another one: no acknowledged write is lost, the
// watch continues, and the report shows the gap.
func TestWriterAcrossRestart(t *testing.T) {
	t.Parallel()
	url := natslab.Single(t).ClientURL() + "?noEmbed"
	dir := t.TempDir()
	inDir := func(cfg *kinelab.Config) { cfg.Dir = dir }
	first := kinelab.Run(t, url, inDir)
	c := dialTest(t, first.Endpoint())
	var down time.Duration
	r, err := runWriter(t, c, 200, func() {
		start := time.Now()
		if err := first.Stop(); err != nil {
			t.Fatal(err)
		}
		kinelab.Run(t, url, inDir)
		down = time.Since(start)
	})
	if err != nil {
		t.Fatal(err)
	}
	// The gap lasts from the last write of the first KINE, accepted while it was stopping, to the first write of the
	// second one.
	if r.LongestWriteGap < down/2 || r.LongestEventGap < down/2 {
		t.Errorf("KINE was down for %s, the report is: %s", down, r)
	}
	if err := r.Verify(t.Context(), c); err != nil {
		t.Error(err)
	}
	t.Logf("KINE was down for %s: %s", down.Round(time.Millisecond), r)
}

// TestWriterFindsLies uses false acknowledgments and a false watch.
func TestWriterFindsLies(t *testing.T) { //nolint:tparallel // a second each
	t.Parallel()
	endpoint := startEtcd(t)
	n := 0
	for _, tc := range []struct {
		name, want string
		lie        lie
	}{
		{"an acknowledged write is not stored", "did not show", lie{call: nil}},
		{"an event is missing", "did not show 1 of", lie{watch: onEvents(func(r *pb.WatchResponse) {
			if n++; n == 10 {
				r.Events = r.Events[1:]
			}
		})}},
		{"each event twice", "and again at", lie{watch: onEvents(func(r *pb.WatchResponse) {
			r.Events = append(r.Events, r.Events...)
		})}},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			opts := tc.lie.options()
			if tc.lie.watch == nil {
				opts = append(opts, grpc.WithChainUnaryInterceptor(pretendOne()))
			}
			c, err := dial(t.Context(), endpoint, opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := runWriter(t, c, 50, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// pretendOne acknowledges the twentieth transaction without performing it.
func pretendOne() grpc.UnaryClientInterceptor {
	n := 0
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		txn, isTxn := reply.(*pb.TxnResponse)
		if isTxn {
			n++
		}
		if !isTxn || n != 20 {
			return invoke(ctx, method, req, reply, cc, opts...)
		}
		txn.Succeeded, txn.Header = true, &pb.ResponseHeader{Revision: 1}
		return nil
	}
}

// TestWriterStopIsBounded checks that a datastore that no longer answers does not block Stop.
func TestWriterStopIsBounded(t *testing.T) {
	t.Parallel()
	k := kinelab.Run(t, natslab.Single(t).ClientURL()+"?noEmbed")
	c := dialTest(t, k.Endpoint())
	w, err := StartWriter(t.Context(), c, NewPrefix(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	watch := natslab.StartStopwatch()
	r, err := w.Stop(ctx)
	if watch.Waited() > 5*time.Second {
		t.Errorf("it took %s", watch)
	}
	t.Log(r, err)
}
