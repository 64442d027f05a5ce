package mirror

import (
	"context"
	"errors"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Promote makes a bucket of a mirror: one update removes the source and gives the stream what the KINE contract demands, so
// that whoever looks sees either a mirror or a bucket. What the mirror does not have yet does not come any more: see
// [AwaitSequence]. A stream that is no mirror any more is repaired to the contract if it differs. Errors:
// [kine.ErrNotFound], [*kine.UnrepairableError] before anything is changed.
func Promote(ctx context.Context, js *natsconn.JetStream, spec Spec) (*kine.Bucket, error) {
	want := kine.NewForm(spec.Spec, kine.Contract(spec.Spec))
	s := kine.OpenStream(js, spec.Name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	var unrepairable []kine.Difference
	for _, v := range info.Config.Differences(want) {
		if !v.Repairable() && v.Field != "mirror" {
			unrepairable = append(unrepairable, v)
		}
	}
	if len(unrepairable) > 0 {
		return nil, &kine.UnrepairableError{Stream: s.Name(), Differences: unrepairable}
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

// Restore makes a bucket out of what another one holds, with the same revisions: a mirror of it is made, brought to the
// last sequence of the source, and promoted. The source may be a mirror itself, and is not changed; nobody should write to it
// meanwhile. What an earlier call has left unfinished is taken up, down to a bucket that equals the contract and has the
// source's history. Any other stream in the way is an [*kine.ExistsError], a mirror that no restoration has made among them. A mirror that can never work is a [*BrokenError], and is
// removed again unless it was there before and has messages; if ctx ends before the end, the error is a [*kine.UnsettledError]. A
// source that is no bucket that KINE accepts is a [*SourceError], one that is not there [kine.ErrNotFound].
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
		// Another call was faster, such as one of an apply whose CLI was killed.
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

// bring brings the mirror that a bucket is restored by to where it can be promoted: in its place, with all that the source has.
func bring(ctx context.Context, js, source *natsconn.JetStream, spec Spec, place *kine.Placement) error {
	if _, err := AwaitSync(ctx, js, source, spec); err != nil {
		return err
	}
	if _, err := settled(kine.OpenStream(js, spec.Name).Settle(ctx, spec.restoring(), place)); err != nil {
		return err
	}
	// Moving may have taken its time.
	from, err := probeAny(ctx, source, spec.Source.Bucket)
	if err != nil {
		return err
	}
	_, err = AwaitSequence(ctx, js, spec.Name, from.LastSequence)
	return err
}

// probeAny looks at a bucket or the mirror of one.
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

// finished returns the bucket of an earlier restoration, which was promoted already. Unless what is there is that bucket, the
// error is exists, or one like it if that is nil.
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
