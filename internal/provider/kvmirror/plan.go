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

// historyKey is the part of the private state that says what history the last refresh found the source to have.
const historyKey = "source_history"

// ModifyPlan refuses what would lose the copy and what cannot work, and settles what can be known without the server. It makes
// no request.
func (r *mirrorResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
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
	if req.State.Raw.IsNull() {
		source = stream.SourceOf(ctx, config.Source)
		source = source.WithPrefixes(source, plan.Account)
		if config.Name.IsNull() {
			plan.Name = source.Bucket
		}
		planCreate(&plan, &config, source)
	} else {
		var state mirrorModel
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
		history, diags := req.Private.GetKey(ctx, historyKey)
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		if config.History.IsNull() {
			plan.History = historyOf(history, state.History)
		}
		planUpdate(ctx, &plan, &state, req.Private, &resp.Diagnostics)
	}
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
	plan.derive(ctx)
	resp.Diagnostics.Append(attribute.SetChanged(ctx, &resp.Plan, &read, &plan)...)
}

// historyOf reads what the last refresh has noted of the source, which may be nothing.
func historyOf(noted []byte, known types.Int64) types.Int64 {
	if history, err := strconv.ParseInt(string(noted), 10, 64); err == nil {
		return types.Int64Value(history)
	}
	return known
}

func planCreate(plan, config *mirrorModel, source stream.Source) {
	plan.History = config.History
	if config.History.IsNull() && (source.Asked() || !source.Known()) {
		plan.History = types.Int64Unknown()
	}
	plan.PlanCreate()
	plan.SourceFenced, plan.Diverged = types.BoolUnknown(), types.BoolUnknown()
}

func planUpdate(ctx context.Context, plan, state *mirrorModel, private stream.PrivateState, diags *diag.Diagnostics) {
	plan.SourceFenced, plan.Diverged = state.SourceFenced, state.Diverged
	if !plan.Source.Equal(state.Source) { // somebody else is asked
		plan.SourceFenced, plan.Diverged = types.BoolUnknown(), types.BoolUnknown()
	}
	left := plan.LeavesStream(ctx, &state.Model, private, diags)
	explain := func(d kine.Difference) string { return unrepairable(state, left, d) }
	plan.PlanUpdate(ctx, &state.Model, left, explain, diags)
	plan.WarnOfHistory(kind, &state.Model, ", as its source does", diags)
}

// replaceStep is how a protected mirror is replaced that is of no use any more.
const replaceStep = "set deletion_protection = false and apply that alone, then " + replaceOption

const replaceOption = "apply with -replace=ADDRESS, where ADDRESS is the address of this resource"

// replaceStep is how a mirror is replaced whose stream cannot be repaired. -replace plans the update too, which is an error unless
// the stream is left alone.
func (m *mirrorModel) replaceStep(left bool) string {
	switch {
	case m.DeletionProtection.ValueBool():
		return replaceStep
	case left:
		return replaceOption
	}
	return "take the resource out of the configuration and apply, then put it back and apply again"
}

// unrepairable says why a difference is left alone, and what to do.
func unrepairable(state *mirrorModel, left bool, v kine.Difference) string {
	stream := kine.StreamName(state.Name.ValueString())
	switch {
	case v.Field == sourceField && v.Actual == unset:
		return fmt.Sprintf("The stream %s is no mirror any more: it was promoted, or made anew as a bucket. Making it a mirror again would destroy what was written to "+
			"it since, so it is left alone.\n\n%s", stream, promotedStep(state.Identity()))
	case v.Field == sourceField:
		return fmt.Sprintf("The stream %s is the mirror of another source: %s, not %s. It was made anew, since a server never changes the source of a mirror, and it is "+
			"left alone.\n\nIf it is as it should be, take it out of the state with state rm, and import it with source set to what it is. If it is not, %s.", stream, v.Actual, v.Required, state.replaceStep(left))
	}
	return fmt.Sprintf("The stream %s was changed so that it could not become a bucket that KINE accepts: %s is %s, not %s. The server cannot "+
		"change that, so it is left alone.\n\nTo make the mirror anew, which copies its source again, %s.", stream, v.Field, v.Actual, v.Required, state.replaceStep(left))
}
