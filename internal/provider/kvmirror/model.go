package kvmirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

type mirrorModel struct {
	stream.Model
	Source       types.Object `tfsdk:"source"`
	Promoted     types.Bool   `tfsdk:"promoted"`
	Promotion    types.Object `tfsdk:"promotion"`
	RevisionBump types.Int64  `tfsdk:"revision_bump"`
	SourceFenced types.Bool   `tfsdk:"source_fenced"`
	Diverged     types.Bool   `tfsdk:"diverged"`
}

// spec returns the mirror that the model describes.
func (m *mirrorModel) spec(source mirror.Source) mirror.Spec {
	return mirror.Spec{Spec: m.Spec(), Source: source}
}

// setMirror sets the model to the mirror on the server. A source other than the source in the model, or no source, is a
// difference that no update can repair.
func (m *mirrorModel) setMirror(ctx context.Context, got *mirror.Mirror) (diags diag.Diagnostics) {
	bucket := got.Bucket
	source := stream.SourceOf(ctx, m.Source)
	switch {
	case got.Promoted && m.Promoted.ValueBool():
	case got.Promoted:
		// It may meet the contract as a bucket.
		bucket.Differences = []kine.Difference{{Field: sourceField, Actual: unset,
			Required: quote(source.MirrorSource().String())}}
	case m.Source.IsNull():
		m.Source = stream.FoundSource(got.Source).Object()
	case !got.Source.Equal(source.MirrorSource()):
		other := kine.Difference{Field: sourceField, Actual: quote(got.Source.String()),
			Required: quote(source.MirrorSource().String())}
		bucket.Differences = append([]kine.Difference{other}, bucket.Differences...)
	}
	diags.Append(m.SetBucket(ctx, &bucket)...)
	m.setDatastore(ctx, got)
	return diags
}

// sourceField is the field of a stream configuration that makes the stream a mirror.
const (
	sourceField = "mirror"
	unset       = "unset"
)

// quote returns a text as JSON.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string
	return string(quoted)
}

// setApplied sets the model to the mirror on the server after a creation or update, but keeps planned values: see
// [stream.Model.KeepPlanned].
func (m *mirrorModel) setApplied(ctx context.Context, got *mirror.Mirror) diag.Diagnostics {
	planned := *m
	diags := m.setMirror(ctx, got)
	m.KeepPlanned(&planned.Model)
	m.Source = planned.Source
	m.setDatastore(ctx, got)
	return diags
}

// setPromotionDefaults fills in what an import and the states of earlier versions lack.
func (m *mirrorModel) setPromotionDefaults() {
	if m.Promoted.IsNull() {
		m.Promoted = types.BoolValue(false)
	}
	if m.RevisionBump.IsNull() {
		m.RevisionBump = types.Int64Value(kine.DefaultRevisionBump)
	}
}

// setDatastore computes the attributes that follow from other attributes and from the stream on the server.
func (m *mirrorModel) setDatastore(ctx context.Context, got *mirror.Mirror) {
	if m.Promoted.ValueBool() {
		m.SetFenced(got.Fence != nil)
		return
	}
	m.derive(ctx)
}

// derive computes the attributes that follow from other attributes, as far as those are known.
func (m *mirrorModel) derive(ctx context.Context) {
	reason := types.StringUnknown()
	if bucket := stream.SourceOf(ctx, m.Source).Bucket; !bucket.IsUnknown() {
		reason = types.StringValue(fmt.Sprintf("it is a mirror of the bucket %s and was not promoted; k3s must use "+
			"that bucket until the mirror is promoted to replace it", bucket.ValueString()))
	}
	m.SetWritable(types.BoolValue(false), reason)
}
