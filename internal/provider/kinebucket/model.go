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

// setBucket sets the model to the bucket on the server.
func (m *bucketModel) setBucket(ctx context.Context, b *kine.Bucket) diag.Diagnostics {
	diags := m.SetBucket(ctx, b)
	m.Fenced = types.BoolValue(b.Fence != nil)
	m.derive()
	return diags
}

// setApplied sets the model to the bucket on the server after a creation or update, but keeps planned values: see
// [stream.Model.KeepPlanned].
func (m *bucketModel) setApplied(ctx context.Context, b *kine.Bucket) diag.Diagnostics {
	planned := *m
	diags := m.setBucket(ctx, b)
	m.KeepPlanned(&planned.Model)
	m.Fenced = planned.Fenced
	if b.Fence != nil && !planned.Fenced.ValueBool() {
		diags.AddAttributeWarning(path.Root("fenced"), "Bucket Was Fenced After the Plan",
			secret.Sprintf("The bucket %q was fenced by another client after the plan was made, and was left "+
				"fenced. Run plan again.", b.Name))
	}
	m.derive()
	return diags
}

// derive computes the attributes that follow from other attributes, as far as those are known.
func (m *bucketModel) derive() {
	if m.Fenced.IsUnknown() {
		m.leaveWritableOpen()
	} else {
		m.SetFenced(m.Fenced.ValueBool())
	}
	m.noteRestoring()
}

// setDefaults sets the attributes that an import leaves null.
func (m *bucketModel) setDefaults() {
	if m.ForceDestroy.IsNull() {
		m.ForceDestroy = types.BoolValue(false)
	}
	if m.ForceUnfence.IsNull() {
		m.ForceUnfence = types.BoolValue(false)
	}
}

// store writes the state, the identity and the private state, which includes the successor of a fenced bucket.
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
