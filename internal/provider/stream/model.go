package stream

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
)

// Kind names a resource in messages.
type Kind struct {
	// Title is its name in summaries, such as "Kine Bucket", and Noun its name in sentences, such as "bucket".
	Title, Noun string
}

// Model holds the attributes that a bucket and a mirror have in common.
type Model struct {
	Name               types.String   `tfsdk:"name"`
	Account            types.String   `tfsdk:"account"`
	JetStreamDomain    types.String   `tfsdk:"jetstream_domain"`
	History            types.Int64    `tfsdk:"history"`
	Replicas           types.Int64    `tfsdk:"replicas"`
	Placement          types.Object   `tfsdk:"placement"`
	DeletionProtection types.Bool     `tfsdk:"deletion_protection"`
	Stream             types.String   `tfsdk:"stream"`
	Cluster            types.String   `tfsdk:"cluster"`
	Pending            types.String   `tfsdk:"pending"`
	ContractViolations types.List     `tfsdk:"contract_violations"`
	Datastore          types.Object   `tfsdk:"datastore"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

// DeletionProtectionAttribute returns the attribute that protects the data from being destroyed.
func DeletionProtectionAttribute(kind Kind) schema.BoolAttribute {
	return schema.BoolAttribute{
		MarkdownDescription: fmt.Sprintf("Whether to refuse every plan that would destroy or replace the %s. "+
			"Lifting the protection requires a separate apply. Defaults to `true`.", kind.Noun),
		Optional: true, Computed: true,
		Default: booldefault.StaticBool(true),
	}
}

// NameOfStreamAttribute returns the attribute with the name of the stream.
func NameOfStreamAttribute(kind Kind) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: fmt.Sprintf("Name of the stream behind the %s.", kind.Noun),
		Computed: true}
}

// ClusterAttribute returns the attribute with the NATS cluster of the stream.
func ClusterAttribute(kind Kind) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Name of the NATS cluster that holds the %s; null on a single server.", kind.Noun),
		Computed:            true,
	}
}

// Identity returns the identity of the resource.
func (m *Model) Identity() Identity {
	return Identity{Name: m.Name, Account: m.Account, JetStreamDomain: m.JetStreamDomain}
}

// Resource returns the resource as diagnostics name it.
func (m *Model) Resource(kind Kind) Resource {
	return Resource{Kind: kind, Identity: m.Identity(), Placement: m.Placement}
}

// Spec returns the bucket that the model describes, or the bucket that a mirror becomes.
func (m *Model) Spec() kine.Spec {
	return kine.Spec{
		Name:     m.Name.ValueString(),
		History:  m.History.ValueInt64(),
		Replicas: int(m.Replicas.ValueInt64()), // validated to be 1 to 5
	}
}

// JetStream returns the JetStream API of the resource's account and domain.
func (m *Model) JetStream(data *connection.Data) (*natsconn.JetStream, error) {
	return data.JetStream(m.Account.ValueString(), m.JetStreamDomain.ValueString())
}

// SetBucket sets the model to the bucket on the server.
func (m *Model) SetBucket(ctx context.Context, b *kine.Bucket) (diags diag.Diagnostics) {
	m.Name = types.StringValue(b.Name)
	m.History = types.Int64Value(b.History)
	m.Replicas = types.Int64Value(int64(b.Replicas))
	m.Cluster = attribute.Text(b.Cluster)
	m.ContractViolations, diags = DifferencesList(ctx, b.Differences)
	return diags
}

// KeepPlanned restores planned values after [Model.SetBucket]: a step may be pending, or another client may have
// changed the stream since the plan. Terraform reports any other value as a bug of the provider, and the next refresh
// shows the values on the server.
func (m *Model) KeepPlanned(planned *Model) {
	m.Replicas, m.ContractViolations = planned.Replicas, planned.ContractViolations
	if !planned.History.IsUnknown() {
		m.History = planned.History
	}
	if !planned.Cluster.IsUnknown() {
		m.Cluster = planned.Cluster
	}
}

// FencedBy is recorded in the metadata of a fenced bucket as the one who fenced it.
const FencedBy = "terraform-provider-nats"

// SetFenced is SetWritable for a bucket that is fenced or not. The reason says no more than a plan knows.
func (m *Model) SetFenced(fenced bool) {
	if fenced {
		m.SetWritable(types.BoolValue(false), types.StringValue("the bucket is fenced"))
		return
	}
	m.SetWritable(types.BoolValue(true), types.StringNull())
}

// SetWritable computes the stream name and the datastore from the other attributes, as far as they are known.
func (m *Model) SetWritable(writable types.Bool, reason types.String) {
	m.Stream = types.StringUnknown()
	if !m.Name.IsUnknown() {
		m.Stream = types.StringValue(kine.StreamName(m.Name.ValueString()))
	}
	m.Datastore = Datastore{
		Name: m.Name, History: m.History, Replicas: m.Replicas, Account: m.Account, JetStreamDomain: m.JetStreamDomain,
		Writable: writable, Reason: reason,
	}.Object()
}

// Store writes the state, the identity and the private state. whole is the model that embeds m. The private state
// records whether the resource is protected and whether its stream is left unchanged.
func (m *Model) Store(
	ctx context.Context, whole any, left bool, state *tfsdk.State, identity *tfsdk.ResourceIdentity,
	private planmodifiers.PrivateState,
) (diags diag.Diagnostics) {
	diags.Append(attribute.Set(ctx, state, whole)...)
	diags.Append(attribute.Set(ctx, identity, m.Identity())...)
	diags.Append(planmodifiers.RememberProtection(ctx, private, m.DeletionProtection.ValueBool())...)
	diags.Append(private.SetKey(ctx, leftKey, fmt.Append(nil, left))...)
	return diags
}
