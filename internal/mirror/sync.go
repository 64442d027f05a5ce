package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

const (
	// syncPoll is the interval between two reads of a mirror.
	syncPoll = 200 * time.Millisecond
	// contactGrace is how long a mirror may have no sign of life of its source. Its server requests messages
	// immediately, and the source then sends a heartbeat each second.
	contactGrace = 5 * time.Second
	// beat is the minimum interval after the first sign of life for another one to count as new.
	beat = 700 * time.Millisecond
	// silence is the age at which a sign of life counts as missing. standstill is how long a mirror with contact and
	// pending messages may receive none.
	silence    = 3 * time.Second
	standstill = 5 * time.Second
	// askTimeout bounds a few requests to a source. A source that is lost is reported soon, however long a mirror may
	// take to fill.
	askTimeout = 10 * time.Second
)

// AwaitSync waits until a mirror is proven to follow its source: there are signs of life, and the mirror has everything
// that the source had when the wait began. source is the API through which the bucket is read. If it is nil, a lag of 0
// is the proof. If the source does not answer there, the error is a [*kine.UnsettledError] after [askTimeout].
//
// A mirror that does not follow is a [*BrokenError] within seconds. A mirror that has worked before and whose source
// exists is given until ctx ends: its server requests messages from a lost source after ten to twenty seconds, waits
// half a minute for the answer, and asks again after up to two more minutes (srcConsumerWaitTime and retryMaximum in
// nats-server's server/stream.go). If ctx ends first, the error is a [*kine.UnsettledError].
func AwaitSync(ctx context.Context, js, source *natsconn.JetStream, spec Spec) (*Mirror, error) {
	return awaitSync(ctx, js, source, spec, nil)
}

// unasked returns the error of reading the source. It is an UnsettledError if there was no answer, because one may
// still come.
func unasked(err error) error {
	if natsconn.IsUnreachable(err) || natsconn.IsTransient(err) {
		return &kine.UnsettledError{Waiting: fmt.Sprintf("its source cannot be asked: %v", err), Err: err}
	}
	return err
}

// awaitSync is AwaitSync with an earlier read of the mirror, which may be nil.
func awaitSync(ctx context.Context, js, source *natsconn.JetStream, spec Spec, first *Mirror) (*Mirror, error) {
	w := newWatcher(spec)
	if first != nil {
		w.look(first)
	}
	if source != nil {
		var from *kine.StreamInfo
		err := source.Answering(ctx, askTimeout, func(ctx context.Context) (err error) {
			from, err = kine.OpenStream(source, spec.Source.Bucket).Read(ctx)
			return err
		})
		if errors.Is(err, kine.ErrNotFound) {
			return nil, &BrokenError{Cause: CauseSourceMissing, Source: spec.Source}
		}
		if err != nil {
			return nil, unasked(err)
		}
		w.target, w.patient = from.State.LastSequence, true
	}
	m, err := w.await(ctx, js)
	if err != nil || source == nil {
		return m, err
	}
	// The mirror has as many messages as the source, but they may be those of another bucket.
	var d *Divergence
	err = source.Answering(ctx, askTimeout, func(ctx context.Context) (err error) {
		_, d, err = compare(ctx, js, source, m, spec.Source.Bucket)
		return err
	})
	if err != nil {
		return nil, unasked(err)
	}
	if d != nil {
		return nil, &BrokenError{Cause: CauseOtherSource, Source: spec.Source, Err: &DivergedError{*d}}
	}
	return m, nil
}

// AwaitSequence waits until a mirror has the message of a sequence or a later one, even if it does not follow its
// source any longer. Until then it gives up under the same conditions as [AwaitSync].
func AwaitSequence(ctx context.Context, js *natsconn.JetStream, name string, sequence uint64) (*Mirror, error) {
	return awaitSequence(ctx, js, name, sequence, false)
}

// awaitSequence is AwaitSequence for a source that may be known to be available, see watcher.
func awaitSequence(
	ctx context.Context, js *natsconn.JetStream, name string, sequence uint64, patient bool,
) (*Mirror, error) {
	w := newWatcher(Spec{Spec: kine.Spec{Name: name}})
	w.target, w.enough, w.patient = sequence, true, patient
	return w.await(ctx, js)
}

// watcher judges a mirror by several reads.
type watcher struct {
	spec Spec
	// target is the sequence to reach. If it is 0, the lag decides.
	target uint64
	// enough is true if reaching the target suffices, whether or not the mirror continues to follow.
	enough bool
	// patient is true if the source is known to exist, so that a mirror that has worked will find it again.
	patient bool

	// since is the start of the wait. moved is when the last message arrived or contact returned.
	since, moved time.Time
	// looked is true after the first read, which found the sequence start and the sign of life contact.
	looked      bool
	start, last uint64
	contact     time.Time
	// alive is true once messages or another sign of life arrived. The first sign of life may be the answer to the
	// server's request for messages, which arrives even if no messages can.
	alive bool
	// failure is the last error since a message arrived. The server forgets it while it tries again.
	failure error
	inSync  int
}

