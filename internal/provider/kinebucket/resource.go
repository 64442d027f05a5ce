// Package kinebucket is the Terraform surface of the bucket that KINE stores a k3s cluster in.
package kinebucket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Default timeouts of a creation. For other operations see [stream.ReadTimeout].
const (
	createTimeout = 5 * time.Minute
	// restoreTimeout applies if the creation copies another bucket, at about ten thousand keys a second on a fast
	// network.
	restoreTimeout = 30 * time.Minute
)

var (
	_ resource.ResourceWithConfigure      = (*bucketResource)(nil)
	_ resource.ResourceWithIdentity       = (*bucketResource)(nil)
	_ resource.ResourceWithImportState    = (*bucketResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*bucketResource)(nil)
	_ resource.ResourceWithValidateConfig = (*bucketResource)(nil)
)

type bucketResource struct {
	data *connection.Data
}

// NewResource returns the resource nats_kine_bucket.
func NewResource() resource.Resource { return &bucketResource{} }

func (r *bucketResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_kine_bucket"
	resp.ResourceBehavior.MutableIdentity = true // the server fills in what the configuration leaves out
}

func (r *bucketResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *bucketResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	if config.ForceUnfence.ValueBool() && !config.Fenced.IsUnknown() &&
		(config.Fenced.IsNull() || config.Fenced.ValueBool()) {
		resp.Diagnostics.AddAttributeError(path.Root("force_unfence"), "Invalid Attribute Combination",
			"force_unfence has an effect only together with fenced = false. Set fenced = false, or remove "+
				"force_unfence.")
	}
	stream.ValidatePlacement(ctx, config.Placement, &resp.Diagnostics)
}

func (r *bucketResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	place := stream.PlacementOf(ctx, plan.Placement, &resp.Diagnostics)
	standard := createTimeout
	if !plan.RestoreFrom.IsNull() {
		standard = restoreTimeout
	}
	timeout, diags := plan.Timeouts.Create(ctx, standard)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	if plan.Account.IsUnknown() {
		stream.FillAccount(&plan.Account, r.data)
	}
	if !plan.RestoreFrom.IsNull() {
		plan.RestoreFrom = stream.SourceOf(ctx, plan.RestoreFrom).NullUnknown().Object()
	}
	js, err := plan.JetStream(r.data)
	if err != nil {
		addError(&resp.Diagnostics, "Create", &plan, err)
		return
	}
	plan.Pending = types.StringNull()
	bucket, err := r.create(ctx, js, &plan, place, &resp.Diagnostics)
	if err != nil {
		addError(&resp.Diagnostics, "Create", &plan, err)
		return
	}
	tflog.Info(ctx, "created kine bucket", map[string]any{"bucket": bucket.Name, "cluster": bucket.Cluster})

	if bucket.Adopted {
		plan.Resource(kind).WarnOfAdoption(&resp.Diagnostics, bucket.Created)
	}
	// The stream exists: an error from here on would taint the resource, and the next apply would delete the stream.
	// Unfinished steps are recorded instead, and the next apply continues with them.
	if plan.Fenced.ValueBool() && !plan.restoring() {
		fenced, err := kine.SetFence(ctx, js, bucket.Name, kine.Fence{By: stream.FencedBy, At: time.Now()})
		if fenced != nil {
			bucket = fenced
		}
		plan.Resource(kind).NotePending(&resp.Diagnostics, &plan.Pending, "fence", err)
	}
	if (place != nil || bucket.Placement != nil) && !plan.restoring() {
		settled, err := kine.Settle(ctx, js, plan.Spec(), place)
		if settled != nil {
			bucket = settled
		}
		plan.Resource(kind).NotePending(&resp.Diagnostics, &plan.Pending, "placement", err)
	}
	stream.LookUpDomain(ctx, js, bucket.Name, &plan.JetStreamDomain, bucket.Domain)
	plan.fillRestore(ctx)
	resp.Diagnostics.Append(plan.setApplied(ctx, bucket)...)
	resp.Diagnostics.Append(plan.store(ctx, false, &resp.State, resp.Identity, resp.Private, bucket)...)
}

// create creates the bucket, empty or from its source. A restore that does not finish in time is recorded as pending.
func (r *bucketResource) create(ctx context.Context, js *natsconn.JetStream, plan *bucketModel, place *kine.Placement,
	diags *diag.Diagnostics) (
	*kine.Bucket, error,
) {
	if plan.RestoreFrom.IsNull() {
		return kine.Create(ctx, js, plan.Spec(), place)
	}
	bucket, err := r.restore(ctx, js, plan, place, diags)
	if _, ok := errors.AsType[*kine.UnsettledError](err); ok {
		return r.unfinished(ctx, js, plan, err, diags)
	}
	return bucket, err
}

