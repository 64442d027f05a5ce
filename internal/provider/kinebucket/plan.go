package kinebucket

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// successorKey is the part of the private state that says which bucket was promoted in place of a fenced one.
const successorKey = "successor"

// ModifyPlan refuses what would lose data, settles what can be known without the server, and warns of what a change means
// for k3s. It makes no request.
func (r *bucketResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !planmodifiers.CheckProtection(ctx, kind.Title, kind.Noun, req, resp) {
		return
	}
	var plan, config bucketModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	read := plan
	plan.PlanDefaults(r.data, &config.Model, func(err error) { addError(&resp.Diagnostics, "Plan", &plan, err) })
	var open bool
	if req.State.Raw.IsNull() {
		planCreate(&plan, &config)
		r.planRestore(ctx, &plan, nil, &resp.Diagnostics)
		plan.tellRestore(ctx)
		open = !plan.RestoreFrom.IsNull()
	} else {
		var state bucketModel
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
		if resp.Diagnostics.HasError() {
			return
		}
		planUpdate(ctx, &plan, &state, req.Private, &resp.Diagnostics)
		r.planRestore(ctx, &plan, &state, &resp.Diagnostics)
		open = state.restoring()
		if state.Fenced.ValueBool() && !plan.Fenced.IsUnknown() && !plan.Fenced.ValueBool() && !plan.ForceUnfence.ValueBool() {
			successor, diags := req.Private.GetKey(ctx, successorKey)
			resp.Diagnostics.Append(diags...)
			refuseUnfence(string(successor), &resp.Diagnostics)
		}
	}
	plan.derive()
	if open {
		plan.leaveWritableOpen() // the time may be over before the bucket is restored
	}
	resp.Diagnostics.Append(attribute.SetChanged(ctx, &resp.Plan, &read, &plan)...)
}

func planCreate(plan, config *bucketModel) {
	if config.Fenced.IsNull() {
		plan.Fenced = types.BoolValue(false)
	}
	plan.RestoreFrom = config.RestoreFrom
	plan.PlanCreate()
}

func planUpdate(ctx context.Context, plan, state *bucketModel, private stream.PrivateState, diags *diag.Diagnostics) {
	left := plan.leavesStream(ctx, state, private, diags)
	explain := func(d kine.Difference) string { return unrepairable(state, d) }
	moves := plan.PlanUpdate(ctx, &state.Model, left, explain, diags)
	known := !plan.Replicas.IsUnknown() && !plan.History.IsUnknown()
	if known && (!plan.Replicas.Equal(state.Replicas) || !plan.History.Equal(state.History)) {
		diags.AddWarning("k3s Must Be Restarted With The New Endpoint",
			secret.Sprintf("The bucket %q changes from history = %s and replicas = %s to history = %s and replicas = %s. KINE starts only with "+
				"an endpoint URL that names the same numbers, so every k3s on the bucket has to be restarted with the new URL "+
				"of its nats_k3s_datastore_endpoint. A k3s that runs goes on until it is restarted; while the number of replicas "+
				"changes, its writes may wait for some seconds.",
				state.Name.ValueString(), state.History, state.Replicas, plan.History, plan.Replicas))
	}
	plan.WarnOfHistory(kind, &state.Model, "", diags)
	if moves && !plan.Placement.IsUnknown() {
		diags.AddAttributeWarning(path.Root("placement"), "The Bucket Moves",
			secret.Sprintf("The bucket %q moves to other servers. All of its data goes along, but KINE's watches and revision stand still for "+
				"about ten seconds when the leader changes, as long as Kubernetes's own leader elections wait, and a KINE that runs on may "+
				"miss a few events of its watches. Do it as a planned maintenance, and restart every k3s on the bucket afterwards.", state.Name.ValueString()))
	}
}

// leavesStream reports whether the plan leaves the bucket's stream alone, its fence included: see [stream.Model.LeavesStream].
func (m *bucketModel) leavesStream(ctx context.Context, state *bucketModel, private stream.PrivateState, diags *diag.Diagnostics) bool {
	return m.LeavesStream(ctx, &state.Model, private, diags) && m.Fenced.Equal(state.Fenced)
}

// refuseUnfence adds the error for lifting the fence of a bucket that has a successor.
func refuseUnfence(successor string, diags *diag.Diagnostics) {
	if successor == "" || successor == `""` {
		return
	}
	diags.AddAttributeError(path.Root("fenced"), "Bucket Has A Successor",
		fmt.Sprintf("The bucket was fenced because %s was promoted in its place. Lifting the fence would leave two writable copies of "+
			"one Kubernetes cluster.\n\nIf that is what you want, set force_unfence = true.", successor))
}

// unrepairable says why a difference is left alone, and what to do.
func unrepairable(state *bucketModel, v kine.Difference) string {
	name := state.Name.ValueString()
	if v.Field == "mirror" || v.Field == "sources" {
		return fmt.Sprintf("The stream %s has become a copy of another one: %s. Repairing it would make the copy an original beside the "+
			"one that it follows, so it is left alone.\n\nIf this stream is to be the original, remove its %s yourself. If it is not, "+
			"remove the resource from the state.", kine.StreamName(name), v, v.Field)
	}
	if v.Field == kine.FieldMessages {
		return secret.Sprintf("The bucket %q is empty: %s. The data of the Kubernetes cluster is gone, and nothing was written since.\n\nTo get the cluster back, restore the "+
			"bucket from a mirror or a backup. For a new cluster, %stake the resource out of the configuration, "+
			"apply, and make it anew.", name, v, state.RemoveStep())
	}
	return fmt.Sprintf("The stream %s was changed so that KINE does not start on it: %s. The server cannot change that on a stream with "+
		"data, and a replacement would lose the Kubernetes cluster, so it is left alone.\n\nTo keep the data, back the stream up, "+
		"restore it under the same name with that setting, and plan again. To start anew, %stake the resource out of the "+
		"configuration and apply again.", kine.StreamName(name), v, state.RemoveStep())
}
