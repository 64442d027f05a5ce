package kinebucket

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

type bucketModel struct {
	stream.Model
	RestoreFrom  types.Object `tfsdk:"restore_from"`
	Fenced       types.Bool   `tfsdk:"fenced"`
	ForceUnfence types.Bool   `tfsdk:"force_unfence"`
	ForceDestroy types.Bool   `tfsdk:"force_destroy"`
}

// setBucket takes over what the server has.
func (m *bucketModel) setBucket(ctx context.Context, b *kine.Bucket) diag.Diagnostics {
	diags := m.SetBucket(ctx, b)
	m.Fenced = types.BoolValue(b.Fence != nil)
	m.derive()
	return diags
}

// setApplied takes over what the server has after a creation or update, but for what was planned: see [stream.Model.KeepPlanned].
func (m *bucketModel) setApplied(ctx context.Context, b *kine.Bucket) diag.Diagnostics {
	planned := *m
	diags := m.setBucket(ctx, b)
	m.KeepPlanned(&planned.Model)
	m.Fenced = planned.Fenced
	if b.Fence != nil && !planned.Fenced.ValueBool() {
		diags.AddAttributeWarning(path.Root("fenced"), "Bucket Was Fenced Meanwhile",
			secret.Sprintf("The bucket %q was fenced by somebody else since the plan was made, and was left so. Run plan again.", b.Name))
	}
	m.derive()
	return diags
}

// fencedReason is why a fenced bucket is not writable. It says no more than is known when a plan is made.
const fencedReason = "the bucket is fenced"

// derive sets what follows from other attributes, as far as they are known.
func (m *bucketModel) derive() {
	switch {
	case m.Fenced.IsUnknown():
		m.leaveWritableOpen()
	case m.Fenced.ValueBool():
		m.SetWritable(types.BoolValue(false), types.StringValue(fencedReason))
	default:
		m.SetWritable(types.BoolValue(true), types.StringNull())
	}
	m.noteRestoring()
}

// setDefaults fills in what an import leaves open.
func (m *bucketModel) setDefaults() {
	if m.ForceDestroy.IsNull() {
		m.ForceDestroy = types.BoolValue(false)
	}
	if m.ForceUnfence.IsNull() {
		m.ForceUnfence = types.BoolValue(false)
	}
}

// store writes the model where Terraform keeps it, with the successor of a fenced bucket beside it.
func (m *bucketModel) store(ctx context.Context, left bool, state *tfsdk.State, identity *tfsdk.ResourceIdentity,
	private planmodifiers.PrivateState, bucket *kine.Bucket,
) diag.Diagnostics {
	diags := m.Store(ctx, m, left, state, identity, private)
	successor := ""
	if bucket.Fence != nil {
		successor = bucket.Fence.Successor
	}
	value, _ := json.Marshal(successor) // a string
	diags.Append(private.SetKey(ctx, successorKey, value)...)
	return diags
}
