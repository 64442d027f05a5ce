package etcdtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Replicated is for KINE on a bucket with more than one replica, on which some checks otherwise fail, and rightly so:
//
//   - KINE reads values with direct gets, which followers of the stream also answer. A follower that has not stored a
//     value yet reports that it does not exist, and KINE returns this as "no such key" in a read, as a missing key in a
//     list and as a refused update. Measured with v0.17.5 and three servers on one machine: 1 to 7 % of the reads right
//     after a write, for a few milliseconds. Connecting KINE to the leader does not help.
//   - A write that conflicts with another write in replication fails with "wrong last sequence" (nats-server's code
//     10164), whereas KINE expects code 10071 and should refuse the transaction.
//   - For the first reason, the watch event of a change that immediately follows another may lack the previous value.
//   - A watch from an older revision can end immediately with "unhealthy cluster", in 1 to 2 % of the cases.
//
// With this option, a request is repeated for up to a second if its answer contradicts the client's own earlier
// writes or is such an error: all requests of the suite are reads or guarded writes and can be repeated. A watch that
// ends is reopened where it ended, a few times. All of these cases, and events without a previous value, are counted
// and reported in Deviations. Everything else is checked as without the option.
func Replicated() Option { return func(o *options) { o.deviations = newSession } }

// ShortHistory is for KINE on a bucket whose history is shorter than the number of concurrent writers of a key. KINE
// reads the key's revision from its index and then the value of that revision (List and getRevision in
// pkg/drivers/nats/kv.go of v0.17.5). If the key is updated more often than its history in between, the value no longer
// exists, and KINE returns this as a missing key or as a refused update without a current value.
//
// With this option, such a request is repeated and counted as with [Replicated]. Nothing else is permitted: an older
// value, for example, fails the check.
func ShortHistory() Option {
	return func(o *options) {
		o.deviations = func() *session { return &session{writes: map[string][]ownWrite{}, onlyMissing: true} }
	}
}

const (
	staleLimit = time.Second
	staleTick  = time.Millisecond
	// leaseShare is how long a key with a lease is expected to exist: half of the shortest lease.
	leaseShare = 500 * time.Millisecond
	// rewatchLimit is the number of watches of a check that may end.
	rewatchLimit = 5
)

// session records the client's writes and counts the answers that contradict them.
type session struct {
	mu       sync.Mutex
	writes   map[string][]ownWrite // by key, in the order of their revisions
	revision int64                 // highest revision of the writes

	// onlyMissing permits no deviation except keys that are missing from answers.
	onlyMissing bool

	stale, conflicts, noPrevious, rewatches int
	longest                                 time.Duration
}

type ownWrite struct {
	revision int64
	deleted  bool
	until    time.Time // set for a key with a lease, which is deleted without a write of the client
}

type sessionKey struct{}

func newSession() *session { return &session{writes: map[string][]ownWrite{}} }

func (s *session) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// sessionOf returns the session of ctx, or nil.
func sessionOf(ctx context.Context) *session {
	s, _ := ctx.Value(sessionKey{}).(*session)
	return s
}

// String returns the deviations, or "" if there are none.
func (s *session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	switch {
	case s.stale > 0 && s.onlyMissing:
		parts = append(parts, fmt.Sprintf("%d answers without a key that was being overwritten, for at most %s",
			s.stale, s.longest.Round(time.Millisecond)))
	case s.stale > 0:
		parts = append(parts, fmt.Sprintf("%d answers older than the client's own writes, for at most %s",
			s.stale, s.longest.Round(time.Millisecond)))
	}
	if s.conflicts > 0 {
		parts = append(parts, fmt.Sprintf("%d conflicts returned as errors", s.conflicts))
	}
	if s.noPrevious > 0 {
		parts = append(parts, fmt.Sprintf("%d events without a previous value", s.noPrevious))
	}
	if s.rewatches > 0 {
		parts = append(parts, fmt.Sprintf("%d watches ended and were reopened", s.rewatches))
	}
	return strings.Join(parts, ", ")
}

