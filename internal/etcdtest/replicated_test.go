package etcdtest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// weakness is a lie, and how Replicated counts it if it permits it.
type weakness struct {
	lie
	counted string // empty if it is not permitted
	missing string // how ShortHistory counts it, or empty if that option does not permit it
}

// weaknesses returns new values for each run because some of them have state.
func weaknesses() []weakness {
	return []weakness{
		{lie{check: "read-at-revision", name: "a key is missing at first", want: "no such key", call: onEverySecond(func(r *pb.RangeResponse) {
			r.Kvs = nil
		})}, "answers older than the client's own writes", "answers without a key"},
		{lie{check: "read-at-revision", name: "a key is older at first", want: "at revision 0", call: onEverySecond(func(r *pb.RangeResponse) {
			for _, kv := range r.Kvs {
				kv.ModRevision--
			}
		})}, "answers older than the client's own writes", ""},
		{lie{check: "update-at-once", name: "a right update is refused at first", want: "was refused", call: refuseFirstUpdate()},
			"answers older than the client's own writes", ""},
		{lie{check: "write-conflict", name: "conflicts are errors", want: "wrong last sequence", call: conflictsAsErrors()},
			"conflicts returned as errors", ""},
		{lie{check: "watch", name: "no previous value", want: "previous value in the event", watch: onEvent(1, func(e *mvccpb.Event) {
			e.PrevKv = nil
		})}, "events without a previous value", ""},
		{lie{check: "watch-from-revision", name: "watches end", want: "the watch ended", watch: endWatches(2)},
			"watches ended and were reopened", ""},

		{lie{check: "list-pages", name: "a key is missing for ever", want: "is missing", call: onReply(dropLast)}, "", ""},
		{lie{check: "write-conflict", name: "several win", want: "were accepted", call: onReply(acceptAll)}, "", ""},
		{lie{check: "watch", name: "a wrong previous value", want: "previous value in the event", watch: onEvent(1, func(e *mvccpb.Event) {
			if e.PrevKv != nil {
				e.PrevKv.Value = []byte("wrong")
			}
		})}, "", ""},
		{lie{check: "watch-from-revision", name: "all watches end", want: "the watch ended", watch: endWatches(1000)}, "", ""},
	}
}

// TestPermittedDeviations simulates the weaknesses that Replicated and ShortHistory permit, and others, on an etcd. The
// former fail a check without the option and are counted with it; the latter also fail it with the option.
func TestPermittedDeviations(t *testing.T) { //nolint:tparallel // most cases take milliseconds
	t.Parallel()
	endpoint := startEtcd(t)
	checks := map[string]Check{"update-at-once": {Run: updateAtOnce}}
	for _, check := range Checks() {
		checks[check.Name] = check
	}
	for i, l := range weaknesses() {
		run := func(ctx context.Context, t *testing.T) error {
			t.Helper()
			opts := append([]grpc.DialOption{grpc.WithChainUnaryInterceptor(sessionInterceptor)}, weaknesses()[i].options()...)
			c, err := dial(t.Context(), endpoint, opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_, err = checks[l.check].Run(ctx, c, NewPrefix())
			return err
		}
		t.Run(l.check+"/"+strings.ReplaceAll(l.name, " ", "-"), func(t *testing.T) {
			if err := run(t.Context(), t); err == nil || !strings.Contains(err.Error(), l.want) {
				t.Errorf("without the option: %v, want %q", err, l.want)
			}
			for option, counted := range map[string]string{"Replicated": l.counted, "ShortHistory": l.missing} {
				var o options
				map[string]Option{"Replicated": Replicated(), "ShortHistory": ShortHistory()}[option](&o)
				s := o.deviations()
				err := run(s.context(t.Context()), t)
				switch {
				case counted == "" && (err == nil || !strings.Contains(err.Error(), l.want)):
					t.Errorf("%s: %v, want %q", option, err, l.want)
				case counted != "" && (err != nil || !strings.Contains(s.String(), counted)):
					t.Errorf("%s: %v, and %q counted, want %q", option, err, s, counted)
				}
			}
		})
	}
}

// updateAtOnce is a check that fails on a false refusal.
func updateAtOnce(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	created, err := accepted(createKey(ctx, c, prefix+"key", "first"))
	if err != nil {
		return Result{}, err
	}
	_, err = accepted(updateKey(ctx, c, prefix+"key", "second", created))
	return Result{}, err
}

// refuseFirstUpdate refuses every other update as if the key did not exist.
func refuseFirstUpdate() func(req, reply proto.Message, invoke func() error) error {
	n := 0
	return func(req, _ proto.Message, invoke func() error) error {
		txn, isTxn := req.(*pb.TxnRequest)
		if !isTxn || txn.Compare[0].GetModRevision() == 0 {
			return invoke()
		}
		if n++; n%2 == 0 {
			return invoke()
		}
		return nil // an empty reply
	}
}

// onEverySecond changes every second reply of a type.
func onEverySecond[R proto.Message](change func(R)) func(req, reply proto.Message, invoke func() error) error {
	n := 0
	return onReply(func(r R) {
		if n++; n%2 == 0 {
			change(r)
		}
	})
}

// conflictsAsErrors turns every other refused transaction into an error.
func conflictsAsErrors() func(req, reply proto.Message, invoke func() error) error {
	var n atomic.Int64
	return func(_, reply proto.Message, invoke func() error) error {
		err := invoke()
		if r, isTxn := reply.(*pb.TxnResponse); err == nil && isTxn && !r.Succeeded && n.Add(1)%2 == 1 {
			return grpcstatus.Error(codes.Unknown, "nats: wrong last sequence: nats: key revision mismatch")
		}
		return err
	}
}

// endWatches ends the first n watches at their first events.
func endWatches(n int) func(*pb.WatchResponse) {
	return onEvents(func(r *pb.WatchResponse) {
		if n--; n >= 0 {
			r.Events, r.Canceled, r.CancelReason = nil, true, "etcdserver: unhealthy cluster"
		}
	})
}
