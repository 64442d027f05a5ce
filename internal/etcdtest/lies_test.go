package etcdtest

import (
	"context"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// lie changes the messages between a client and a real KINE, so that a check has something to find.
type lie struct {
	check, name string
	want        string // part of the error
	call        func(req, reply proto.Message, invoke func() error) error
	watch       func(*pb.WatchResponse)
	deaf        bool          // requests for progress are dropped
	timeout     time.Duration // for checks that can only time out
}

// TestLies shows that the checks can fail: each lie is an error that a faulty datastore could make.
func TestLies(t *testing.T) { //nolint:tparallel // KINE's watches need the writes of their own check, see watchReplay
	t.Parallel()
	endpoint := startKine(t, "?noEmbed")
	honest := dialTest(t, endpoint)
	checks := map[string]Check{}
	for _, check := range Checks() {
		checks[check.Name] = check
	}
	caught := map[string]bool{}
	for _, l := range append(callLies(), watchLies()...) {
		caught[l.check] = true
		t.Run(l.check+"/"+strings.ReplaceAll(l.name, " ", "-"), func(t *testing.T) {
			check, known := checks[l.check]
			if !known {
				t.Fatal("no such check")
			}
			c, err := dial(t.Context(), endpoint, l.options()...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			timeout := l.timeout
			if timeout == 0 {
				timeout = time.Minute
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			prefix := NewPrefix()
			_, err = check.Run(ctx, c, prefix)
			if err == nil {
				t.Errorf("the check %q did not notice: %s", l.check, l.name)
			} else if !strings.Contains(err.Error(), l.want) {
				t.Errorf("the check %q returned %q, want an error that contains %q", l.check, err, l.want)
			}
			if err := Clean(t.Context(), honest, prefix); err != nil {
				t.Error(err)
			}
		})
	}
	for name := range checks {
		if !caught[name] {
			t.Errorf("no lie shows that the check %q can fail", name)
		}
	}
}

func (l lie) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			honest := func() error { return invoke(ctx, method, req, reply, cc, opts...) }
			if l.call == nil {
				return honest()
			}
			return l.call(req.(proto.Message), reply.(proto.Message), honest)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := open(ctx, desc, cc, method, opts...)
			if err == nil && strings.HasSuffix(method, "/Watch") {
				s = lyingStream{s, l}
			}
			return s, err
		}),
	}
}

type lyingStream struct {
	grpc.ClientStream
	lie lie
}

func (s lyingStream) SendMsg(m any) error {
	if r, isWatch := m.(*pb.WatchRequest); isWatch && s.lie.deaf && r.GetProgressRequest() != nil {
		return nil
	}
	return s.ClientStream.SendMsg(m)
}

func (s lyingStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if r, isWatch := m.(*pb.WatchResponse); err == nil && isWatch && s.lie.watch != nil {
		s.lie.watch(r)
	}
	return err
}

// onReply changes the replies of one type.
func onReply[R proto.Message](change func(R)) func(req, reply proto.Message, invoke func() error) error {
	return func(_, reply proto.Message, invoke func() error) error {
		err := invoke()
		if r, match := reply.(R); err == nil && match {
			change(r)
		}
		return err
	}
}

// onRequest changes the requests of one type.
func onRequest[R proto.Message](change func(R)) func(req, reply proto.Message, invoke func() error) error {
	return func(req, _ proto.Message, invoke func() error) error {
		if r, match := req.(R); match {
			change(r)
		}
		return invoke()
	}
}

// acceptAll turns every refused transaction into an accepted one.
func acceptAll(r *pb.TxnResponse) { r.Succeeded, r.Responses = true, nil }

// refusedAs changes the key that a refused transaction returns.
func refusedAs(change func(*pb.RangeResponse)) func(*pb.TxnResponse) {
	return func(r *pb.TxnResponse) {
		for _, op := range r.Responses {
			if read := op.GetResponseRange(); read != nil && len(read.Kvs) > 0 {
				change(read)
			}
		}
	}
}

// eachRead changes the keys in every read.
func eachRead(change func(*mvccpb.KeyValue)) func(*pb.RangeResponse) {
	return func(r *pb.RangeResponse) {
		for _, kv := range r.Kvs {
			change(kv)
		}
	}
}

// dropLast removes the last key from every list with more than one key.
func dropLast(r *pb.RangeResponse) {
	if n := len(r.Kvs); n > 1 {
		r.Kvs = r.Kvs[:n-1]
		if !r.More {
			r.Count--
		}
	}
}

