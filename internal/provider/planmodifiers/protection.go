// Package planmodifiers holds plan modifiers that several resources of the provider share.
package planmodifiers

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ProtectionAttribute is the attribute that keeps a resource with data from being destroyed. What counts is its value in
// the state, so that lifting the protection takes an apply of its own.
const ProtectionAttribute = "deletion_protection"

// protectionKey marks the private state of a protected resource. The plan of a replacement that was asked for from
// outside (-replace, replace_triggered_by) comes without the prior state, but with its private part.
const protectionKey = "deletion_protection"

// liftProtection is the last way out of a refusal.
const liftProtection = "Only if it is to go with all that is in it: set " + ProtectionAttribute + " = false, apply that alone, and try again."

// Ways are what can be meant by a resource that takes the place of another one with data, one a line: see [Immutable]. More is what else there
// is to say of another one.
func Ways(noun, more string) string {
	return fmt.Sprintf("- To have another %[1]s, add a resource for it%[2]s.\n"+
		"- To manage one that is there already, import it to an address of its own.\n"+
		"- If this %[1]s belongs to another address of the configuration now, say so with a moved block.\n"+
		"- To have Terraform forget this %[1]s and leave it where it is, use a removed block with lifecycle { destroy = false }, or state rm: the "+
		"address is free then.", noun, more)
}

// CheckProtection refuses the plan of a destruction or an outside replacement of a protected resource. It is to be called
// first in ModifyPlan; ok reports whether there is anything left to plan. What and noun are those of [Immutable].
func CheckProtection(
	ctx context.Context, what, noun string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) (ok bool) {
	if req.Plan.Raw.IsNull() {
		var protected types.Bool
		var name types.String
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(ProtectionAttribute), &protected)...)
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
		if protected.ValueBool() {
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what), destroyed(noun, name))
		}
		return false
	}
	if req.State.Raw.IsNull() && req.Private != nil {
		value, diags := req.Private.GetKey(ctx, protectionKey)
		resp.Diagnostics.Append(diags...)
		if string(value) == "true" {
			var name types.String
			resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what), replaced(noun, name))
			return false
		}
	}
	return !resp.Diagnostics.HasError()
}

// Replaces reports whether the plan is that of the half of a replacement that makes the new object. Only the private state tells: see
// [RememberProtection].
func Replaces(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) bool {
	if !req.State.Raw.IsNull() || req.Private == nil {
		return false
	}
	value, found := req.Private.GetKey(ctx, protectionKey)
	diags.Append(found...)
	return len(value) > 0
}

// destroyed says why a plan without the resource is refused. A provider is not told whether the block is gone or a destruction was asked for.
func destroyed(noun string, name types.String) string {
	return fmt.Sprintf("The plan would destroy the %[2]s with all that is in it, and %[3]s refuses that.\n\n"+
		"If its block is gone from the configuration, or its key from count or for_each:\n\n"+
		"- Put it back to keep the %[1]s as it was.\n"+
		"- If it was renamed, or went into a module, add a moved block: moved { from = OLD_ADDRESS, to = NEW_ADDRESS }, on two lines.\n"+
		"- To have Terraform forget the %[1]s and leave it where it is, use a removed block with lifecycle { destroy = false }, or state rm.\n\n"+
		"If it is the deposed object of a replacement that creates before it destroys, take it out of the state with state rm and import it where it "+
		"belongs.\n\n%[4]s", noun, called(noun, name), ProtectionAttribute, liftProtection)
}

// replaced says why a plan that replaces the resource is refused. Attributes never force that, see [Immutable], so it was asked for.
func replaced(noun string, name types.String) string {
	return fmt.Sprintf("The plan would destroy the %[1]s with all that is in it, and make a new one, because -replace or replace_triggered_by asks "+
		"for it. %[2]s refuses that.\n\n"+
		"- Plan without -replace for it.\n"+
		"- Take replace_triggered_by out of its lifecycle block, or leave what it refers to as it was.\n\n%[3]s",
		called(noun, name), ProtectionAttribute, liftProtection)
}

// called is a resource with its name, as far as that is known.
func called(noun string, name types.String) string {
	if name.ValueString() == "" {
		return noun
	}
	return secret.Sprintf("%s %q", noun, name.ValueString())
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
func RefuseProtectedDelete(what, noun, name string, diags *diag.Diagnostics) {
	diags.AddError(fmt.Sprintf("%s Is Protected", what),
		secret.Sprintf("The %[1]s %[2]q was to be deleted although %[3]s is set. This happens when the object is tainted, or deposed by a "+
			"replacement that creates before it destroys.\n\n"+
			"- If it is tainted, run untaint on its address: it is as it was.\n"+
			"- If it is deposed, take it out of the state with state rm and import it where it belongs.\n\n%[4]s",
			noun, name, ProtectionAttribute, liftProtection))
}
