package kvmirror

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// historyKey is the part of the private state that says what history the last refresh found the source to have.
const historyKey = "source_history"

// ModifyPlan refuses what would lose the copy and what cannot work, and settles what can be known without the server. It makes
// no request.
func (r *mirrorResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !planmodifiers.CheckProtection(ctx, what, noun, req, resp) {
		return
	}
	var plan, config mirrorModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.JetStreamDomain.IsUnknown() && config.JetStreamDomain.IsNull() {
		var err error
		if plan.JetStreamDomain, err = stream.PlanDomain(r.data); err != nil {
			addError(&resp.Diagnostics, "Plan", &plan, err)
		}
	}
	if plan.Account.IsUnknown() && config.Account.IsNull() {
		plan.Account = stream.PlanAccount(r.data)
	}
	source := stream.SourceOf(ctx, plan.Source, &resp.Diagnostics)
	if req.State.Raw.IsNull() {
		source = stream.SourceOf(ctx, config.Source, &resp.Diagnostics)
		source = source.WithPrefixes(source, plan.Account)
		if config.Name.IsNull() {
			plan.Name = source.Bucket
		}
		planCreate(&plan, &config, source)
	} else {
		var state mirrorModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		history, diags := req.Private.GetKey(ctx, historyKey)
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		if config.History.IsNull() {
			plan.History = historyOf(history, state.History)
		}
		planUpdate(ctx, &plan, &state, &resp.Diagnostics)
	}
	plan.Source = source.Object()
	if req.State.Raw.IsNull() {
		plan.Source = source.InEffect(plan.Account, plan.JetStreamDomain).Object()
	}
	r.checkAccounts(&plan, &config, source, &resp.Diagnostics)
	plan.checkSource("Plan", source, &resp.Diagnostics)
	plan.derive(ctx, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// checkAccounts tells which account of the mirror and of its source the provider cannot work in.
func (r *mirrorResource) checkAccounts(plan, config *mirrorModel, source stream.Source, diags *diag.Diagnostics) {
	if r.data == nil {
		return
	}
	var err error
	if !plan.Account.IsUnknown() || !config.Account.IsNull() {
		err = r.data.CheckAccount(plan.Account)
	}
	if err == nil {
		if err = r.data.CheckAccount(source.Account); err != nil {
			err = &stream.SourceAccessError{Err: err}
		}
	}
	if err != nil {
		addError(diags, "Plan", plan, err)
	}
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
	plan.Cluster = types.StringUnknown()
	plan.Pending = types.StringUnknown()
	plan.SourceFenced = types.BoolUnknown()
	plan.Diverged = types.BoolUnknown()
	plan.ContractViolations = stream.NoDifferences()
}

func planUpdate(ctx context.Context, plan, state *mirrorModel, diags *diag.Diagnostics) {
	plan.SourceFenced, plan.Diverged = state.SourceFenced, state.Diverged
	if !plan.Source.Equal(state.Source) { // somebody else is asked
		plan.SourceFenced, plan.Diverged = types.BoolUnknown(), types.BoolUnknown()
	}
	plan.ContractViolations = stream.NoDifferences()
	broken := stream.Unrepairable(ctx, state.ContractViolations, diags)
	if plan.leavesStream(state, broken) {
		plan.ContractViolations = state.ContractViolations
	}
	for _, v := range broken {
		if plan.leavesStream(state, broken) {
			diags.AddAttributeWarning(path.Root(stream.DifferencesAttr), "Stream Is Left As It Is", unrepairable(state, v))
		} else {
			diags.AddAttributeError(path.Root(stream.DifferencesAttr), "Stream Cannot Be Repaired", unrepairable(state, v))
		}
	}

	moves := stream.Moves(ctx, plan.Placement, state.Placement, state.Cluster, diags)
	plan.Cluster, plan.Pending = state.Cluster, types.StringNull()
	if moves || !plan.Replicas.Equal(state.Replicas) || !state.Pending.IsNull() {
		plan.Pending = types.StringUnknown()
	}
	if moves || !state.Pending.IsNull() {
		plan.Cluster = types.StringUnknown()
	}
	if known := !plan.History.IsUnknown(); known && plan.History.ValueInt64() < state.History.ValueInt64() {
		diags.AddAttributeWarning(path.Root("history"), "Older Revisions Go",
			secret.Sprintf("The mirror %q keeps %s revisions of each key in place of %s, as its source does. The server drops the older ones at once; the "+
				"current value of every key stays.", state.Name.ValueString(), plan.History, state.History))
	}
}

// leavesStream tells whether the plan leaves a stream alone that cannot be repaired: its protection is lifted or is being lifted, and
// nothing of the stream changes. That is the way to get rid of it.
func (m *mirrorModel) leavesStream(state *mirrorModel, broken []kine.Difference) bool {
	return len(broken) > 0 && m.DeletionProtection.Equal(types.BoolValue(false)) && m.History.Equal(state.History) &&
		m.Replicas.Equal(state.Replicas) && m.Placement.Equal(state.Placement)
}

// replaceStep is how a mirror is replaced that is of no use any more.
const replaceStep = "set deletion_protection = false and apply that alone, then apply with -replace=ADDRESS, where ADDRESS is the address of this resource"

// unrepairable says why a difference is left alone, and what to do.
func unrepairable(state *mirrorModel, v kine.Difference) string {
	stream := kine.StreamName(state.Name.ValueString())
	switch {
	case v.Field == sourceField && v.Actual == unset:
		return fmt.Sprintf("The stream %s is no mirror any more: it was promoted, or made anew as a bucket. Making it a mirror again would destroy what was written to "+
			"it since, so it is left alone.\n\n%s", stream, promotedStep(state.identity()))
	case v.Field == sourceField:
		return fmt.Sprintf("The stream %s is the mirror of another source: %s, not %s. It was made anew, since a server never changes the source of a mirror, and it is "+
			"left alone.\n\nIf it is as it should be, take it out of the state with state rm, and import it with source set to what it is. If it is not, %s.", stream, v.Actual, v.Required, replaceStep)
	}
	return fmt.Sprintf("The stream %s was changed so that it could not become a bucket that KINE accepts: %s is %s, not %s. The server cannot "+
		"change that, so it is left alone.\n\nTo make the mirror anew, which copies its source again, %s.", stream, v.Field, v.Actual, v.Required, replaceStep)
}
