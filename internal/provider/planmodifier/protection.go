// Package planmodifier holds plan modifiers that several resources of the provider share.
package planmodifier

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ProtectionAttribute is the attribute that keeps a resource with data from being destroyed. What counts is its value in
// the state, so that lifting the protection takes an apply of its own.
const ProtectionAttribute = "deletion_protection"

// protectionKey marks the private state of a protected resource. The plan of a replacement that was asked for from
// outside (-replace, replace_triggered_by) comes without the prior state, but with its private part.
const protectionKey = "deletion_protection"

const liftProtection = "Set " + ProtectionAttribute + " = false and apply that alone; then try again."

// ReplaceUnlessProtected replaces the resource when the string changes, and makes that an error while the resource is
// protected. What is the resource in words, such as "Kine Bucket".
func ReplaceUnlessProtected(what string) planmodifier.String {
	return replaceIf(what, func(planmodifier.StringRequest) bool { return true })
}

// ReplaceSetUnlessProtected is ReplaceUnlessProtected for a string that an import cannot tell: that it is set where the state has
// none does not replace the resource.
func ReplaceSetUnlessProtected(what string) planmodifier.String {
	return replaceIf(what, func(req planmodifier.StringRequest) bool { return !req.StateValue.IsNull() })
}

func replaceIf(what string, replaces func(planmodifier.StringRequest) bool) planmodifier.String {
	const description = "Changing it destroys the resource and makes a new one, which " + ProtectionAttribute + " refuses."
	return stringplanmodifier.RequiresReplaceIf(
		func(ctx context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			if !replaces(req) {
				return
			}
			var protected types.Bool
			resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(ProtectionAttribute), &protected)...)
			if resp.Diagnostics.HasError() {
				return
			}
			resp.RequiresReplace = true
			if protected.ValueBool() {
				resp.Diagnostics.AddAttributeError(req.Path, fmt.Sprintf("%s Is Protected", what),
					fmt.Sprintf("Changing %s from %s to %s would destroy the %s with all that is in it, and make a new, empty one. "+
						"%s keeps that from happening.\n\n%s",
						req.Path, req.StateValue, req.PlanValue, what, ProtectionAttribute, liftProtection))
			}
		}, description, description)
}

// CheckProtection refuses the plan of a destruction or an outside replacement of a protected resource. It is to be called
// first in ModifyPlan; ok tells whether there is anything left to plan.
func CheckProtection(ctx context.Context, what string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) (ok bool) {
	if req.Plan.Raw.IsNull() {
		var protected types.Bool
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(ProtectionAttribute), &protected)...)
		if protected.ValueBool() {
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what),
				fmt.Sprintf("The plan would destroy the %s with all that is in it. %s keeps that from happening.\n\n%s",
					what, ProtectionAttribute, liftProtection))
		}
		return false
	}
	if req.State.Raw.IsNull() && req.Private != nil {
		value, diags := req.Private.GetKey(ctx, protectionKey)
		resp.Diagnostics.Append(diags...)
		if string(value) == "true" {
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what),
				fmt.Sprintf("The plan would replace the %s, by -replace, replace_triggered_by or a change elsewhere, and destroy "+
					"all that is in it. %s keeps that from happening.\n\n%s", what, ProtectionAttribute, liftProtection))
			return false
		}
	}
	return !resp.Diagnostics.HasError()
}

// PrivateState is the part of the framework's private state that resources write to.
type PrivateState interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// RememberProtection notes in the private state whether the resource is protected. It is to be called wherever the state
// is written.
func RememberProtection(ctx context.Context, private PrivateState, protected bool) diag.Diagnostics {
	return private.SetKey(ctx, protectionKey, []byte(fmt.Sprint(protected)))
}

// Forget removes from the state a resource whose object is gone. The private state would outlast it, and have the plan that makes the
// object again taken for one that replaces a protected object.
func Forget(ctx context.Context, resp *resource.ReadResponse) {
	resp.State.RemoveResource(ctx)
	if resp.Private != nil {
		resp.Diagnostics.Append(RememberProtection(ctx, resp.Private, false)...)
	}
}

// RefuseProtectedDelete adds the error for a deletion that reached the provider without a plan that could refuse it: that
// of a tainted or deposed object.
func RefuseProtectedDelete(what, name string, diags *diag.Diagnostics) {
	diags.AddError(fmt.Sprintf("%s Is Protected", what),
		secret.Sprintf("The %s %q was to be deleted although %s is set. This happens when the object is tainted, or deposed by a "+
			"replacement that creates before it destroys.\n\n"+
			"If it is tainted and should stay, run untaint on its address. If it is deposed, remove it from the state with "+
			"state rm and import it where it belongs. If it should go, untaint it, set %s = false, apply, and destroy it then.",
			what, name, ProtectionAttribute, ProtectionAttribute))
}