func callLies() []lie {
	return []lie{
		{check: "status", name: "not healthy", want: "NOT_SERVING", call: onReply(func(r *healthpb.HealthCheckResponse) {
			r.Status = healthpb.HealthCheckResponse_NOT_SERVING
		})},
		{check: "status", name: "the revision stands still", want: "after the write at", call: onReply(func(r *pb.RangeResponse) {
			r.Header.Revision = 1
		})},
		{check: "status", name: "no version", want: "version", call: onReply(func(r *pb.StatusResponse) { r.Version = "" })},

		{check: "create", name: "a second create is accepted", want: "was accepted", call: onReply(acceptAll)},
		{check: "create", name: "the key in the way is not returned", want: "no such key", call: onReply(refusedAs(func(r *pb.RangeResponse) { r.Kvs = nil }))},
		{check: "create", name: "a refused create is stored", want: "after refused creates", call: onReply(eachReadAfter(2))},

		{check: "guarded-update", name: "a wrong revision is accepted", want: "was accepted", call: onReply(acceptAll)},
		{check: "guarded-update", name: "the wrong value is returned", want: "want \"second\"", call: onReply(refusedAs(func(r *pb.RangeResponse) {
			r.Kvs[0].Value = []byte("first")
		}))},
		{check: "guarded-update", name: "the revision of creation moves", want: "want it created at", call: onReply(eachRead(func(kv *mvccpb.KeyValue) {
			kv.CreateRevision = kv.ModRevision
		}))},

		{check: "guarded-delete", name: "deletes are not done", want: "after the delete", call: swallowDelete},
		{check: "guarded-delete", name: "a wrong revision is accepted", want: "was accepted", call: onReply(acceptAll)},

		{check: "read-at-revision", name: "the present is read", want: "read of", call: onRequest(func(r *pb.RangeRequest) { r.Revision = 0 })},
		{check: "read-at-revision", name: "the future is the present", want: "future revision", call: onRequest(func(r *pb.RangeRequest) {
			if r.Revision > 1_000_000 {
				r.Revision = 0
			}
		})},

		{check: "list-pages", name: "pages of the present", want: "list by pages with writes between them", call: onRequest(func(r *pb.RangeRequest) { r.Revision = 0 })},
		{check: "list-pages", name: "the list ends early", want: "a count of", call: onReply(func(r *pb.RangeResponse) { r.More = false })},
		{check: "list-pages", name: "a key is missing on each page", want: "is missing from the list", call: onReply(dropLast)},
		{check: "list-pages", name: "the limit is ignored", want: "requested a page", call: onRequest(func(r *pb.RangeRequest) { r.Limit = 0 })},
		{check: "count", name: "one too many", want: "the count at revision", call: onReply(func(r *pb.RangeResponse) { r.Count++ })},
		{check: "count", name: "the present is counted", want: "the count at revision", call: onRequest(func(r *pb.RangeRequest) { r.Revision = 0 })},

		{check: "key-characters", name: "a slash is a dot", want: "was refused", call: onRequest(func(r *pb.TxnRequest) {
			put := r.Success[0].GetRequestPut()
			put.Key = []byte(strings.ReplaceAll(string(put.Key), "a/b", "a.b"))
			r.Compare[0].Key = put.Key
		})},
		{check: "key-characters", name: "the order is another", want: "before", call: onReply(func(r *pb.RangeResponse) {
			if n := len(r.Kvs); n > 1 {
				r.Kvs[0], r.Kvs[1] = r.Kvs[1], r.Kvs[0]
			}
		})},
		{check: "large-value", name: "the value is cut", want: "bytes", call: onReply(eachRead(func(kv *mvccpb.KeyValue) {
			kv.Value = kv.Value[:min(len(kv.Value), 64<<10)]
		}))},
		{check: "many-keys", name: "keys are missing", want: "is missing from the list", call: onReply(dropLast)},
		{check: "many-keys", name: "a wrong revision of a write", want: "at revision", call: onReply(func(r *pb.TxnResponse) { r.Header.Revision++ })},

		{check: "write-conflict", name: "several win", want: "were accepted", call: onReply(acceptAll)},
		{check: "write-conflict", name: "losers get the old value", want: "a refused update returned", call: onReply(refusedAs(func(r *pb.RangeResponse) {
			r.Kvs[0].Value = []byte("start")
		}))},
		{check: "lease", name: "the lease is dropped", want: "has lease 0", call: onRequest(func(r *pb.TxnRequest) {
			if put := r.Success[0].GetRequestPut(); put != nil {
				put.Lease = 0
			}
		})},
		{check: "lease", name: "it ends too early", want: "ended after", call: onReply(func(r *pb.LeaseGrantResponse) { r.TTL += 10 })},
		{check: "compaction", name: "nothing is done", want: "deadline", timeout: time.Second, call: func(req, _ proto.Message, invoke func() error) error {
			if _, isCompaction := req.(*pb.CompactionRequest); isCompaction {
				return nil
			}
			return invoke()
		}},
	}
}