func (r *bucketResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, stream.ReadTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Reading(ctx, timeout)
	defer cancel()

	// Terraform before 1.12 stores no identity, and requires one even if the bucket no longer exists.
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.Identity())...)
	imported := state.Imported()
	js, err := state.JetStream(r.data)
	var bucket *kine.Bucket
	if err == nil {
		bucket, err = kine.Inspect(ctx, js, state.Name.ValueString())
	}
	gone := func() { state.warnOfLoss(ctx, &resp.Diagnostics) }
	fail := func(err error) { addError(&resp.Diagnostics, "Read", &state, err) }
	if state.ReadFailed(ctx, kind, r.data, err, gone, fail, resp) {
		return
	}
	state.Refresh(r.data, bucket)
	if state.restoring() {
		bucket.Differences = nil // the copy is not a bucket yet
	}
	warnOfFacts(bucket, imported, &resp.Diagnostics)
	state.fillRestore(ctx)
	resp.Diagnostics.Append(state.setBucket(ctx, bucket)...)
	state.Placement = stream.FoundPlacement(ctx, state.Placement, state.Cluster, &resp.Diagnostics)
	state.setDefaults()
	left := state.StillLeft(ctx, req.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(state.store(ctx, left, &resp.State, resp.Identity, resp.Private, bucket)...)
}

// warnOfLoss warns that the bucket no longer exists, and describes what an apply creates instead. A CLI shows only one
// of several warnings with the same summary.
func (m *bucketModel) warnOfLoss(ctx context.Context, diags *diag.Diagnostics) {
	summary := kind.Title + " No Longer Exists"
	gone := secret.Sprintf("The bucket %q no longer exists on the server.", m.Name.ValueString())
	if m.RestoreFrom.IsNull() {
		diags.AddWarning(summary, gone+" Without restore_from in the configuration, an apply creates a new, empty "+
			"bucket, on which k3s starts a new, empty cluster.\n\nTo keep the cluster, restore the bucket before "+
			"you apply, or set restore_from if a mirror of it exists.")
		return
	}
	diags.AddWarning(summary+" and Will Be Restored", fmt.Sprintf(
		"%s An apply creates it again from %s, as %s specifies, with the same content and revisions.",
		gone, m.source(ctx).MirrorSource(), restoreAttr))
}

func (r *bucketResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	place := stream.PlacementOf(ctx, plan.Placement, &resp.Diagnostics)
	move := stream.Moves(ctx, plan.Placement, state.Placement, state.Cluster, &resp.Diagnostics)
	timeout, diags := plan.Timeouts.Update(ctx, stream.UpdateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	js, err := plan.JetStream(r.data)
	if err != nil {
		addError(&resp.Diagnostics, "Update", &plan, err)
		return
	}
	waits := plan.Pending.IsUnknown()
	left := plan.leavesStream(ctx, &state, req.Private, &resp.Diagnostics)
	var bucket *kine.Bucket
	if plan.Pending = types.StringNull(); left {
		bucket, err = kine.Read(ctx, js, plan.Name.ValueString())
	} else {
		bucket, err = r.update(ctx, js, &plan, &state, place, move, &resp.Diagnostics)
	}
	if err != nil {
		addError(&resp.Diagnostics, "Update", &plan, err)
		return
	}
	if !waits {
		plan.Pending = types.StringNull() // as planned: a later change may be pending, which a refresh shows
	}
	resp.Diagnostics.Append(plan.setApplied(ctx, bucket)...)
	resp.Diagnostics.Append(plan.store(ctx, left, &resp.State, resp.Identity, resp.Private, bucket)...)
}

// update applies the plan to the bucket. It sets the fence first, because the other steps may take long.
func (r *bucketResource) update(ctx context.Context, js *natsconn.JetStream, plan, state *bucketModel,
	place *kine.Placement, move bool,
	diags *diag.Diagnostics,
) (*kine.Bucket, error) {
	name := plan.Name.ValueString()
	// First: a server may restart at any time.
	if stream.HasDifference(ctx, state.ContractViolations, kine.FieldFirstSequence, diags) {
		if err := kine.RepairFirstSequence(ctx, js, name); err != nil {
			return nil, err
		}
	}
	if state.restoring() {
		bucket, err := r.create(ctx, js, plan, place, diags)
		if err != nil || plan.restoring() {
			return bucket, err
		}
	}
	var err error
	switch {
	case plan.Fenced.ValueBool():
		_, err = kine.SetFence(ctx, js, name, kine.Fence{By: stream.FencedBy, At: time.Now()})
	case state.Fenced.ValueBool():
		_, err = kine.LiftFence(ctx, js, name, plan.ForceUnfence.ValueBool())
	}
	if err != nil {
		return nil, err
	}
	bucket, err := kine.Update(ctx, js, plan.Spec(), place, move || !state.Pending.IsNull())
	if _, ok := errors.AsType[*kine.UnsettledError](err); ok {
		plan.Resource(kind).NotePending(diags, &plan.Pending, plan.UpdateStep(move), err)
		late, cancel := stream.AfterDeadline(ctx)
		defer cancel()
		return kine.Read(late, js, name)
	}
	if err == nil && stream.HasDifference(ctx, state.ContractViolations, kine.FieldLastMessage, diags) {
		err = kine.RepairLastMessage(ctx, js, name)
	}
	return bucket, err
}

func (r *bucketResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	remove := func(ctx context.Context, js *natsconn.JetStream) error {
		return kine.Delete(ctx, js, state.Name.ValueString(), state.ForceDestroy.ValueBool())
	}
	fail := func(err error) { addError(&resp.Diagnostics, "Delete", &state, err) }
	state.Delete(ctx, kind, r.data, remove, fail, &resp.Diagnostics)
}

func (r *bucketResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	stream.Import(ctx, kind.Noun, r.data, req, resp)
}