// allowRewatch counts a watch that has ended, and reports whether it may be reopened.
func (s *session) allowRewatch() bool {
	if s == nil || s.onlyMissing {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewatches++
	return s.rewatches <= rewatchLimit
}

// allowNoPrevious counts an event without a previous value, and reports whether it is accepted.
func (s *session) allowNoPrevious() bool {
	if s == nil || s.onlyMissing {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noPrevious++
	return true
}

// sessionInterceptor repeats a request of a session while its answer is one of those that Replicated describes.
func sessionInterceptor(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	s := sessionOf(ctx)
	if s == nil {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	known := s.known()
	for start := time.Now(); ; {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if !s.doubtful(req, reply, err, known) || time.Since(start) > staleLimit {
			if err == nil {
				s.learn(req, reply)
			}
			return err
		}
		s.mu.Lock()
		s.longest = max(s.longest, time.Since(start))
		s.mu.Unlock()
		if m, ok := reply.(proto.Message); ok {
			proto.Reset(m)
		}
		tick := time.NewTimer(staleTick)
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return ctx.Err()
		}
	}
}

// known returns the highest revision of the session's acknowledged writes. The answer to a later request must include
// all writes up to it.
func (s *session) known() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// doubtful reports whether an answer is one of those that Replicated describes, and counts it.
func (s *session) doubtful(req, reply any, err error, known int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		switch {
		case s.onlyMissing:
		case strings.Contains(err.Error(), "wrong last sequence"):
			s.conflicts++
			return true
		case strings.Contains(err.Error(), "nats: key not found"): // a compaction reads the key that it has just created
			s.stale++
			return true
		}
		return false
	}
	stale := false
	switch r := reply.(type) {
	case *pb.RangeResponse:
		if of, ok := req.(*pb.RangeRequest); ok {
			stale = s.staleRange(of, r, known)
		}
	case *pb.TxnResponse:
		if of, ok := req.(*pb.TxnRequest); ok {
			stale = s.staleTxn(of, r, known)
		}
	}
	if stale {
		s.stale++
	}
	return stale
}

// staleTxn reports whether a refusal contradicts the client's own writes or returns an older value.
func (s *session) staleTxn(r *pb.TxnRequest, reply *pb.TxnResponse, known int64) bool {
	if reply.Succeeded || len(r.Compare) != 1 {
		return false
	}
	guard := r.Compare[0].GetModRevision()
	var current int64
	for i, op := range reply.Responses {
		read := op.GetResponseRange()
		if read == nil {
			continue
		}
		if len(read.Kvs) > 0 {
			current = read.Kvs[0].ModRevision
		}
		if i < len(r.Failure) && s.staleRange(r.Failure[i].GetRequestRange(), read, known) {
			return true
		}
	}
	w, ok := latest(s.writes[string(r.Compare[0].Key)], known)
	if !ok || current > w.revision || s.onlyMissing {
		return false
	}
	return (!w.deleted && guard == w.revision) || (w.deleted && guard == 0)
}

// staleRange reports whether a key in an answer is missing or older than the client's own writes.
func (s *session) staleRange(r *pb.RangeRequest, reply *pb.RangeResponse, known int64) bool {
	if r.CountOnly {
		return false // counted from KINE's index without reading values
	}
	at := known
	if r.Revision > 0 {
		at = min(at, r.Revision)
	}
	read := make(map[string]int64, len(reply.Kvs))
	last := ""
	for _, kv := range reply.Kvs {
		last = string(kv.Key)
		read[last] = kv.ModRevision
	}
	for key, writes := range s.writes {
		if !inRange(r, key) || (reply.More && key > last) {
			continue
		}
		w, ok := latest(writes, at)
		if !ok {
			continue
		}
		revision, there := read[key]
		if (there && revision < w.revision && !s.onlyMissing) || (!there && !w.deleted) {
			return true
		}
	}
	return false
}

func inRange(r *pb.RangeRequest, key string) bool {
	if len(r.RangeEnd) == 0 {
		return key == string(r.Key)
	}
	return key >= string(r.Key) && key < string(r.RangeEnd)
}

// latest returns the last write up to a revision, unless its lease may have expired.
func latest(writes []ownWrite, at int64) (ownWrite, bool) {
	for _, w := range slices.Backward(writes) {
		if w.revision <= at {
			return w, w.until.IsZero() || time.Now().Before(w.until)
		}
	}
	return ownWrite{}, false
}

// learn records an accepted write.
func (s *session) learn(req, reply any) {
	r, isTxn := req.(*pb.TxnRequest)
	answer, answered := reply.(*pb.TxnResponse)
	if !isTxn || !answered || !answer.Succeeded || len(r.Success) != 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := ownWrite{revision: answer.Header.GetRevision()}
	s.revision = max(s.revision, w.revision)
	key := ""
	if put := r.Success[0].GetRequestPut(); put != nil {
		if key = string(put.Key); put.Lease != 0 {
			w.until = time.Now().Add(leaseShare)
		}
	} else if del := r.Success[0].GetRequestDeleteRange(); del != nil {
		key, w.deleted = string(del.Key), true
	}
	s.writes[key] = append(s.writes[key], w)
	slices.SortFunc(s.writes[key], func(a, b ownWrite) int { return cmp.Compare(a.revision, b.revision) })
}
