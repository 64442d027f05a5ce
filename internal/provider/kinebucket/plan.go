package kinebucket

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// successorKey is the part of the private state that says which bucket was promoted in place of a fenced one.
const successorKey = "successor"

// ModifyPlan refuses what would lose data, settles what can be known without the server, and warns of what a change means
// for k3s. It makes no request.
func (r *bucketResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !planmodifiers.CheckProtection(ctx, what, noun, req, resp) {
		return
	}
	var plan, config bucketModel
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
	if r.data != nil && (!plan.Account.IsUnknown() || !config.Account.IsNull()) {
		if err := r.data.CheckAccount(plan.Account); err != nil {
			addError(&resp.Diagnostics, "Plan", &plan, err)
		}
	}
	var open bool
	if req.State.Raw.IsNull() {
		planCreate(&plan, &config)
		r.planRestore(ctx, &plan, nil, &resp.Diagnostics)
		plan.tellRestore(ctx, &resp.Diagnostics)
		open = !plan.RestoreFrom.IsNull()
	} else {
		var state bucketModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		if resp.Diagnostics.HasError() {
			return
		}
		planUpdate(ctx, &plan, &state, &resp.Diagnostics)
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
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

func planCreate(plan, config *bucketModel) {
	if config.Fenced.IsNull() {
		plan.Fenced = types.BoolValue(false)
	}
	plan.RestoreFrom = config.RestoreFrom
	plan.Cluster = types.StringUnknown()
	plan.Pending = types.StringUnknown()
	plan.ContractViolations = stream.NoDifferences()
}

func planUpdate(ctx context.Context, plan, state *bucketModel, diags *diag.Diagnostics) {
	plan.ContractViolations = stream.NoDifferences()
	if plan.leavesStream(ctx, state, diags) {
		plan.ContractViolations = state.ContractViolations
	}
	for _, v := range stream.Unrepairable(ctx, state.ContractViolations, diags) {
		if plan.ContractViolations.Equal(state.ContractViolations) {
			diags.AddAttributeWarning(path.Root("contract_violations"), "Stream Is Left As It Is", unrepairable(state, v))
		} else {
			diags.AddAttributeError(path.Root("contract_violations"), "Stream Cannot Be Repaired", unrepairable(state, v))
		}
	}

	moves := stream.Moves(ctx, plan.Placement, state.Placement, state.Cluster, diags)
	resized := !plan.Replicas.Equal(state.Replicas)
	plan.Cluster, plan.Pending = state.Cluster, types.StringNull()
	if moves || resized || !state.Pending.IsNull() {
		plan.Pending = types.StringUnknown()
	}
	if moves || !state.Pending.IsNull() {
		plan.Cluster = types.StringUnknown()
	}

	known := !plan.Replicas.IsUnknown() && !plan.History.IsUnknown()
	if known && (resized || !plan.History.Equal(state.History)) {
		diags.AddWarning("k3s Must Be Restarted With The New Endpoint",
			secret.Sprintf("The bucket %q changes from history = %s and replicas = %s to history = %s and replicas = %s. KINE starts only with "+
				"an endpoint URL that names the same numbers, so every k3s on the bucket has to be restarted with the new URL "+
				"of its nats_k3s_datastore_endpoint. A k3s that runs goes on until it is restarted; while the number of replicas "+
				"changes, its writes may wait for some seconds.",
				state.Name.ValueString(), state.History, state.Replicas, plan.History, plan.Replicas))
	}
	if known && plan.History.ValueInt64() < state.History.ValueInt64() {
		diags.AddAttributeWarning(path.Root("history"), "Older Revisions Go",
			secret.Sprintf("The bucket %q keeps %s revisions of each key in place of %s. The server drops the older ones at once; the "+
				"current value of every key stays.", state.Name.ValueString(), plan.History, state.History))
	}
	if moves && !plan.Placement.IsUnknown() {
		diags.AddAttributeWarning(path.Root("placement"), "The Bucket Moves",
			secret.Sprintf("The bucket %q moves to other servers. All of its data goes along, but KINE's watches and revision stand still for "+
				"about ten seconds when the leader changes, as long as Kubernetes's own leader elections wait, and a KINE that runs on may "+
				"miss a few events of its watches. Do it as a planned maintenance, and restart every k3s on the bucket afterwards.", state.Name.ValueString()))
	}
}

// leavesStream tells whether the plan lifts the protection of a bucket whose stream cannot be repaired, and changes nothing of
// the stream: the way to get rid of it.
func (m *bucketModel) leavesStream(ctx context.Context, state *bucketModel, diags *diag.Diagnostics) bool {
	return len(stream.Unrepairable(ctx, state.ContractViolations, diags)) > 0 && state.DeletionProtection.ValueBool() &&
		m.DeletionProtection.Equal(types.BoolValue(false)) && m.History.Equal(state.History) && m.Replicas.Equal(state.Replicas) &&
		m.Fenced.Equal(state.Fenced) && m.Placement.Equal(state.Placement)
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
			"bucket from a mirror or a backup. For a new cluster, set deletion_protection = false and apply that, then take the resource out of the configuration, "+
			"apply, and make it anew.", name, v)
	}
	return fmt.Sprintf("The stream %s was changed so that KINE does not start on it: %s. The server cannot change that on a stream with "+
		"data, and a replacement would lose the Kubernetes cluster, so it is left alone.\n\nTo keep the data, back the stream up, "+
		"restore it under the same name with that setting, and plan again. To start anew, set deletion_protection = false and "+
		"apply that, then take the resource out of the configuration and apply again.", kine.StreamName(name), v)
}
