package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// toRaise turns a bucket into one whose revisions are yet to be raised, by a number above its last one.
func toRaise(tb testing.TB, js *natsconn.JetStream, spec Spec, by uint64) (last uint64) {
	tb.Helper()
	s := OpenStream(js, spec.Name)
	info, err := s.Read(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	last = info.State.LastSequence
	if err := s.Send(tb.Context(),
		info.Config.ToRaise(spec, Fence{By: "test", LastSequence: last, RaiseTo: last + by})); err != nil {
		tb.Fatal(err)
	}
	return last
}

// putKeys stores messages that KINE can decode.
func putKeys(tb testing.TB, js *natsconn.JetStream, bucket string, n int) {
	tb.Helper()
	for i := range n {
		key := fmt.Sprintf("/registry/test/%d", i)
		value, err := (&record{KV: &recordKV{Key: key, Value: []byte("x")}, Create: true}).encode()
		if err != nil {
			tb.Fatal(err)
		}
		encoded, err := EncodeKey(key)
		if err != nil {
			tb.Fatal(err)
		}
		msg := nats.NewMsg(KeySubject(bucket, encoded))
		msg.Data = value
		if _, err := js.Publish(tb.Context(), StreamName(bucket), msg); err != nil {
			tb.Fatal(err)
		}
	}
}

// checkRaised checks a bucket of n keys that was raised to a revision: it satisfies the contract, its last message is
// the mark of the compaction, and only one message of the raise is left.
func checkRaised(tb testing.TB, js *natsconn.JetStream, name string, n int, to uint64) *Bucket {
	tb.Helper()
	bucket, err := Inspect(tb.Context(), js, name)
	if err != nil {
		tb.Fatal(err)
	}
	if bucket.Fence != nil || len(bucket.Differences) > 0 || bucket.LastSequence <= to {
		tb.Errorf("bucket %s, raised to %d: %+v", name, to, bucket)
	}
	if bucket.Keys != uint64(n)+2 {
		tb.Errorf("bucket %s has %d keys, not the %d it had, the mark and one message of the raise", name, bucket.Keys, n)
	}
	msg, err := js.DirectGetNext(tb.Context(), StreamName(name), bucket.LastSequence)
	if err != nil || msg.Subject != KeySubject(name, encodedCompactKey) {
		tb.Fatalf("the last message of bucket %s: %+v, %v", name, msg, err)
	}
	r, err := decodeRecord(msg.Data)
	if err != nil || string(r.KV.Value) != fmt.Sprintf("1|%d", bucket.LastSequence) {
		tb.Errorf("the mark of bucket %s: %+v, %v", name, r, err)
	}
	return bucket
}

// A raise that loses any one of its requests, or the answer to it, and its caller, is finished by the next one, whether
// Raise or LiftFence. Until then, KINE cannot write.
func TestRaiseInterrupted(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	direct := openAPI(t, lab.URLs())
	const keys, by = 3, 5000 // two batches
	for _, what := range []natslab.Interruption{natslab.LoseRequest, natslab.LoseReply} {
		t.Run(what.String(), func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				spec := Spec{Name: fmt.Sprintf("b%d-%d", what, n), History: 10, Replicas: 1}
				mustCreate(t, direct, spec)
				putKeys(t, direct, spec.Name, keys)
				to := toRaise(t, direct, spec, by) + by
				proxy := natslab.NewProxy(t, lab.ClientURL())
				ctx, cancel := context.WithCancel(t.Context())
				step := natslab.HoldStep(n, what, proxy)
				go func() {
					select {
					case <-step.Held():
						cancel()
					case <-ctx.Done():
					}
				}()
				_, err := Raise(ctx, openAPI(t, []string{proxy.ClientURL()}), spec.Name)
				interrupted := ctx.Err() != nil
				cancel()
				step.End()
				if !interrupted {
					if err != nil || n < 10 {
						t.Errorf("%d requests: %v", n-1, err)
					}
					checkRaised(t, direct, spec.Name, keys, to)
					return
				}
				if _, ok := errors.AsType[*UnsettledError](err); !ok {
					t.Errorf("step %d: %v", n, err)
				}
				now, err := Read(t.Context(), direct, spec.Name)
				if err != nil || now.Fence == nil && now.LastSequence <= to || now.Messages < keys {
					t.Errorf("step %d: %+v, %v", n, now, err)
				}
				finish := func() (*Bucket, error) { return Raise(t.Context(), direct, spec.Name) }
				if n%2 == 0 {
					finish = func() (*Bucket, error) { return LiftFence(t.Context(), direct, spec.Name, false) }
				}
				if bucket, err := finish(); err != nil || bucket.Fence != nil {
					t.Errorf("step %d: %+v, %v", n, bucket, err)
				}
				// Messages of the interrupted batch may arrive next to those of the call that finishes it.
				if raised := checkRaised(t, direct, spec.Name, keys, to); raised.LastSequence > to+raiseBatch+3 {
					t.Errorf("step %d: it was raised to %d instead of %d", n, raised.LastSequence, to)
				}
				if err := Delete(t.Context(), direct, spec.Name, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Concurrent raises of a bucket, and messages of another one that arrive once it is writable, leave a bucket on which
// KINE starts and which it writes to undisturbed.
func TestRaiseConcurrently(t *testing.T) {
	t.Parallel()
	lab := natslab.Cluster(t, 3)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	spec := Spec{Name: "kine", History: 10, Replicas: 3}
	mustCreate(t, js, spec)
	putKeys(t, js, spec.Name, 3)
	const by = 20_000
	to := toRaise(t, js, spec, by) + by
	if _, err := SetFence(t.Context(), js, spec.Name, Fence{By: "other"}); err == nil {
		t.Error("a bucket that is being raised was fenced")
	} else if _, ok := errors.AsType[*UnsettledError](err); !ok {
		t.Errorf("fencing a bucket that is being raised: %v", err)
	}
	if err := startsKINE(t, lab.URLs(), spec); err == nil {
		t.Error("KINE starts on a bucket that is being raised")
	}
	var work sync.WaitGroup
	for i := range 3 {
		other := openAPI(t, []string{lab.Servers()[i].ClientURL()})
		work.Go(func() {
			if bucket, err := Raise(t.Context(), other, spec.Name); err != nil || bucket.Fence != nil {
				t.Errorf("raise %d: %+v, %v", i, bucket, err)
			}
		})
	}
	work.Wait()
	if _, err := nc.Request(raiseSubject(spec.Name), nil, 5*time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a late message is stored: %v", err)
	}
	bucket, err := Inspect(t.Context(), js, spec.Name)
	if err != nil || len(bucket.Differences) > 0 || bucket.LastSequence <= to || bucket.StartTime() > time.Second {
		t.Fatalf("%+v, %v", bucket, err)
	}
	_, client := runKINE(t, lab.URLs(), spec)
	seeded, err := etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 50)
	if err != nil {
		t.Fatal(err)
	}
	for _, revision := range seeded {
		if uint64(revision) <= to {
			t.Errorf("revision %d is not above %d", revision, to)
		}
	}
	if err := etcdtest.VerifyAll(t.Context(), client, seeded); err != nil {
		t.Error(err)
	}
}

// The rest of a configuration that is changed while the bucket is raised stays changed.
func TestRaiseKeepsChanges(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	direct := openAPI(t, lab.URLs())
	mustCreate(t, direct, testSpec)
	toRaise(t, direct, testSpec, 100)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	hold := proxy.HoldRequest(1, func(subject string) bool { return subject == raiseSubject("kine") })
	done := make(chan error, 1)
	go func() {
		_, err := Raise(t.Context(), openAPI(t, []string{proxy.ClientURL()}), "kine")
		done <- err
	}()
	<-hold.Held()
	wanted := testSpec
	wanted.History = 20
	if _, err := Update(t.Context(), direct, wanted, nil, false); err != nil {
		t.Error(err)
	}
	hold.Forward()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if bucket, err := Read(t.Context(), direct, "kine"); err != nil || bucket.Spec != wanted || bucket.Fence != nil {
		t.Errorf("%+v, %v", bucket, err)
	}
}

// The mark of the compaction continues the version that KINE has written, whatever it has stored there.
func TestRaiseMark(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	js := openAPI(t, lab.URLs())
	encode := func(r record) []byte {
		value, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	for i, c := range []struct {
		before []byte
		header nats.Header
		value  string
		create bool
	}{
		{before: encode(record{KV: &recordKV{Key: compactKey, Value: []byte("7|3")}, Create: true}), value: "8"},
		{before: encode(record{KV: &recordKV{Key: compactKey, Value: []byte("x")}, Create: true}), value: "1"},
		{before: encode(record{KV: &recordKV{Key: compactKey, Value: []byte("7|3")}, Delete: true}), value: "1", create: true},
		{before: []byte("not KINE's"), value: "1", create: true},
		{before: nil, header: nats.Header{"KV-Operation": {"DEL"}}, value: "1", create: true},
	} {
		spec := Spec{Name: fmt.Sprintf("mark%d", i), History: 10, Replicas: 1}
		mustCreate(t, js, spec)
		msg := &nats.Msg{Subject: KeySubject(spec.Name, encodedCompactKey), Header: c.header, Data: c.before}
		if _, err := js.Publish(t.Context(), StreamName(spec.Name), msg); err != nil {
			t.Fatal(err)
		}
		toRaise(t, js, spec, 10)
		bucket, err := Raise(t.Context(), js, spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := js.DirectGet(t.Context(), StreamName(spec.Name), msg.Subject)
		if err != nil {
			t.Fatal(err)
		}
		r, err := decodeRecord(got.Data)
		if want := fmt.Sprintf("%s|%d", c.value, bucket.LastSequence); err != nil || string(r.KV.Value) != want ||
			r.Create != c.create || r.PrevRevision != 1 {
			t.Errorf("case %d: %+v %+v, %v, not %s", i, r, r.KV, err, want)
		}
	}
}

// SetFence with each kind of fence that a bucket may have.
func TestSetFenceRules(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	js := openAPI(t, lab.URLs())
	for i, c := range []struct {
		name           string
		first, second  string // successors
		want           string
		refused        bool
		before, cutOff bool
	}{
		{name: "no fence", second: "a", want: "a"},
		{name: "a fence without a successor gets one", before: true, second: "a", want: "a"},
		{name: "the same successor", before: true, first: "a", second: "a", want: "a"},
		{name: "no successor keeps the one of the fence", before: true, first: "a", want: "a"},
		{name: "another successor", before: true, first: "a", second: "b", want: "a", refused: true},
		{name: "interrupted, the same", before: true, cutOff: true, first: "a", second: "a", want: "a"},
		{name: "interrupted, none", before: true, cutOff: true, first: "a", want: "a"},
		{name: "interrupted, a new one", before: true, cutOff: true, second: "a", want: "a"},
		{name: "interrupted, another", before: true, cutOff: true, first: "a", second: "b", want: "a", refused: true},
	} {
		spec := Spec{Name: fmt.Sprintf("fence%d", i), History: 10, Replicas: 1}
		mustCreate(t, js, spec)
		putKeys(t, js, spec.Name, 2)
		by := "first"
		if c.before {
			if _, err := SetFence(t.Context(), js, spec.Name, Fence{By: by, At: time.Now(), Successor: c.first}); err != nil {
				t.Fatal(err)
			}
		} else {
			by = "second"
		}
		s := OpenStream(js, spec.Name)
		if c.cutOff {
			info, err := s.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			info.Config.Set(fieldSubjects, []string{barrierSubject(spec.Name)})
			info.Config.dropMetadata(func(key string) bool { return key == fenceSequence })
			if err := s.Send(t.Context(), info.Config); err != nil {
				t.Fatal(err)
			}
		}
		before, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		bucket, err := SetFence(t.Context(), js, spec.Name, Fence{By: "second", At: time.Now(), Successor: c.second})
		if _, ok := errors.AsType[*SuccessorError](err); ok != c.refused || !ok && err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		after, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c.refused {
			if !before.Config.equal(after.Config) {
				t.Errorf("%s: the bucket was changed", c.name)
			}
			continue
		}
		if bucket.Fence == nil || bucket.Fence.Successor != c.want || bucket.Fence.LastSequence != 2 ||
			bucket.Fence.By != by ||
			len(bucket.Differences) > 0 || !after.Config.hasSubjects([]string{FenceSubject(spec.Name)}) {
			t.Errorf("%s: %+v, %+v", c.name, bucket, bucket.Fence)
		}
	}
}

// Messages of a raise that arrive late are stored nowhere: their subject is no bucket's.
func TestRaiseSubject(t *testing.T) {
	t.Parallel()
	if CheckBucket("kine+raise") == nil {
		t.Error("a bucket can have the name in the subject of the messages of a raise")
	}
	if slices.Contains(raisedSubjects("kine"), raiseSubject("kine")) {
		t.Error("a raised bucket still stores messages of a raise")
	}
}
