package kvmirror

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// createTimeout is the default timeout of a creation, which copies all data of the bucket over links between regions.
// For other operations see [stream.ReadTimeout].
const createTimeout = 20 * time.Minute

var (
	_ resource.ResourceWithConfigure      = (*mirrorResource)(nil)
	_ resource.ResourceWithIdentity       = (*mirrorResource)(nil)
	_ resource.ResourceWithImportState    = (*mirrorResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*mirrorResource)(nil)
	_ resource.ResourceWithValidateConfig = (*mirrorResource)(nil)
)

type mirrorResource struct {
	data *connection.Data
}

// NewResource returns the resource nats_kv_mirror.
func NewResource() resource.Resource { return &mirrorResource{} }

func (r *mirrorResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_kv_mirror"
	resp.ResourceBehavior.MutableIdentity = true // the server fills in what the configuration leaves out
}

func (r *mirrorResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *mirrorResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	stream.ValidatePlacement(ctx, config.Placement, &resp.Diagnostics)
	config.validatePromotion(ctx, &resp.Diagnostics)
}

func (r *mirrorResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	if plan.Account.IsUnknown() {
		stream.FillAccount(&plan.Account, r.data)
	}
	source := stream.SourceOf(ctx, plan.Source).NullUnknown()
	source = source.WithPrefixes(source, plan.Account)
	plan.checkSource("Create", source, &resp.Diagnostics)
	place := stream.PlacementOf(ctx, plan.Placement, &resp.Diagnostics)
	timeout, diags := plan.Timeouts.Create(ctx, createTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Source = source.Object()
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	js, from, err := r.sides(&plan, source)
	if err == nil {
		err = plan.probe(ctx, from, source)
	}
	if err != nil {
		addError(&resp.Diagnostics, "Create", &plan, err)
		return
	}
	// Once the stream exists, an error would taint the resource, and the next apply would copy everything again.
	// Unfinished steps are recorded instead, and the next apply continues with them.
	got, err := mirror.Establish(ctx, js, from, plan.spec(source.MirrorSource()), place)
	pending, unfinished := errors.AsType[*kine.UnsettledError](err)
	if err != nil && (!unfinished || got == nil) {
		addError(&resp.Diagnostics, "Create", &plan, err)
		return
	}
	if got.Adopted {
		plan.Resource(kind).WarnOfAdoption(&resp.Diagnostics, got.Created)
	}
	plan.Pending = types.StringNull()
	if unfinished {
		plan.Resource(kind).NotePending(&resp.Diagnostics, &plan.Pending, "sync", pending)
	}
	tflog.Info(ctx, "created mirror", map[string]any{"mirror": got.Name, "cluster": got.Cluster})
	stream.LookUpDomain(ctx, js, got.Name, &plan.JetStreamDomain, got.Domain)
	plan.Source = source.InEffect(plan.Account, plan.JetStreamDomain).Object()
	resp.Diagnostics.Append(plan.setApplied(ctx, got)...)
	resp.Diagnostics.Append(plan.Store(ctx, &plan, false, &resp.State, resp.Identity, resp.Private)...)
}

// sides returns the JetStream APIs of the mirror and of its source; from is nil if the provider cannot query the
// source.
func (r *mirrorResource) sides(m *mirrorModel, source stream.Source) (js, from *natsconn.JetStream, err error) {
	if js, err = m.JetStream(r.data); err != nil {
		return nil, nil, err
	}
	if from, err = source.API(r.data, m.Account, m.JetStreamDomain); err != nil {
		return nil, nil, &stream.SourceAccessError{Err: err}
	}
	return js, from, nil
}

// probe reads the source before the mirror is created, and copies its history to the model.
func (m *mirrorModel) probe(ctx context.Context, from *natsconn.JetStream, source stream.Source) error {
	m.SourceFenced, m.Diverged = types.BoolNull(), types.BoolNull()
	if from == nil {
		return nil
	}
	// A source that does not answer is reported early, regardless of the timeout of the creation.
	var bucket *kine.Bucket
	err := from.Answering(ctx, sourceTimeout, func(ctx context.Context) (err error) {
		bucket, err = mirror.Probe(ctx, from, source.Bucket.ValueString())
		return err
	})
	if err != nil {
		return &stream.SourceAccessError{Err: err}
	}
	m.SourceFenced, m.Diverged = types.BoolValue(bucket.Fence != nil), types.BoolValue(false)
	if m.History.IsUnknown() {
		m.History = types.Int64Value(bucket.History)
	}
	return source.CheckHistory(bucket.History, m.History)
}

func (r *mirrorResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, stream.UpdateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	waits := plan.Pending.IsUnknown()
	plan.Pending = types.StringNull()
	left := plan.LeavesStream(ctx, &state.Model, req.Private, &resp.Diagnostics)
	if plan.promotes(&state) {
		r.finishPromotion(ctx, &plan, &state, resp)
		return
	}
	var got *mirror.Mirror
	var err error
	if state.Promoted.ValueBool() {
		got, err = r.updatePromoted(ctx, &plan, &state, left, &resp.Diagnostics)
	} else {
		got, err = r.update(ctx, &plan, &state, left, resp)
	}
	if err != nil {
		addError(&resp.Diagnostics, "Update", &plan, err)
		return
	}
	if !waits {
		plan.Pending = types.StringNull() // as planned: a later change may be pending, which a refresh shows
	}
	if plan.SourceFenced.IsUnknown() {
		js, err := plan.JetStream(r.data)
		if err != nil {
			addError(&resp.Diagnostics, "Update", &plan, err)
			return
		}
		r.readSource(ctx, js, &plan, got, resp.Private, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(plan.setApplied(ctx, got)...)
	resp.Diagnostics.Append(plan.Store(ctx, &plan, left, &resp.State, resp.Identity, resp.Private)...)
}

// finishPromotion promotes the mirror and stores the result. If that fails, the state stays as it is, and the next
// apply continues.
func (r *mirrorResource) finishPromotion(ctx context.Context, plan, state *mirrorModel, resp *resource.UpdateResponse) {
	got, err := r.promote(ctx, plan, state, &resp.Diagnostics)
	if err != nil {
		addPromotionError(&resp.Diagnostics, plan, err)
		return
	}
	resp.Diagnostics.Append(plan.setApplied(ctx, got)...)
	resp.Diagnostics.Append(plan.Store(ctx, plan, false, &resp.State, resp.Identity, resp.Private)...)
}

// update applies the plan to the mirror, and continues the steps that an earlier apply did not finish.
func (r *mirrorResource) update(
	ctx context.Context, plan, state *mirrorModel, left bool, resp *resource.UpdateResponse,
) (*mirror.Mirror, error) {
	source := stream.SourceOf(ctx, plan.Source)
	js, from, err := r.sides(plan, source)
	if err != nil {
		return nil, err
	}
	spec := plan.spec(source.MirrorSource())
	if left {
		return mirror.Read(ctx, js, spec.Name)
	}
	place := stream.PlacementOf(ctx, plan.Placement, &resp.Diagnostics)
	move := stream.Moves(ctx, plan.Placement, state.Placement, state.Cluster, &resp.Diagnostics)
	got, err := mirror.Update(ctx, js, spec, place, move || !state.Pending.IsNull())
	step := plan.UpdateStep(move)
	if err == nil && !state.Pending.IsNull() {
		got, err = mirror.AwaitSync(ctx, js, from, spec)
		step = "sync"
	}
	pending, unfinished := errors.AsType[*kine.UnsettledError](err)
	if !unfinished {
		return got, err
	}
	plan.Resource(kind).NotePending(&resp.Diagnostics, &plan.Pending, step, pending)
	if got != nil {
		return got, nil
	}
	late, cancel := stream.AfterDeadline(ctx)
	defer cancel()
	return mirror.Read(late, js, spec.Name)
}

func (r *mirrorResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	remove := func(ctx context.Context, js *natsconn.JetStream) error {
		if state.Promoted.ValueBool() {
			return kine.Delete(ctx, js, state.Name.ValueString(), false)
		}
		return deleteMirror(ctx, js, state.Name.ValueString())
	}
	fail := func(err error) { addError(&resp.Diagnostics, "Delete", &state, err) }
	state.Delete(ctx, kind, r.data, remove, fail, &resp.Diagnostics)
}

// deleteMirror deletes a mirror, but not a mirror that was promoted to a bucket.
func deleteMirror(ctx context.Context, js *natsconn.JetStream, name string) error {
	got, err := mirror.Read(ctx, js, name)
	switch {
	case errors.Is(err, kine.ErrNotFound):
		return nil
	case err != nil:
		return err
	case got.Promoted:
		return &mirror.PromotedError{Name: name}
	}
	return mirror.Delete(ctx, js, name, false)
}

func (r *mirrorResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	stream.Import(ctx, kind.Noun, r.data, req, resp)
}

// noteHistory records the history of the source for the next plan. 0 means that it is unknown.
func noteHistory(ctx context.Context, private planmodifiers.PrivateState, history int64) diag.Diagnostics {
	note := []byte("null")
	if history > 0 {
		note = strconv.AppendInt(nil, history, 10)
	}
	return private.SetKey(ctx, historyKey, note)
}
