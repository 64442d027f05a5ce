package mirror

import (
	"context"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Update applies a history and number of replicas to a mirror and repairs its deviations from the spec. If move is set,
// it also moves the mirror to its placement, or continues a move that an earlier call left unsettled. Settings that
// cannot be updated, such as another source, are a [*kine.UnrepairableError], and nothing is changed. A promoted mirror
// is a [*PromotedError]: it never becomes a mirror again. If ctx ends while the servers are still busy, the error is a
// [*kine.UnsettledError].
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

// Delete removes a mirror by [kine.Delete]. If the mirror was promoted in the meantime, KINE may be attached to it,
// which is a [*kine.AttachedError] unless force is set. A mirror that does not exist is not an error.
func Delete(ctx context.Context, js *natsconn.JetStream, name string, force bool) error {
	return kine.Delete(ctx, js, name, force)
}
