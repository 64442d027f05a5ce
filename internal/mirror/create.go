package mirror

import (
	"context"
	"errors"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Probe checks a bucket that is to be mirrored, through its own API. The bucket must exist ([kine.ErrNotFound]),
// satisfy the KINE contract and not be a mirror itself ([*SourceError]). It may be fenced. [Spec] needs its history.
func Probe(ctx context.Context, source *natsconn.JetStream, bucket string) (*kine.Bucket, error) {
	info, err := kine.OpenStream(source, bucket).Read(ctx)
	if err != nil {
		return nil, err
	}
	m := read(info)
	if !m.Promoted || len(m.Differences) > 0 {
		return nil, &SourceError{Bucket: bucket, Mirror: !m.Promoted, Differences: m.Differences}
	}
	return info.Bucket(), nil
}

// Create creates the stream of a mirror, at the given placement unless it is nil. [AwaitSync] then waits until the
// mirror follows its source, and [Settle] finishes the placement. [Establish] does all three.
//
// An existing mirror is adopted if it equals the spec and is empty: an earlier attempt whose answer was lost leaves it
// so. Adopted is then set. Any other existing stream is an [*kine.ExistsError]. A source in the same account and domain
// is a [*BrokenError], and nothing is created.
func Create(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return create(ctx, js, spec, spec.form(), place, func(info *kine.StreamInfo, asked bool) bool {
		// A mirror fills itself. If this call sent the request, the mirror may already have messages.
		return asked || info.Empty()
	})
}

// createRestoring creates the mirror through which a bucket is restored. It adopts the mirror of an earlier restoration
// with all its messages.
func createRestoring(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return create(ctx, js, spec, spec.restoring(), place, func(*kine.StreamInfo, bool) bool { return true })
}

// create creates the stream of a mirror from a form. It adopts an existing stream of that form if adopt returns true.
func create(
	ctx context.Context, js *natsconn.JetStream, spec Spec, form kine.Form, place *kine.Placement,
	adopt func(info *kine.StreamInfo, asked bool) bool,
) (*Mirror, error) {
	if err := spec.Source.Check(); err != nil {
		return nil, err
	}
	if err := checkDomain(ctx, js, spec.Source); err != nil {
		return nil, err
	}
	adopted := false
	info, err := kine.OpenStream(js, spec.Name).Create(ctx, form, place, func(info *kine.StreamInfo, asked bool) error {
		adopted = !asked
		if len(info.Config.Unplaced(form)) == 0 && adopt(info, asked) {
			return nil
		}
		exists := read(info)
		exists.Differences = info.Config.Unplaced(spec.form())
		return &kine.ExistsError{Bucket: &exists.Bucket, IsMirror: !exists.Promoted, ForMirror: true}
	})
	if err != nil {
		return nil, err
	}
	m := read(info)
	m.Adopted = adopted
	return m, nil
}

// checkDomain returns an error if the source is in the domain of the mirror.
func checkDomain(ctx context.Context, js *natsconn.JetStream, source Source) error {
	domain := domainOf(source.api())
	if domain == "" {
		return nil
	}
	var account struct {
		Domain string `json:"domain"`
	}
	err := natsconn.Retry(ctx, func(ctx context.Context) error { return js.Request(ctx, "INFO", nil, &account) })
	if err != nil {
		return err
	}
	if account.Domain == domain {
		return &BrokenError{Cause: CauseSameDomain, Source: source}
	}
	return nil
}

// Settle waits until a new mirror is at its placement, has a leader, and all its replicas are current. It then clears
// the placement, because a bucket must not have one, and returns the current mirror. If ctx ends first, the error is a
// [*kine.UnsettledError].
func Settle(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return settled(kine.OpenStream(js, spec.Name).Settle(ctx, spec.form(), place))
}

// settled converts the result of package kine to a mirror.
func settled(info *kine.StreamInfo, err error) (*Mirror, error) {
	if err != nil {
		return nil, err
	}
	return read(info), nil
}

// Establish creates a mirror and proves that it follows its source; see [Create], [AwaitSync] and [Settle]. If the
// mirror cannot work with the present configuration, the error is a [*BrokenError] within seconds, and the mirror is
// removed again. Any other failure after the creation is a [*kine.UnsettledError]: the mirror stays and is returned
// with the error as far as it is known. Call AwaitSync and Settle to continue.
func Establish(
	ctx context.Context, js, source *natsconn.JetStream, spec Spec, place *kine.Placement,
) (*Mirror, error) {
	made, err := Create(ctx, js, spec, place)
	if err != nil {
		return nil, err
	}
	established, err := prove(ctx, js, source, spec, place, made)
	if established != nil {
		established.Adopted = made.Adopted
	}
	return established, err
}

// prove waits until a created mirror is in sync and settled.
func prove(
	ctx context.Context, js, source *natsconn.JetStream, spec Spec, place *kine.Placement, made *Mirror,
) (*Mirror, error) {
	m, err := awaitSync(ctx, js, source, spec, made)
	if isLasting(err) {
		return nil, discard(ctx, js, spec.form(), made, err)
	}
	if err == nil {
		made = m
		m, err = Settle(ctx, js, spec, place)
	}
	if err == nil {
		return m, nil
	}
	if m != nil {
		made = m
	}
	if _, ok := errors.AsType[*kine.UnsettledError](err); !ok {
		err = &kine.UnsettledError{Waiting: err.Error(), Err: err}
	}
	return made, err
}

// isLasting reports whether an error means that a mirror can never work.
func isLasting(err error) bool {
	broken, ok := errors.AsType[*BrokenError](err)
	return ok && broken.Lasting()
}

// discard removes a mirror that can never work and returns err. It keeps a mirror that had messages when this process
// first read it, because they may be the only copy, one that existed before, and one that was changed since.
func discard(ctx context.Context, js *natsconn.JetStream, form kine.Form, made *Mirror, err error) error {
	if !isLasting(err) || made.LastSequence > 0 || made.Adopted {
		return err
	}
	info, left := kine.OpenStream(js, made.Name).Read(ctx)
	if left == nil && len(info.Config.Unplaced(form)) == 0 {
		left = kine.Delete(ctx, js, made.Name, true)
	}
	if errors.Is(left, kine.ErrNotFound) {
		return err
	}
	return errors.Join(err, left)
}
