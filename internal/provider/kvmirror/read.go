package kvmirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// sourceTimeout limits the time to query a source, which takes a few requests. A lost source must not delay a plan for
// long.
const sourceTimeout = 5 * time.Second

func (r *mirrorResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, stream.ReadTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Reading(ctx, timeout)
	defer cancel()

	// Terraform before 1.12 stores no identity, and requires one even if the mirror no longer exists.
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.Identity())...)
	imported := state.Imported()
	js, err := state.JetStream(r.data)
	var got *mirror.Mirror
	if err == nil {
		got, err = mirror.Read(ctx, js, state.Name.ValueString())
	}
	gone := func() {
		resp.Diagnostics.AddWarning(kind.Title+" No Longer Exists",
			secret.Sprintf("The mirror %q no longer exists on the server. An apply creates it again and copies its source, %s.",
				state.Name.ValueString(), stream.SourceOf(ctx, state.Source).MirrorSource()))
	}
	fail := func(err error) { addError(&resp.Diagnostics, "Read", &state, err) }
	if state.ReadFailed(ctx, kind, r.data, err, gone, fail, resp) {
		return
	}
	if got.Promoted && imported {
		addNoMirror(&resp.Diagnostics, &state)
		return
	}

	state.setPromotionDefaults()
	state.Refresh(r.data, &got.Bucket)
	resp.Diagnostics.Append(state.setMirror(ctx, got)...)
	state.Placement = stream.FoundPlacement(ctx, state.Placement, state.Cluster, &resp.Diagnostics)
	r.readSource(ctx, js, &state, got, resp.Private, &resp.Diagnostics)
	state.fillSource(ctx)
	left := state.StillLeft(ctx, req.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(state.Store(ctx, &state, left, &resp.State, resp.Identity, resp.Private)...)
}

// fillSource fills in the values that source leaves out and that are in effect. The domain of a source in another
// account is filled in only after the source was found there.
func (m *mirrorModel) fillSource(ctx context.Context) {
	if m.Source.IsNull() {
		return // of a promoted mirror
	}
	source := stream.SourceOf(ctx, m.Source)
	if !source.BehindPrefixes() || !m.SourceFenced.IsNull() {
		m.Source = source.InEffect(m.Account, m.JetStreamDomain).Object()
	}
}

// addNoMirror adds the error of the import of a bucket.
func addNoMirror(diags *diag.Diagnostics, m *mirrorModel) {
	diags.AddAttributeError(path.Root("name"), "Not a Mirror",
		fmt.Sprintf("The stream %s is not a mirror. It is a bucket, perhaps a promoted mirror.\n\nImport it as a "+
			"nats_kine_bucket, with the ID '%s'.",
			kine.StreamName(m.Name.ValueString()), m.Identity().ImportID()))
}

// readSource reads the source, if the provider can query it, and warns of problems that keep the mirror from being a
// copy of it. They are not errors: a mirror is meant to outlive its source.
func (r *mirrorResource) readSource(
	ctx context.Context, js *natsconn.JetStream, state *mirrorModel, got *mirror.Mirror,
	private planmodifiers.PrivateState, diags *diag.Diagnostics,
) {
	if got.Promoted && state.Promoted.ValueBool() {
		r.readPromoted(ctx, state, got, private, diags)
		return
	}
	state.SourceFenced, state.Diverged = types.BoolNull(), types.BoolNull()
	diags.Append(noteHistory(ctx, private, 0)...)
	if got.Promoted || state.elsewhere(ctx, got) {
		return // the next plan reports it
	}
	if !got.Follows() && state.Pending.IsNull() {
		diags.AddWarning(kind.Title+" Does Not Follow Its Source", secret.Sprintf(
			"The server reports about the mirror %q: %s.\n\nThe mirror keeps its data. It continues automatically "+
				"within a few minutes after its source is reachable again. Until then, the server reports the same.",
			got.Name, got.Describe()))
	}
	source := stream.SourceOf(ctx, state.Source)
	from, err := source.API(r.data, state.Account, state.JetStreamDomain)
	if err == nil && from == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	var original *mirror.Mirror
	if err == nil {
		original, err = state.compare(ctx, js, from, got, diags)
	}
	if original != nil {
		state.SourceFenced = types.BoolValue(original.Fence != nil)
		diags.Append(noteHistory(ctx, private, original.History)...)
	}
	switch {
	case errors.Is(err, kine.ErrNotFound):
		diags.AddWarning("Source of "+kind.Title+" No Longer Exists", secret.Sprintf(
			"The bucket %s, the source of the mirror %q, no longer exists on its server. The mirror holds %s.\n\n"+
				"If k3s started now, it would create a new, empty bucket, and the mirror would not be a copy of it. "+
				"Restore the bucket from the mirror first, with restore_from of its nats_kine_bucket.",
			source.Bucket.ValueString(), got.Name, got.Contents()))
	case err != nil:
		diags.AddWarning("Source of "+kind.Title+" Cannot Be Read", secret.Sprintf(
			"The mirror %q exists, but the provider could not read its source. %s", got.Name, connection.Explain(err)))
	}
}

// readPromoted looks at the source of a promoted mirror, which may be back, and notes whether it answers.
func (r *mirrorResource) readPromoted(
	ctx context.Context, state *mirrorModel, got *mirror.Mirror, private planmodifiers.PrivateState,
	diags *diag.Diagnostics,
) {
	state.Diverged = types.BoolNull()
	answers := false
	if !state.Source.IsNull() {
		from, err := stream.SourceOf(ctx, state.Source).API(r.data, state.Account, state.JetStreamDomain)
		answers = err == nil && from != nil && state.readReturned(ctx, from, got, diags)
	}
	history := int64(0)
	if answers {
		history = got.History
	}
	diags.Append(noteHistory(ctx, private, history)...)
}

// elsewhere reports whether the stream is the mirror of a source other than the source in the model.
func (m *mirrorModel) elsewhere(ctx context.Context, got *mirror.Mirror) bool {
	return !got.Source.Equal(stream.SourceOf(ctx, m.Source).MirrorSource())
}

// compare sets whether the mirror and its source have different histories, and warns if they do. It returns the source
// if it was found, even with an error.
func (m *mirrorModel) compare(
	ctx context.Context, js, from *natsconn.JetStream, got *mirror.Mirror, diags *diag.Diagnostics,
) (*mirror.Mirror, error) {
	original, divergence, err := mirror.Compare(ctx, js, from, got)
	if err != nil {
		return original, err
	}
	if m.Diverged = types.BoolValue(divergence != nil); divergence == nil {
		return original, nil
	}
	diags.AddAttributeWarning(path.Root("diverged"), kind.Title+" Has Diverged",
		secret.Sprintf("The mirror %q is no longer a copy of its source. %s The mirror holds %s.\n\nDecide which of "+
			"the two holds the data of the cluster. If it is the source, replace the mirror, which copies the source "+
			"again: %s. If it is the mirror, because the source was lost, keep the mirror: restore the bucket from "+
			"it, or promote it.",
			got.Name, connection.Sentence(divergence.String()), got.Contents(), replaceStep))
	return original, nil
}