func newWatcher(spec Spec) *watcher {
	now := time.Now()
	return &watcher{spec: spec, since: now, moved: now}
}

// await reads the mirror until it is in sync, it is broken, or ctx ends.
func (w *watcher) await(ctx context.Context, js *natsconn.JetStream) (*Mirror, error) {
	var seen *Mirror
	for {
		m, err := Read(ctx, js, w.spec.Name)
		switch {
		case err == nil:
			seen = m
			w.look(m)
			if w.done(m) {
				return m, nil
			}
			if broken := w.broken(ctx, js, m); broken != nil {
				return m, broken
			}
		case ctx.Err() == nil:
			return nil, err
		}
		if !natsconn.Pause(ctx, syncPoll) {
			return seen, w.pending(seen, errors.Join(ctx.Err(), err))
		}
	}
}

// look records one read of the mirror.
func (w *watcher) look(m *Mirror) {
	now := time.Now()
	if !w.looked {
		w.looked, w.start, w.last = true, m.LastSequence, m.LastSequence
	}
	if m.LastSequence != w.last {
		w.last, w.moved, w.alive, w.failure = m.LastSequence, now, true, nil
	}
	if m.Active != Never {
		contact := now.Add(-m.Active)
		if w.contact.IsZero() {
			w.contact = contact
		}
		w.alive = w.alive || contact.Sub(w.contact) > beat
	}
	if m.Active == Never || m.Active > silence {
		w.moved = now
	}
	if m.Error != nil {
		w.failure = m.failure()
	}
}

// done reports whether the mirror has everything it should. Without a target that takes two reads without lag, because
// the sign of life may be the one of a message that is not counted yet. Under writes, reads with lag may lie between
// them.
func (w *watcher) done(m *Mirror) bool {
	switch {
	case m.LastSequence < w.target:
		return false
	case w.enough:
		return true
	case !w.alive || !m.Follows():
		w.inSync = 0
		return false
	case w.target > 0:
		return true
	case m.Lag == 0:
		w.inSync++
	}
	return w.inSync > 1
}

// broken returns why the mirror does not follow its source, or nil if it still may.
func (w *watcher) broken(ctx context.Context, js *natsconn.JetStream, m *Mirror) error {
	now := time.Now()
	still := now.Sub(w.moved) > standstill
	var cause Cause
	switch {
	case m.Promoted:
		return &PromotedError{Name: m.Name}
	case m.Active > ContactLimit:
		cause = CauseUnreachable
	case !w.alive && now.Sub(w.since) > contactGrace, m.Error != nil && still:
		cause = w.silent(ctx, js, m)
	case m.Lag > 0 && still:
		cause = CauseFlowControl
	case w.alive && m.LastSequence < w.target && still:
		cause = CauseOtherSource
	default:
		return nil
	}
	switch {
	case w.start == 0 || !slices.Contains(passing, cause):
	case w.patient:
		return nil
	case cause != CauseSourceMissing:
		cause = CauseUnreachable // the mirror has worked before
	}
	return &BrokenError{Cause: cause, Source: m.Source, Err: w.failure}
}

// passing are the causes that disappear for a mirror that has worked once its source returns.
var passing = []Cause{CauseNoAnswer, CauseNoDelivery, CauseUnreachable, CauseSourceMissing}

// silent returns why nothing arrives from the source.
func (w *watcher) silent(ctx context.Context, js *natsconn.JetStream, m *Mirror) Cause {
	switch {
	case natsconn.IsAPIError(w.failure, natsconn.CodeStreamNotFound):
		return CauseSourceMissing
	case natsconn.IsAPIError(w.failure, natsconn.CodeFlowControlStalled):
		return CauseFlowControl
	case w.failure != nil:
		return CauseRefused
	case !w.contact.IsZero() || answers(ctx, js, m):
		return CauseNoDelivery
	}
	return CauseNoAnswer
}

// answers reports whether the source's API answers in the mirror's account. It requests a consumer as the mirror's
// server does, but with a request that is always refused.
func answers(ctx context.Context, js *natsconn.JetStream, m *Mirror) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	subject := m.Source.api() + ".CONSUMER.CREATE." + kine.StreamName(m.Source.Bucket)
	if m.Name != m.Source.Bucket {
		subject += ".nats-k3s-probe." + kine.Subjects(m.Source.Bucket)
	}
	_, err := js.RequestRaw(ctx, &nats.Msg{Subject: subject, Data: []byte("{}")})
	return err == nil
}

// pending returns the error for a mirror that did not get in sync in time.
func (w *watcher) pending(m *Mirror, err error) error {
	waiting := "the servers have not reported how far the mirror is"
	switch {
	case m == nil:
	case w.target > m.LastSequence && m.Follows():
		waiting = fmt.Sprintf("the mirror has revision %d of %d and is still catching up", m.LastSequence, w.target)
	default:
		waiting = "the mirror is " + m.Describe()
	}
	return &kine.UnsettledError{Waiting: waiting, Err: err}
}
