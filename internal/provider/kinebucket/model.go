package kinebucket

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

type bucketModel struct {
	Name               types.String   `tfsdk:"name"`
	Account            types.String   `tfsdk:"account"`
	JetStreamDomain    types.String   `tfsdk:"jetstream_domain"`
	History            types.Int64    `tfsdk:"history"`
	Replicas           types.Int64    `tfsdk:"replicas"`
	Placement          types.Object   `tfsdk:"placement"`
	RestoreFrom        types.Object   `tfsdk:"restore_from"`
	Fenced             types.Bool     `tfsdk:"fenced"`
	ForceUnfence       types.Bool     `tfsdk:"force_unfence"`
	DeletionProtection types.Bool     `tfsdk:"deletion_protection"`
	ForceDestroy       types.Bool     `tfsdk:"force_destroy"`
	Stream             types.String   `tfsdk:"stream"`
	Cluster            types.String   `tfsdk:"cluster"`
	Pending            types.String   `tfsdk:"pending"`
	ContractViolations types.List     `tfsdk:"contract_violations"`
	Datastore          types.Object   `tfsdk:"datastore"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

// spec returns the bucket that the model describes.
func (m *bucketModel) spec() kine.Spec {
	return kine.Spec{
		Name:     m.Name.ValueString(),
		History:  m.History.ValueInt64(),
		Replicas: int(m.Replicas.ValueInt64()), // validated to be 1 to 5
	}
}

// setBucket takes over what the server has.
func (m *bucketModel) setBucket(ctx context.Context, b *kine.Bucket) (diags diag.Diagnostics) {
	m.Name = types.StringValue(b.Name)
	m.History = types.Int64Value(b.History)
	m.Replicas = types.Int64Value(int64(b.Replicas))
	m.Fenced = types.BoolValue(b.Fence != nil)
	m.Cluster = attribute.Text(b.Cluster)
	m.ContractViolations, diags = stream.DifferencesList(ctx, b.Differences)
	m.derive()
	return diags
}

// setApplied takes over what the server has after a creation or update. What was planned stays, whether a step is pending
// or somebody else changed the bucket since the plan: Terraform takes anything else for a bug of the provider, and the
// next refresh tells how it is.
func (m *bucketModel) setApplied(ctx context.Context, b *kine.Bucket) diag.Diagnostics {
	planned := *m
	diags := m.setBucket(ctx, b)
	m.History, m.Replicas, m.Fenced = planned.History, planned.Replicas, planned.Fenced
	m.ContractViolations = planned.ContractViolations
	if !planned.Cluster.IsUnknown() {
		m.Cluster = planned.Cluster
	}
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
	m.Stream = types.StringUnknown()
	if !m.Name.IsUnknown() {
		m.Stream = types.StringValue(kine.StreamName(m.Name.ValueString()))
	}
	switch {
	case m.Fenced.IsUnknown():
		m.leaveWritableOpen()
	case m.Fenced.ValueBool():
		m.setWritable(types.BoolValue(false), types.StringValue(fencedReason))
	default:
		m.setWritable(types.BoolValue(true), types.StringNull())
	}
	m.noteRestoring()
}

// setDefaults fills in what an import leaves open.
func (m *bucketModel) setDefaults() {
	if m.DeletionProtection.IsNull() {
		m.DeletionProtection = types.BoolValue(true)
	}
	if m.ForceDestroy.IsNull() {
		m.ForceDestroy = types.BoolValue(false)
	}
	if m.ForceUnfence.IsNull() {
		m.ForceUnfence = types.BoolValue(false)
	}
}

// store writes the model where Terraform keeps it: the state, the identity, and what plans need to know beside them.
func (m *bucketModel) store(ctx context.Context, state *tfsdk.State, identity *tfsdk.ResourceIdentity,
	private planmodifiers.PrivateState, bucket *kine.Bucket,
) (diags diag.Diagnostics) {
	diags.Append(state.Set(ctx, m)...)
	diags.Append(identity.Set(ctx, m.identity())...)
	diags.Append(planmodifiers.RememberProtection(ctx, private, m.DeletionProtection.ValueBool())...)

	successor := ""
	if bucket.Fence != nil {
		successor = bucket.Fence.Successor
	}
	value, _ := json.Marshal(successor) // a string
	diags.Append(private.SetKey(ctx, successorKey, value)...)
	return diags
}

func (m *bucketModel) identity() stream.Identity {
	return stream.Identity{Name: m.Name, Account: m.Account, JetStreamDomain: m.JetStreamDomain}
}

// subject is the bucket as failures speak of it.
func (m *bucketModel) subject() stream.Resource {
	return stream.Resource{What: what, Noun: noun, ID: m.identity(), Placement: m.Placement}
}
