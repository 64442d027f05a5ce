package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// promoteVersion is the first nats-server that promotes a mirror by an update.
const promoteVersion = "2.12.0"

// Promotion describes how a mirror is to be promoted in place of its source.
type Promotion struct {
	// By is recorded in the metadata of the fence as the one who promotes.
	By string
	// Successor names the promoted bucket in the record of the source's fence.
	Successor string
	// MaxLag is the maximum number of messages that the mirror may be behind its source, or 0 for any number.
	MaxLag uint64
	// MaxSilence is the maximum time since the last sign of life of a lost source, or 0 for any time.
	MaxSilence time.Duration
	// Bump is how many revisions a bucket continues above its last one if its source was lost, see [kine.Raise].
	Bump uint64
}

// Outcome is the result of a promotion.
type Outcome struct {
	Bucket *kine.Bucket
	// Already is true if the mirror had been promoted before, completely.
	Already bool
	// Revision is the last revision that was taken over from the source.
	Revision uint64
	// Outage is how long the source had refused writes when the mirror was promoted.
	Outage time.Duration
	// Silence is the time since the last sign of life of a lost source, or [Never] if it is unknown.
	Silence time.Duration
	// Lag is the number of messages of a lost source that the mirror knew about and did not have.
	Lag uint64
}

// SwitchOver promotes a mirror in place of a source that works, without losing a revision: it fences the source, waits
// until the mirror has the source's final sequence, checks that the source still is at it, and promotes the mirror. It
// never promotes a mirror that lacks a message of its source.
//
// Nothing is changed if the mirror does not follow its source ([*NotFollowingError]), is further behind than allowed
// ([*LagError]), has another history ([*DivergedError]), or if the source is not a bucket that KINE accepts
// ([*SourceError]). Once the source is fenced, every failure is a [*kine.UnsettledError]: the fence stays, and the next
// call continues. A mirror that has been promoted is no error.
func SwitchOver(ctx context.Context, js, source *natsconn.JetStream, spec Spec, p Promotion) (*Outcome, error) {
	m, err := readToPromote(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	if m.Promoted {
		return finishPromotion(ctx, js, m)
	}
	from, err := Read(ctx, source, m.Source.Bucket)
	if err != nil {
		return nil, err
	}
	if !from.Promoted || len(from.Differences) > 0 || from.Fence != nil && from.Fence.RaiseTo > 0 {
		return nil, &SourceError{Bucket: from.Name, Mirror: !from.Promoted, Differences: from.Differences}
	}
	// A source that an earlier call has fenced is beyond these checks, and one that a user has fenced waits for its
	// mirror.
	switch {
	case from.Fence != nil && (from.Fence.Successor != "" || m.LastSequence >= from.LastSequence):
	case !m.Follows():
		return nil, &NotFollowingError{Name: m.Name, Is: m.Describe()}
	case p.MaxLag > 0 && m.Lag > p.MaxLag:
		return nil, &LagError{Lag: m.Lag, Max: p.MaxLag}
	}
	_, d, err := compare(ctx, js, source, m, m.Source.Bucket)
	if err != nil {
		return nil, err
	}
	if d != nil {
		return nil, &DivergedError{*d}
	}

	began := time.Now()
	fenced, err := kine.SetFence(ctx, source, m.Source.Bucket, kine.Fence{By: p.By, At: began, Successor: p.Successor})
	if err != nil {
		return nil, fmt.Errorf("fence the source: %w", err)
	}
	if fenced.Fence.At.Before(began) && !fenced.Fence.At.IsZero() {
		began = fenced.Fence.At // by an earlier call
	}
	bucket, err := follow(ctx, js, source, m, fenced.Fence)
	if err != nil {
		waiting := fmt.Sprintf("the source %s is fenced at revision %d, and the mirror is not promoted yet: %v",
			m.Source.Bucket, fenced.Fence.LastSequence, err)
		return nil, &kine.UnsettledError{Waiting: waiting, Err: err}
	}
	return &Outcome{Bucket: bucket, Revision: fenced.Fence.LastSequence, Outage: time.Since(began), Silence: Never}, nil
}

// follow promotes the mirror of a fenced source once it has all of its messages.
func follow(ctx context.Context, js, source *natsconn.JetStream, m *Mirror, fence *kine.Fence) (*kine.Bucket, error) {
	// The source answers, so a mirror that has lost contact is given until ctx ends to find it again.
	if _, err := awaitSequence(ctx, js, m.Name, fence.LastSequence, true); err != nil {
		if _, promoted := errors.AsType[*PromotedError](err); !promoted {
			return nil, err
		}
	}
	from, err := kine.Read(ctx, source, m.Source.Bucket)
	switch {
	case err != nil:
		return nil, fmt.Errorf("check the source again: %w", err)
	case from.Fence == nil || from.Fence.Successor != fence.Successor || from.LastSequence != fence.LastSequence:
		return nil, fmt.Errorf("the fence of the source was lifted meanwhile: it is at revision %d", from.LastSequence)
	}
	spec := m.spec()
	bucket, err := Promote(ctx, js, spec)
	if err == nil && bucket.LastSequence < fence.LastSequence {
		// awaitSequence has seen it: only a leader without its last messages gets here.
		err = fmt.Errorf("the promoted bucket has only %d revisions", bucket.LastSequence)
	}
	return bucket, err
}

// FailOver promotes a mirror with what it has in place of a source that is lost. source is the API that the bucket is
// read from, or nil if the provider cannot ask there. If the source may have been ahead, its clients may have seen
// revisions that the mirror does not have, so the bucket continues p.Bump revisions above its last one.
//
// A source that answers, or that has given the mirror a sign of life, is a [*SourceAliveError]: FailOver waits up to
// [ContactLimit] to find out. A mirror that was further behind when it lost contact than allowed, or lost it too long
// ago, is a [*LagError] or [*SilenceError]. Nothing is changed in these cases. An interrupted call is continued by the
// next one. A mirror that has been promoted is no error.
func FailOver(ctx context.Context, js, source *natsconn.JetStream, spec Spec, p Promotion) (*Outcome, error) {
	m, err := readToPromote(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	if m.Promoted {
		return finishPromotion(ctx, js, m)
	}
	if m, err = awaitSilence(ctx, js, source, m); err != nil {
		return nil, err
	}
	switch {
	case m.Promoted: // by another call meanwhile
		return finishPromotion(ctx, js, m)
	case p.MaxLag > 0 && m.Lag > p.MaxLag:
		return nil, &LagError{Lag: m.Lag, Max: p.MaxLag}
	case p.MaxSilence > 0 && (m.Active == Never || m.Active > p.MaxSilence):
		return nil, &SilenceError{Silence: m.Active, Max: p.MaxSilence}
	}
	result := &Outcome{Revision: m.LastSequence, Silence: m.Active, Lag: m.Lag}
	if p.Bump == 0 {
		result.Bucket, err = Promote(ctx, js, m.spec())
		return result, err
	}
	s := kine.OpenStream(js, m.Name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	if now := read(info); now.Promoted {
		return finishPromotion(ctx, js, now)
	}
	if broken := unpromotable(info, m.spec()); len(broken) > 0 {
		return nil, &kine.UnrepairableError{Stream: s.Name(), Differences: broken}
	}
	result.Revision = info.State.LastSequence
	fence := kine.Fence{By: p.By, At: time.Now(), LastSequence: result.Revision, RaiseTo: result.Revision + p.Bump}
	if err := s.Send(ctx, info.Config.ToRaise(m.Bucket.Spec, fence)); err != nil {
		return nil, err
	}
	result.Bucket, err = kine.Raise(ctx, js, m.Name)
	return result, err
}

// readToPromote reads a mirror that is to be promoted, or has been.
func readToPromote(ctx context.Context, js *natsconn.JetStream, name string) (*Mirror, error) {
	m, err := Read(ctx, js, name)
	if err != nil || m.Promoted {
		return m, err
	}
	old, err := js.OlderThan(ctx, promoteVersion)
	if err == nil && old {
		err = &VersionError{Name: name}
	}
	return m, err
}

// finishPromotion returns a bucket that was a mirror, and raises its revisions if an earlier call has not finished
// that.
func finishPromotion(ctx context.Context, js *natsconn.JetStream, m *Mirror) (*Outcome, error) {
	if m.Fence == nil || m.Fence.RaiseTo == 0 {
		return &Outcome{Bucket: &m.Bucket, Already: true, Revision: m.LastSequence, Silence: Never}, nil
	}
	bucket, err := kine.Raise(ctx, js, m.Name)
	return &Outcome{Bucket: bucket, Revision: m.Fence.LastSequence, Silence: Never}, err
}

// awaitSilence returns a mirror once its source is known to be lost: it does not answer, and the mirror has had no sign
// of life for [ContactLimit], whatever else its server reports. The leader of a mirror that was just started does not
// know of earlier signs. A source that shows one is a [*SourceAliveError].
func awaitSilence(ctx context.Context, js, source *natsconn.JetStream, m *Mirror) (*Mirror, error) {
	if source != nil {
		if err := checkLost(ctx, source, m.Source); err != nil {
			return nil, err
		}
	}
	for start, before := time.Now(), m.Active; ; {
		switch {
		case m.Promoted, m.Active > ContactLimit, m.Active == Never && time.Since(start) > ContactLimit:
			return m, nil
		case m.Active != Never && (before == Never || m.Active < before):
			return nil, &SourceAliveError{Source: m.Source, Contact: m.Active}
		}
		before = m.Active
		if before != Never {
			before += silencePoll / 2 // without a sign of life, it grows by the whole interval
		}
		if !natsconn.Pause(ctx, silencePoll) {
			return nil, &SourceAliveError{Source: m.Source, Contact: m.Active}
		}
		var err error
		if m, err = Read(ctx, js, m.Name); err != nil {
			return nil, err
		}
	}
}

// checkLost returns a [*SourceAliveError] if the bucket of the source answers. A bucket that was deleted is lost.
func checkLost(ctx context.Context, source *natsconn.JetStream, of Source) error {
	var from *kine.Bucket
	err := source.Answering(ctx, lostTimeout, func(ctx context.Context) (err error) {
		from, err = kine.Read(ctx, source, of.Bucket)
		return err
	})
	switch {
	case err == nil:
		return &SourceAliveError{Source: of, Answers: true, Fence: from.Fence}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, kine.ErrNotFound), natsconn.IsUnreachable(err), natsconn.IsTransient(err):
		return nil
	}
	return err
}

// silencePoll is the interval at which a mirror is asked for signs of life, which arrive as often.
const silencePoll = time.Second

// lostTimeout is how long a source that may be lost is asked.
const lostTimeout = 5 * time.Second

// FenceReturned fences a source that was lost when its mirror was promoted and answers again: until then, there are two
// writable copies of one cluster.
func FenceReturned(ctx context.Context, source *natsconn.JetStream, bucket string, p Promotion) (*kine.Bucket, error) {
	return kine.SetFence(ctx, source, bucket, kine.Fence{By: p.By, At: time.Now(), Successor: p.Successor})
}