// swallowDelete replaces every delete with a put.
func swallowDelete(req, _ proto.Message, invoke func() error) error {
	txn, isTxn := req.(*pb.TxnRequest)
	if !isTxn || txn.Success[0].GetRequestDeleteRange() == nil {
		return invoke()
	}
	txn.Success[0] = &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
		Key: txn.Compare[0].Key, Value: []byte("still here"),
	}}}
	return invoke()
}

// eachReadAfter changes the value in all reads except the first n, which include the client's first request.
func eachReadAfter(n int) func(*pb.RangeResponse) {
	reads := 0
	return func(r *pb.RangeResponse) {
		if reads++; reads > n && len(r.Kvs) > 0 {
			r.Kvs[0].Value = []byte("changed")
		}
	}
}

// onEvents changes the watch responses that have events.
func onEvents(change func(*pb.WatchResponse)) func(*pb.WatchResponse) {
	return func(r *pb.WatchResponse) {
		if len(r.Events) > 0 {
			change(r)
		}
	}
}

// onEvent changes each event from the nth on.
func onEvent(n int, change func(*mvccpb.Event)) func(*pb.WatchResponse) {
	seen := 0
	return onEvents(func(r *pb.WatchResponse) {
		for _, e := range r.Events {
			if seen++; seen >= n {
				change(e)
			}
		}
	})
}

func watchLies() []lie {
	all := []lie{
		{check: "watch-progress", name: "none is told", want: "deadline", timeout: time.Second, deaf: true},
		{check: "watch-progress", name: "it goes back", want: "went back", watch: func(r *pb.WatchResponse) {
			if len(r.Events) == 0 && !r.Created {
				r.Header.Revision = 1
			}
		}},
		{check: "lease", name: "no previous value at its end", want: "previous value in the event", watch: onEvent(4, func(e *mvccpb.Event) {
			e.PrevKv = nil
		})},
		{check: "large-value", name: "the value is cut in events", want: "the watch showed", watch: onEvent(1, func(e *mvccpb.Event) {
			e.Kv.Value = e.Kv.Value[:min(len(e.Kv.Value), 64<<10)]
		})},
	}
	for _, check := range []string{"watch", "watch-from-revision"} {
		for _, l := range eventLies() {
			l.check = check
			all = append(all, l)
		}
	}
	return all
}

func eventLies() []lie {
	dropped := false
	return []lie{
		{name: "no previous value", want: "previous value in the event: no such key", watch: onEvent(1, func(e *mvccpb.Event) { e.PrevKv = nil })},
		{name: "a wrong previous value", want: "previous value in the event", watch: onEvent(1, func(e *mvccpb.Event) {
			if e.PrevKv != nil {
				e.PrevKv.Value = []byte("wrong")
			}
		})},
		{name: "each event twice", want: "the watch showed a PUT", watch: onEvents(func(r *pb.WatchResponse) {
			r.Events = append(r.Events[:1:1], r.Events...)
		})},
		{name: "an event is missing", want: "the watch showed a", watch: onEvents(func(r *pb.WatchResponse) {
			if !dropped {
				r.Events, dropped = r.Events[1:], true
			}
		})},
		{name: "a wrong revision", want: "the watch showed a", watch: onEvent(3, func(e *mvccpb.Event) { e.Kv.ModRevision++ })},
		{name: "a wrong value", want: "the watch showed", watch: onEvent(1, func(e *mvccpb.Event) { e.Kv.Value = []byte("wrong") })},
		{name: "deletes as puts", want: "the watch showed it as a PUT", watch: onEvent(1, func(e *mvccpb.Event) { e.Type = mvccpb.PUT })},
		{name: "updates as creates", want: "with IsCreate", watch: onEvent(1, func(e *mvccpb.Event) { e.Kv.CreateRevision = e.Kv.ModRevision })},
	}
}
