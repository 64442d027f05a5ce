package kvmirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

type mirrorModel struct {
	Source             types.Object   `tfsdk:"source"`
	Name               types.String   `tfsdk:"name"`
	Account            types.String   `tfsdk:"account"`
	JetStreamDomain    types.String   `tfsdk:"jetstream_domain"`
	History            types.Int64    `tfsdk:"history"`
	Replicas           types.Int64    `tfsdk:"replicas"`
	Placement          types.Object   `tfsdk:"placement"`
	DeletionProtection types.Bool     `tfsdk:"deletion_protection"`
	Stream             types.String   `tfsdk:"stream"`
	Cluster            types.String   `tfsdk:"cluster"`
	SourceFenced       types.Bool     `tfsdk:"source_fenced"`
	Diverged           types.Bool     `tfsdk:"diverged"`
	Pending            types.String   `tfsdk:"pending"`
	ContractViolations types.List     `tfsdk:"contract_violations"`
	Datastore          types.Object   `tfsdk:"datastore"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

// spec returns the mirror that the model describes.
func (m *mirrorModel) spec(source mirror.Source) mirror.Spec {
	return mirror.Spec{
		Spec: kine.Spec{
			Name:     m.Name.ValueString(),
			History:  m.History.ValueInt64(),
			Replicas: int(m.Replicas.ValueInt64()), // validated to be 1 to 5
		},
		Source: source,
	}
}

// setMirror takes over what the server has. A source other than that of the model is a difference that no update can mend, as is
// none at all.
func (m *mirrorModel) setMirror(ctx context.Context, got *mirror.Mirror) (diags diag.Diagnostics) {
	m.Name = types.StringValue(got.Name)
	m.History = types.Int64Value(got.History)
	m.Replicas = types.Int64Value(int64(got.Replicas))
	m.Cluster = attribute.Text(got.Cluster)
	differences := got.Differences
	source := stream.SourceOf(ctx, m.Source, &diags)
	switch {
	case got.Promoted:
		// As a bucket it may be in order.
		differences = []kine.Difference{{Field: sourceField, Actual: unset, Required: quote(source.MirrorSource().String())}}
	case m.Source.IsNull():
		m.Source = stream.FoundSource(got.Source).Object()
	case !got.Source.Equal(source.MirrorSource()):
		other := kine.Difference{Field: sourceField, Actual: quote(got.Source.String()), Required: quote(source.MirrorSource().String())}
		differences = append([]kine.Difference{other}, differences...)
	}
	var d diag.Diagnostics
	m.ContractViolations, d = stream.DifferencesList(ctx, differences)
	diags.Append(d...)
	m.derive(ctx, &diags)
	return diags
}

// sourceField is the field of a stream that makes a mirror of it.
const (
	sourceField = "mirror"
	unset       = "unset"
)

// quote returns a text as JSON.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string
	return string(quoted)
}

// setApplied takes over what the server has after a creation or update. What was planned stays, see that of a bucket: the next
// refresh tells how it is.
func (m *mirrorModel) setApplied(ctx context.Context, got *mirror.Mirror) diag.Diagnostics {
	planned := *m
	diags := m.setMirror(ctx, got)
	m.Source, m.Replicas, m.ContractViolations = planned.Source, planned.Replicas, planned.ContractViolations
	if !planned.History.IsUnknown() {
		m.History = planned.History
	}
	if !planned.Cluster.IsUnknown() {
		m.Cluster = planned.Cluster
	}
	m.derive(ctx, &diags)
	return diags
}

// derive sets what follows from other attributes, as far as they are known.
func (m *mirrorModel) derive(ctx context.Context, diags *diag.Diagnostics) {
	m.Stream = types.StringUnknown()
	if !m.Name.IsUnknown() {
		m.Stream = types.StringValue(kine.StreamName(m.Name.ValueString()))
	}
	reason := types.StringUnknown()
	if bucket := stream.SourceOf(ctx, m.Source, diags).Bucket; !bucket.IsUnknown() {
		reason = types.StringValue(fmt.Sprintf("it is a mirror of the bucket %s that was not promoted; k3s belongs on that bucket, until "+
			"the mirror is promoted in its place", bucket.ValueString()))
	}
	m.Datastore = stream.Datastore{
		Name: m.Name, History: m.History, Replicas: m.Replicas, Account: m.Account, JetStreamDomain: m.JetStreamDomain,
		Writable: types.BoolValue(false), Reason: reason,
	}.Object()
}

// store writes the model where Terraform keeps it: the state, the identity, and what plans need to know beside them.
func (m *mirrorModel) store(
	ctx context.Context, state *tfsdk.State, identity *tfsdk.ResourceIdentity, private planmodifiers.PrivateState,
) (diags diag.Diagnostics) {
	diags.Append(state.Set(ctx, m)...)
	diags.Append(identity.Set(ctx, m.identity())...)
	diags.Append(planmodifiers.RememberProtection(ctx, private, m.DeletionProtection.ValueBool())...)
	return diags
}

func (m *mirrorModel) identity() stream.Identity {
	return stream.Identity{Name: m.Name, Account: m.Account, JetStreamDomain: m.JetStreamDomain}
}

// subject is the mirror as failures speak of it.
func (m *mirrorModel) subject() stream.Resource {
	return stream.Resource{What: what, Noun: noun, ID: m.identity(), Placement: m.Placement}
}
