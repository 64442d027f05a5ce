package mirror

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Promote turns a mirror into a bucket. One update removes the source and applies the KINE contract, so a reader sees
// either a mirror or a bucket. Messages that the mirror does not have yet are lost: see [AwaitSequence]. A stream that
// is no longer a mirror is repaired to the contract. The error is [kine.ErrNotFound] if the stream does not exist, and
// a [*kine.UnrepairableError] before any change if it cannot become a bucket.
func Promote(ctx context.Context, js *natsconn.JetStream, spec Spec) (*kine.Bucket, error) {
	want := kine.NewForm(spec.Spec, kine.Contract(spec.Spec))
	s := kine.OpenStream(js, spec.Name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	if broken := unpromotable(info, spec); len(broken) > 0 {
		return nil, &kine.UnrepairableError{Stream: s.Name(), Differences: broken}
	}
	if len(info.Config.Differences(want)) > 0 {
		if err := s.Send(ctx, info.Config.Repaired(want)); err != nil {
			return nil, err
		}
	}
	if info, err = s.Read(ctx); err != nil {
		return nil, err
	}
	if left := info.Config.Differences(want); len(left) > 0 {
		return nil, &kine.MismatchError{Bucket: spec.Name, Differences: left}
	}
	return info.Bucket(), nil
}

// unpromotable returns the differences that prevent the stream from becoming a bucket.
func unpromotable(info *kine.StreamInfo, spec Spec) []kine.Difference {
	want := kine.NewForm(spec.Spec, kine.Contract(spec.Spec))
	return slices.DeleteFunc(info.Config.Differences(want), func(d kine.Difference) bool {
		return d.Repairable() || d.Field == "mirror"
	})
}

// Restore creates a bucket from another one with the same revisions: it creates a mirror of the other bucket, waits
// until the mirror has the last sequence of its source, and promotes it. The source may be a mirror itself and is not
// changed. It should not be written to meanwhile.
//
// Restore continues whatever an earlier call left unfinished, and returns a bucket that already satisfies the contract
// and has the source's history. Any other existing stream is an [*kine.ExistsError], including a mirror that was not
// created by a restoration. A mirror that can never work is a [*BrokenError] and is removed again, unless it existed
// before and has messages. If ctx ends first, the error is a [*kine.UnsettledError]. A source that KINE would not
// accept is a [*SourceError], one that does not exist [kine.ErrNotFound].
func Restore(
	ctx context.Context, js, source *natsconn.JetStream, spec Spec, place *kine.Placement,
) (*kine.Bucket, error) {
	from, err := probeAny(ctx, source, spec.Source.Bucket)
	if err != nil {
		return nil, err
	}
	made, err := createRestoring(ctx, js, spec, place)
	if exists, ok := errors.AsType[*kine.ExistsError](err); ok {
		return finished(ctx, js, source, spec, from, exists)
	}
	if err != nil {
		return nil, err
	}
	err = bring(ctx, js, source, spec, place)
	if _, ok := errors.AsType[*PromotedError](err); ok {
		// A concurrent call has promoted it, for example one of an apply whose CLI was killed.
		return finished(ctx, js, source, spec, from, nil)
	}
	if err != nil {
		return nil, discard(ctx, js, spec.restoring(), made, err)
	}
	bucket, err := Promote(ctx, js, spec)
	if bucket != nil {
		bucket.Adopted = made.Adopted
	}
	return bucket, err
}

// bring waits until the mirror of a restoration can be promoted: it is settled and has all messages of its source.
func bring(ctx context.Context, js, source *natsconn.JetStream, spec Spec, place *kine.Placement) error {
	if _, err := AwaitSync(ctx, js, source, spec); err != nil {
		return err
	}
	if _, err := settled(kine.OpenStream(js, spec.Name).Settle(ctx, spec.restoring(), place)); err != nil {
		return err
	}
	// The source may have new messages by now.
	from, err := probeAny(ctx, source, spec.Source.Bucket)
	if err != nil {
		return err
	}
	_, err = AwaitSequence(ctx, js, spec.Name, from.LastSequence)
	return err
}

// probeAny reads a bucket or a mirror and checks its configuration.
func probeAny(ctx context.Context, source *natsconn.JetStream, bucket string) (*Mirror, error) {
	m, err := Read(ctx, source, bucket)
	if err != nil {
		return nil, err
	}
	if len(m.Differences) > 0 {
		return nil, &SourceError{Bucket: bucket, Differences: m.Differences}
	}
	return m, nil
}

// finished returns the bucket that an earlier restoration promoted. If the existing stream is not that bucket, the
// error is exists, or a new ExistsError if exists is nil.
func finished(
	ctx context.Context, js, source *natsconn.JetStream, spec Spec, from *Mirror, exists *kine.ExistsError,
) (*kine.Bucket, error) {
	m, err := Read(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	if exists == nil {
		exists = &kine.ExistsError{Bucket: &m.Bucket, IsMirror: !m.Promoted, ForMirror: true}
	}
	if !m.Promoted || len(m.Differences) > 0 || m.Fence != nil || m.Spec != spec.Spec ||
		m.LastSequence != from.LastSequence || m.LastSequence == 0 {
		return nil, exists
	}
	_, d, err := compare(ctx, js, source, m, spec.Source.Bucket)
	if err != nil {
		return nil, err
	}
	if d != nil {
		return nil, exists
	}
	m.Adopted = true
	return &m.Bucket, nil
}
