package mirror

import (
	"context"
	"errors"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Probe looks at the bucket that is to be mirrored, from its own side: it must be there ([kine.ErrNotFound]), keep the KINE
// contract and be no mirror itself ([*SourceError]). A fence is no obstacle. Its history is the one for [Spec].
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

// Create makes the stream of a mirror, in the given place if there is one; [AwaitSync] then waits until it follows, and
// [Settle] finishes the placement. [Establish] does all of it. A mirror that is there already is taken over if it equals the
// spec and is empty, as an earlier creation leaves it whose answer was lost, and that is noted in it; any other stream is an [*kine.ExistsError]. A source
// in the same account and domain is a [*BrokenError], and nothing is made then.
func Create(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return create(ctx, js, spec, spec.form(), place, func(info *kine.StreamInfo, asked bool) bool {
		// A mirror fills itself: one that was asked for in vain is not empty for long.
		return asked || info.Empty()
	})
}

// createRestoring makes the stream of a mirror that a bucket is restored by, or takes over with all that is in it one that an earlier
// restoration has made.
func createRestoring(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return create(ctx, js, spec, spec.restoring(), place, func(*kine.StreamInfo, bool) bool { return true })
}

// create makes the stream of a mirror in this form of its configuration. One that has it already is taken over if adopt says so.
func create(
	ctx context.Context, js *natsconn.JetStream, spec Spec, form kine.Form, place *kine.Placement, adopt func(info *kine.StreamInfo, asked bool) bool,
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

// checkDomain refuses a source in the domain of the mirror.
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

// Settle waits until a new mirror is in its place, has a leader, and every replica is there and current. Then it clears the
// placement, which a bucket must not have, and returns the mirror as it is now. If ctx ends before, the error is a
// [*kine.UnsettledError].
func Settle(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement) (*Mirror, error) {
	return settled(kine.OpenStream(js, spec.Name).Settle(ctx, spec.form(), place))
}

// settled reads what package kine returns of a mirror's stream.
func settled(info *kine.StreamInfo, err error) (*Mirror, error) {
	if err != nil {
		return nil, err
	}
	return read(info), nil
}

// Establish makes a mirror and proves that it follows its source; see [Create], [AwaitSync] and [Settle]. One that can never
// work as things are configured is a [*BrokenError] within seconds, and is removed again. Any other failure once the mirror
// is there is a [*kine.UnsettledError]: the mirror stays, and is returned beside the error as far as it is known. Calling AwaitSync and Settle goes on.
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

// prove goes on with a mirror that was made.
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

// isLasting tells whether an error says that a mirror can never work.
func isLasting(err error) bool {
	broken, ok := errors.AsType[*BrokenError](err)
	return ok && broken.Lasting()
}

// discard removes a mirror that can never work, which is what err says, and returns err. One that had messages when this
// process met it is not this process's own, and may be the only copy of them; nor is one that was there before, or was changed since.
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
