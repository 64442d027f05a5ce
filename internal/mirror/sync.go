package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

const (
	// syncPoll is the pause between two looks at a mirror that is to follow.
	syncPoll = 200 * time.Millisecond
	// contactGrace is how long a new mirror may be without any sign of life of its source. The mirror's server asks for
	// messages at once, and the source then says within a second that it is there.
	contactGrace = 5 * time.Second
	// standstill is how long a mirror with contact may have messages to come and get none.
	standstill = 5 * time.Second
)

// AwaitSync waits until a mirror is proven to follow its source: there was a sign of life, and it has all that the source
// had when the wait began. source is the API that the bucket is read from, nil if nobody may ask there; that the lag is 0 is
// the proof then. A mirror that does not follow is a [*BrokenError] within seconds. If ctx ends while messages are still
// coming, the error is a [*PendingError].
func AwaitSync(ctx context.Context, js, source *natsconn.JetStream, spec Spec) (*Mirror, error) {
	w := watcher{spec: spec, since: time.Now(), moved: time.Now()}
	if source != nil {
		from, err := kine.ReadStream(ctx, source, spec.Source.Bucket)
		if errors.Is(err, kine.ErrNotFound) {
			return nil, &BrokenError{Cause: CauseSourceMissing, Source: spec.Source}
		}
		if err != nil {
			return nil, err
		}
		w.target = from.State.LastSequence
	}
	m, err := w.await(ctx, js)
	if err != nil || source == nil {
		return m, err
	}
	// That it has as many messages as the source does not yet tell that they are the source's.
	d, err := compare(ctx, js, source, spec.Name, spec.Source.Bucket)
	if err != nil {
		return nil, err
	}
	if d != nil {
		return nil, &BrokenError{Cause: CauseOtherSource, Source: spec.Source, Err: &DivergedError{*d}}
	}
	return m, nil
}

// AwaitSequence waits until a mirror has the message of a sequence, or a later one. It gives up as [AwaitSync] does.
func AwaitSequence(ctx context.Context, js *natsconn.JetStream, name string, sequence uint64) (*Mirror, error) {
	w := watcher{spec: Spec{Name: name}, target: sequence, since: time.Now(), moved: time.Now(), reached: true}
	return w.await(ctx, js)
}

// watcher judges what several looks at a mirror show.
type watcher struct {
	spec Spec
	// target is the sequence to reach; 0 leaves it to the lag.
	target uint64
	// reached makes the target suffice, whether there is contact now or not.
	reached bool

	since, moved time.Time
	last         uint64
	contact      bool
	failure      error
	inSync       int
}

// await looks at the mirror until it is in sync, broken, or ctx ends.
func (w *watcher) await(ctx context.Context, js *natsconn.JetStream) (*Mirror, error) {
	var seen *Mirror
	ticker := time.NewTicker(syncPoll)
	defer ticker.Stop()
	for {
		m, err := Read(ctx, js, w.spec.Name)
		switch {
		case err == nil && m.Promoted && w.last == 0 && !w.reached:
			return nil, &PromotedError{Name: w.spec.Name}
		case err == nil:
			seen = m
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

// done tells whether the mirror has what it should. Without a target that takes two looks: the sign of life may be that of a
// message which is still to be counted.
func (w *watcher) done(m *Mirror) bool {
	if m.LastSequence < w.target {
		w.inSync = 0
		return false
	}
	if w.reached {
		return true
	}
	if m.Health() != Healthy && (w.target == 0 || m.Health() != CatchingUp) {
		w.inSync = 0
		return false
	}
	w.inSync++
	return w.target > 0 || w.inSync > 1
}

// broken tells why the mirror does not follow, nil as long as it may.
func (w *watcher) broken(ctx context.Context, js *natsconn.JetStream, m *Mirror) error {
	now := time.Now()
	if m.LastSequence != w.last {
		w.last, w.moved = m.LastSequence, now
	}
	w.contact = w.contact || m.Active != Never
	if m.Error != nil {
		// The server forgets it while it tries again.
		w.failure = m.failure()
	}
	still := now.Sub(w.moved) > standstill
	switch {
	case m.Promoted:
		return &PromotedError{Name: m.Name}
	case m.Active > ContactLimit:
		return &BrokenError{Cause: CauseUnreachable, Source: m.Source, Err: m.failure()}
	case !w.contact && now.Sub(w.since) > contactGrace, m.Error != nil && still:
		return w.silent(ctx, js, m)
	case m.Lag > 0 && still:
		return &BrokenError{Cause: CauseFlowControl, Source: m.Source, Err: m.failure()}
	case w.contact && m.Lag == 0 && m.LastSequence < w.target && still:
		return &BrokenError{Cause: CauseOtherSource, Source: m.Source}
	}
	return nil
}

// silent tells why there is no contact to the source.
func (w *watcher) silent(ctx context.Context, js *natsconn.JetStream, m *Mirror) error {
	broken := &BrokenError{Cause: CauseNoAnswer, Source: m.Source, Err: w.failure}
	switch {
	case natsconn.IsAPIError(w.failure, natsconn.CodeStreamNotFound):
		broken.Cause = CauseSourceMissing
	case natsconn.IsAPIError(w.failure, natsconn.CodeFlowControlStalled):
		broken.Cause = CauseFlowControl
	case w.failure != nil:
		broken.Cause = CauseRefused
	case answers(ctx, js, m.Source):
		broken.Cause = CauseNoDelivery
	}
	return broken
}

// answers tells whether the source's API answers in the mirror's account. It is asked for a consumer in a way that is always
// refused.
func answers(ctx context.Context, js *natsconn.JetStream, source Source) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request := &nats.Msg{
		Subject: source.api() + ".CONSUMER.CREATE." + kine.StreamName(source.Bucket),
		Data:    json.RawMessage(`{}`),
	}
	_, err := js.RequestRaw(ctx, request)
	return err == nil
}

// pending says what a mirror that was waited for still lacks.
func (w *watcher) pending(m *Mirror, err error) error {
	waiting := "the servers have not told how far the mirror is"
	switch {
	case m == nil:
	case w.target > m.LastSequence:
		waiting = fmt.Sprintf("the mirror has revision %d of %d, and goes on", m.LastSequence, w.target)
	default:
		waiting = "the mirror is " + m.Describe()
	}
	return &PendingError{Mirror: m, Waiting: waiting, Err: err}
}
