package mirror

import (
	"context"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Update brings a mirror to a history and number of replicas, repairs what differs from the spec, and moves the mirror to its
// place if move is set, which also goes on with what an earlier call has left unsettled. What cannot be updated, another
// source among it, is an [*kine.UnrepairableError], and nothing is changed then. A mirror that was promoted is a [*PromotedError]:
// it is never made a mirror again. If ctx ends while the servers are still at work, the error is a [*kine.UnsettledError].
func Update(ctx context.Context, js *natsconn.JetStream, spec Spec, place *kine.Placement, move bool) (*Mirror, error) {
	m, err := Read(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	if m.Promoted {
		return nil, &PromotedError{Name: spec.Name}
	}
	return settled(kine.OpenStream(js, spec.Name).Update(ctx, spec.form(), place, move))
}

// Delete removes a mirror, by [kine.Delete]: it may have been promoted just now, and then KINE may be at work on it, which is a
// [*kine.AttachedError] unless force is set. A mirror that is not there is no error.
func Delete(ctx context.Context, js *natsconn.JetStream, name string, force bool) error {
	return kine.Delete(ctx, js, name, force)
}
