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

// successorKey is the key in the private state that holds the bucket that was promoted to replace a fenced one.
const successorKey = "successor"

// ModifyPlan refuses changes that would lose data, sets what can be known without the server, and warns of what a
// change means for k3s. It sends no request.
func (r *bucketResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
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
		plan.fillRestore(ctx)
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
		if state.Fenced.ValueBool() && !plan.Fenced.IsUnknown() && !plan.Fenced.ValueBool() &&
			!plan.ForceUnfence.ValueBool() {
			successor, diags := req.Private.GetKey(ctx, successorKey)
			resp.Diagnostics.Append(diags...)
			refuseUnfence(string(successor), &resp.Diagnostics)
		}
	}
	plan.derive()
	if open {
		plan.leaveWritableOpen() // the timeout may expire before the bucket is restored
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
		diags.AddWarning("K3s Must Be Restarted With the New Endpoint",
			secret.Sprintf("The bucket %q changes from history = %s and replicas = %s to history = %s and replicas = %s. "+
				"KINE starts only with an endpoint URL that has the same numbers, so every k3s that uses the bucket "+
				"must be restarted with the new URL of its nats_k3s_datastore_endpoint. A running k3s continues to "+
				"work until it is restarted; while the number of replicas changes, its writes may be delayed by a "+
				"few seconds.",
				state.Name.ValueString(), state.History, state.Replicas, plan.History, plan.Replicas))
	}
	plan.WarnOfHistory(kind, &state.Model, "", diags)
	if moves && !plan.Placement.IsUnknown() {
		diags.AddAttributeWarning(path.Root("placement"), "Bucket Moves to Other Servers",
			secret.Sprintf("The bucket %q moves to other servers with all of its data. KINE's watches and revision "+
				"stand still for about ten seconds when the leader changes, which is as long as Kubernetes leader "+
				"elections wait, and a running KINE may miss a few watch events. Schedule the move as planned "+
				"maintenance, and restart every k3s that uses the bucket afterwards.", state.Name.ValueString()))
	}
}

// leavesStream reports whether the plan leaves the bucket's stream and its fence unchanged: see
// [stream.Model.LeavesStream].
func (m *bucketModel) leavesStream(
	ctx context.Context, state *bucketModel, private stream.PrivateState, diags *diag.Diagnostics,
) bool {
	return m.LeavesStream(ctx, &state.Model, private, diags) && m.Fenced.Equal(state.Fenced)
}

// refuseUnfence adds the error for lifting the fence of a bucket that has a successor.
func refuseUnfence(successor string, diags *diag.Diagnostics) {
	if successor == "" || successor == `""` {
		return
	}
	diags.AddAttributeError(path.Root("fenced"), "Bucket Has a Successor",
		fmt.Sprintf("The bucket was fenced because %s was promoted to replace it. Lifting the fence would leave two "+
			"writable copies of one Kubernetes cluster.\n\nTo lift it anyway, set force_unfence = true.", successor))
}

// unrepairable explains why a difference is not repaired, and what to do.
func unrepairable(state *bucketModel, v kine.Difference) string {
	name := state.Name.ValueString()
	if v.Field == "mirror" || v.Field == "sources" {
		return fmt.Sprintf("The stream %s is now a copy of another stream: %s. Repairing it would turn the copy "+
			"into a second original, so it is left unchanged.\n\nIf this stream is meant to be the original, remove "+
			"its %s yourself. Otherwise, remove the resource from the state.", kine.StreamName(name), v, v.Field)
	}
	if v.Field == kine.FieldMessages {
		return secret.Sprintf("The bucket %q is empty: %s. The data of the Kubernetes cluster is lost, and nothing "+
			"has been written since.\n\nTo recover the cluster, restore the bucket from a mirror or a backup. For a "+
			"new cluster, %sremove the resource from the configuration, apply, and add it again.", name, v, state.RemoveStep())
	}
	return fmt.Sprintf("The stream %s was changed so that KINE does not start on it: %s. The server cannot change "+
		"that on a stream with data, and a replacement would lose the Kubernetes cluster, so it is left "+
		"unchanged.\n\nTo keep the data, back up the stream, restore it under the same name with that setting, and "+
		"run plan again. To start over, %sremove the resource from the configuration and apply again.", kine.StreamName(name),
		v, state.RemoveStep())
}
