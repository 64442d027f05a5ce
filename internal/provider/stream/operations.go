package stream

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
)

// Default timeouts of operations. A move copies all data to other servers; a deletion and a read are a few requests,
// with room for a cluster to elect a leader or a server to restart.
const (
	ReadTimeout   = time.Minute
	UpdateTimeout = 20 * time.Minute
	DeleteTimeout = 2 * time.Minute
)

// Imported reports whether a read is the first one after an import, when only the identity is known.
func (m *Model) Imported() bool { return m.Stream.IsNull() }

// ReadFailed handles the error of a read, and reports whether there was one. A stream that no longer exists is removed
// from the state, after gone has warned of it. Servers that cannot be reached may be tolerated. Any other error is
// passed to fail.
func (m *Model) ReadFailed(
	ctx context.Context, kind Kind, data *connection.Data, err error, gone func(), fail func(error),
	resp *resource.ReadResponse,
) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, kine.ErrNotFound):
		if !m.Imported() {
			gone()
		}
		planmodifiers.Forget(ctx, resp)
	case m.Imported():
		fail(err)
	case !data.KeepPrior("the "+kind.Noun, m.Name.ValueString(), err, &resp.Diagnostics):
		fail(connection.Tolerable(err))
	}
	return true
}

// Refresh sets what a read has found, except for what [Model.SetBucket] sets. A placement that an apply has not cleared
// yet is not a difference.
func (m *Model) Refresh(data *connection.Data, b *kine.Bucket) {
	if !m.Placement.IsNull() && b.Placement != nil && !m.Pending.IsNull() {
		b.Differences = WithoutPlacement(b.Differences)
	}
	FillDomain(&m.JetStreamDomain, b.Domain)
	FillAccount(&m.Account, data)
	if m.DeletionProtection.IsNull() {
		m.DeletionProtection = types.BoolValue(true) // imported
	}
}

// StillLeft reports whether an earlier apply left the refreshed stream unchanged and it still cannot be repaired.
func (m *Model) StillLeft(ctx context.Context, private PrivateState, diags *diag.Diagnostics) bool {
	return LeftAlone(ctx, private, diags) && len(Unrepairable(ctx, m.ContractViolations, diags)) > 0
}

// UpdateStep returns the name of an unfinished update in pending.
func (m *Model) UpdateStep(moves bool) string {
	if moves || !m.Placement.IsNull() && !m.Placement.IsUnknown() {
		return "placement"
	}
	return "replicas"
}

// AfterDeadline returns the context of a read after the deadline of ctx has expired.
func AfterDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return natsconn.Reading(context.WithoutCancel(ctx), ReadTimeout)
}

// Delete deletes the stream with remove, unless the resource is protected.
func (m *Model) Delete(
	ctx context.Context, kind Kind, data *connection.Data, remove func(context.Context, *natsconn.JetStream) error,
	fail func(error), diags *diag.Diagnostics,
) {
	timeout, more := m.Timeouts.Delete(ctx, DeleteTimeout)
	diags.Append(more...)
	if diags.HasError() {
		return
	}
	if m.DeletionProtection.ValueBool() {
		planmodifiers.RefuseProtectedDelete(kind.Title, kind.Noun, m.Name.ValueString(), diags)
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()
	js, err := m.JetStream(data)
	if err == nil {
		err = remove(ctx, js)
	}
	if err != nil {
		fail(err)
	}
}
