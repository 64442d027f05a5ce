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

// How long an operation may take unless the resource's timeouts say otherwise. A move copies all data to other servers; a deletion
// and a read are a few requests, with room for a cluster to elect a leader or a server to restart.
const (
	ReadTimeout   = time.Minute
	UpdateTimeout = 20 * time.Minute
	DeleteTimeout = 2 * time.Minute
)

// Imported reports whether a read is the first one after an import, which knows the identity alone.
func (m *Model) Imported() bool { return m.Stream.IsNull() }

// ReadFailed deals with the error of a read, and reports whether there was one. A stream that is gone is removed from the state,
// after gone has warned of it; servers that cannot be reached may be tolerated; any other error is handed to fail.
func (m *Model) ReadFailed(
	ctx context.Context, kind Kind, data *connection.Data, err error, gone func(), fail func(error), resp *resource.ReadResponse,
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

// Refresh takes over what a read has found, but for what is set by [Model.SetBucket]. A placement that an apply has not cleared yet is
// no difference.
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

// StillLeft reports whether a refreshed stream is left alone by an earlier apply, and still cannot be repaired.
func (m *Model) StillLeft(ctx context.Context, private PrivateState, diags *diag.Diagnostics) bool {
	return LeftAlone(ctx, private, diags) && len(Unrepairable(ctx, m.ContractViolations, diags)) > 0
}

// UpdateStep is what pending calls an update that is not finished.
func (m *Model) UpdateStep(moves bool) string {
	if moves || !m.Placement.IsNull() && !m.Placement.IsUnknown() {
		return "placement"
	}
	return "replicas"
}

// AfterDeadline returns the context of a read that follows a step whose time is over.
func AfterDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return natsconn.Reading(context.WithoutCancel(ctx), ReadTimeout)
}

// Delete deletes the stream by remove, unless the resource is protected.
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
