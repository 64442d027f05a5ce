package kvmirror

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// historyKey is the key in the private state that holds the history of the source as of the last refresh.
const historyKey = "source_history"

// ModifyPlan refuses changes that would lose the copy or cannot work, and sets what can be known without the server. It
// sends no request.
func (r *mirrorResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if !planmodifiers.CheckProtection(ctx, kind.Title, kind.Noun, req, resp) {
		return
	}
	var plan, config mirrorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	read := plan
	fail := func(err error) { addError(&resp.Diagnostics, "Plan", &plan, err) }
	inAccount := plan.PlanDefaults(r.data, &config.Model, fail)
	source := stream.SourceOf(ctx, plan.Source)
	var prior stream.Datastore
	var promoted, promoting bool
	if req.State.Raw.IsNull() {
		plan.planPromotion(ctx, nil, &resp.Diagnostics)
		source = stream.SourceOf(ctx, config.Source)
		source = source.WithPrefixes(source, plan.Account)
		if config.Name.IsNull() {
			plan.Name = source.Bucket
		}
		planCreate(&plan, &config, source)
	} else {
		var state mirrorModel
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
		noted, diags := req.Private.GetKey(ctx, historyKey)
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		history, answers := readHistory(noted)
		if config.History.IsNull() {
			plan.History = state.History
			if answers && !state.Promoted.ValueBool() && !plan.Promoted.ValueBool() {
				plan.History = types.Int64Value(history)
			}
		}
		planUpdate(ctx, &plan, &state, req.Private, answers, &resp.Diagnostics)
		plan.planPromotion(ctx, &state, &resp.Diagnostics)
		promoted, promoting = state.Promoted.ValueBool(), !plan.Promoted.Equal(state.Promoted)
		prior = stream.DatastoreOf(ctx, state.Datastore)
	}
	if !plan.Source.IsNull() { // as it may be of a promoted mirror
		plan.Source = source.Object()
		if req.State.Raw.IsNull() {
			plan.Source = source.InEffect(plan.Account, plan.JetStreamDomain).Object()
		}
		if inAccount && r.data != nil {
			if err := r.data.CheckAccount(source.Account); err != nil {
				fail(&stream.SourceAccessError{Err: err})
			}
		}
		plan.checkSource("Plan", source, &resp.Diagnostics)
	}
	plan.finish(ctx, prior, promoted, promoting)
	resp.Diagnostics.Append(attribute.SetChanged(ctx, &resp.Plan, &read, &plan)...)
}

// readHistory returns the history of the source as of the last refresh, and whether the source answered then.
func readHistory(noted []byte) (history int64, answered bool) {
	history, err := strconv.ParseInt(string(noted), 10, 64)
	return history, err == nil
}

func planCreate(plan, config *mirrorModel, source stream.Source) {
	plan.History = config.History
	if config.History.IsNull() && (source.Asked() || !source.Known()) {
		plan.History = types.Int64Unknown()
	}
	plan.PlanCreate()
	plan.SourceFenced, plan.Diverged = types.BoolUnknown(), types.BoolUnknown()
}

// finish plans the datastore: that of a promoted mirror is what it was, and the apply shows that of one that is
// promoted.
func (m *mirrorModel) finish(ctx context.Context, prior stream.Datastore, promoted, promoting bool) {
	switch {
	case promoting:
		m.SetWritable(types.BoolUnknown(), types.StringUnknown())
	case promoted:
		m.SetWritable(prior.Writable, prior.Reason)
	default:
		m.derive(ctx)
	}
}

func planUpdate(
	ctx context.Context, plan, state *mirrorModel, private stream.PrivateState, answers bool, diags *diag.Diagnostics,
) {
	if plan.promotes(state) {
		// A stream that is no longer a mirror was promoted by an apply that was interrupted.
		plan.ContractViolations = stream.NoDifferences()
		return
	}
	left := plan.LeavesStream(ctx, &state.Model, private, diags)
	explain := func(d kine.Difference) string { return unrepairable(state, left, d) }
	plan.PlanUpdate(ctx, &state.Model, left, explain, diags)
	if state.Promoted.ValueBool() {
		plan.planReturned(state, answers, diags)
		return
	}
	plan.SourceFenced, plan.Diverged = state.SourceFenced, state.Diverged
	if !plan.Source.Equal(state.Source) { // another source is queried
		plan.SourceFenced, plan.Diverged = types.BoolUnknown(), types.BoolUnknown()
	}
	plan.WarnOfHistory(kind, &state.Model, ", as its source does", diags)
}

// replaceStep describes how to replace a protected mirror that is no longer of use.
const replaceStep = "set deletion_protection = false and apply that alone, then " + replaceOption

const replaceOption = "apply with -replace=ADDRESS, where ADDRESS is the address of this resource"

// replaceStep describes how to replace a mirror whose stream cannot be repaired. -replace also plans the update, which
// is an error unless the stream is left unchanged.
func (m *mirrorModel) replaceStep(left bool) string {
	switch {
	case m.DeletionProtection.ValueBool():
		return replaceStep
	case left:
		return replaceOption
	}
	return "remove the resource from the configuration and apply, then add it again and apply"
}

// unrepairable explains why a difference is not repaired, and what to do.
func unrepairable(state *mirrorModel, left bool, v kine.Difference) string {
	stream := kine.StreamName(state.Name.ValueString())
	switch {
	case v.Field == sourceField && v.Actual == unset:
		return fmt.Sprintf("The stream %s is no longer a mirror: it was promoted, or created again as a bucket. "+
			"Turning it into a mirror would destroy what was written to it since, so it is left unchanged.\n\n%s",
			stream, promotedStep(state.Identity()))
	case v.Field == sourceField:
		return fmt.Sprintf("The stream %s is the mirror of another source: %s, not %s. A server never changes the "+
			"source of a mirror, so the stream was created again, and it is left unchanged.\n\nTo keep the stream, "+
			"set source to its present source, remove the mirror from the state with state rm, and import it. "+
			"Otherwise, %s.",
			stream, v.Actual, v.Required, state.replaceStep(left))
	}
	return fmt.Sprintf("The stream %s was changed so that it cannot become a bucket that KINE accepts: %s is %s, not "+
		"%s. The server cannot change that back, so the stream is left unchanged.\n\nTo create the mirror again, "+
		"which copies its source again, %s.",
		stream, v.Field, v.Actual, v.Required, state.replaceStep(left))
}
