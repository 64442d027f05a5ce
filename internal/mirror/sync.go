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
	// syncPoll is the pause between two looks at a mirror that is to follow.
	syncPoll = 200 * time.Millisecond
	// contactGrace is how long a mirror may show no sign of life of its source. Its server asks for messages at once, and the
	// source then says each second that it is there.
	contactGrace = 5 * time.Second
	// beat is how much later than the first the next sign of life must be to count as another one.
	beat = 700 * time.Millisecond
	// silence is how old a sign of life may be until the next ones count as missing. standstill is how long a mirror that gets
	// them may have messages to come and get none.
	silence    = 3 * time.Second
	standstill = 5 * time.Second
	// askTimeout is how long a source may take to answer a few requests. However long a mirror may take to fill, one that is lost is told
	// soon.
	askTimeout = 10 * time.Second
)

// AwaitSync waits until a mirror is proven to follow its source: there are signs of life, and it has all that the source had
// when the wait began. source is the API that the bucket is read from, nil if nobody may ask there; that the lag is 0 is the
// proof then. If nobody answers there, that is a [*kine.UnsettledError] soon. A mirror that does not follow is a [*BrokenError] within seconds. One that has worked, and whose
// source is there, is given as long as ctx allows: its server asks a source that was lost for messages after ten to twenty
// seconds, waits half a minute for the answer, and asks again after up to two minutes more (srcConsumerWaitTime and retryMaximum in
// nats-server's server/stream.go). If ctx ends before, the error is a [*kine.UnsettledError].
func AwaitSync(ctx context.Context, js, source *natsconn.JetStream, spec Spec) (*Mirror, error) {
	return awaitSync(ctx, js, source, spec, nil)
}

// unasked is the failure of a look at the source: pending if nobody has answered, who may do so later.
func unasked(err error) error {
	if natsconn.IsUnreachable(err) || natsconn.IsTransient(err) {
		return &kine.UnsettledError{Waiting: fmt.Sprintf("its source cannot be asked: %v", err), Err: err}
	}
	return err
}

// awaitSync is AwaitSync with an earlier look at the mirror, nil if there was none.
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
	// That it has as many messages as the source does not yet tell that they are the source's.
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

// AwaitSequence waits until a mirror has the message of a sequence, or a later one. That it has is enough; until then, it
// gives up as [AwaitSync] does.
func AwaitSequence(ctx context.Context, js *natsconn.JetStream, name string, sequence uint64) (*Mirror, error) {
	w := newWatcher(Spec{Spec: kine.Spec{Name: name}})
	w.target, w.enough = sequence, true
	return w.await(ctx, js)
}

// watcher judges what several looks at a mirror show.
type watcher struct {
	spec Spec
	// target is the sequence to reach; 0 leaves it to the lag.
	target uint64
	// enough makes the target suffice, whether the mirror goes on following or not.
	enough bool
	// patient is set if the source is known to be there, so that a mirror which has worked will find it again.
	patient bool

	// since is when the wait began, moved when the last message came or contact came back.
	since, moved time.Time
	// looked is set after the first look, which found the sequence start and the sign of life contact.
	looked      bool
	start, last uint64
	contact     time.Time
	// alive is set once messages or another sign of life came. The server takes the answer to its request for messages for the
	// first one, which comes even where no message can.
	alive bool
	// failure is the last error since a message came, which the server forgets while it tries again.
	failure error
	inSync  int
}

func newWatcher(spec Spec) *watcher {
	now := time.Now()
	return &watcher{spec: spec, since: now, moved: now}
}

// await looks at the mirror until it is in sync, broken, or ctx ends.
func (w *watcher) await(ctx context.Context, js *natsconn.JetStream) (*Mirror, error) {
	var seen *Mirror
	ticker := time.NewTicker(syncPoll)
	defer ticker.Stop()
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
		select {
		case <-ctx.Done():
			return seen, w.pending(seen, errors.Join(ctx.Err(), err))
		case <-ticker.C:
		}
	}
}

// look takes in what one look at the mirror shows.
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

// done tells whether the mirror has what it should. Without a target that takes two looks which find no lag: the sign of life
// may be that of a message which is still to be counted. Under writes, others may lie between them.
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

// broken tells why the mirror does not follow, nil as long as it may.
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
		cause = CauseUnreachable // it has worked
	}
	return &BrokenError{Cause: cause, Source: m.Source, Err: w.failure}
}

// passing are the causes that pass by once the source is back, for a mirror that has worked.
var passing = []Cause{CauseNoAnswer, CauseNoDelivery, CauseUnreachable, CauseSourceMissing}

// silent tells why nothing comes from the source.
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

// answers tells whether the source's API answers in the mirror's account. It is asked for a consumer as the mirror's server
// asks for one, but in a way that is always refused.
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

// pending says what a mirror that was waited for still lacks.
func (w *watcher) pending(m *Mirror, err error) error {
	waiting := "the servers have not told how far the mirror is"
	switch {
	case m == nil:
	case w.target > m.LastSequence && m.Follows():
		waiting = fmt.Sprintf("the mirror has revision %d of %d, and goes on", m.LastSequence, w.target)
	default:
		waiting = "the mirror is " + m.Describe()
	}
	return &kine.UnsettledError{Waiting: waiting, Err: err}
}
