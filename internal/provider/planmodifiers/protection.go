// Package planmodifiers holds plan modifiers and deletion protection, which several resources share.
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

// ProtectionAttribute is the attribute that protects a resource with data from being destroyed. Its value in the state
// is decisive, so lifting the protection requires a separate apply.
const ProtectionAttribute = "deletion_protection"

// protectionKey is the key in the private state that marks a protected resource. The plan of a replacement by -replace
// or replace_triggered_by has no prior state, but it has the prior private state.
const protectionKey = "deletion_protection"

// liftProtection is the last option after a refusal.
const liftProtection = "To delete it with all of its data, set " + ProtectionAttribute +
	" = false, apply only this change, and try again."

// Ways returns the alternatives to a replacement of a resource with data, one per line, for [Immutable]. More is
// appended to the advice about another object.
func Ways(noun, more string) string {
	return fmt.Sprintf("- To create another %[1]s, add a resource for it%[2]s.\n"+
		"- To manage an existing %[1]s, import it to another address.\n"+
		"- If the configuration now manages this %[1]s at another address, add a moved block.\n"+
		"- To make Terraform forget this %[1]s without deleting it, use a removed block with lifecycle { destroy = false "+
		"}, or state rm. You can then reuse the address.", noun, more)
}

// CheckProtection rejects a plan that destroys a protected resource, or replaces it because of -replace or
// replace_triggered_by. Call it first in ModifyPlan. It reports whether the caller must continue to plan. What and noun
// are as in [Immutable].
func CheckProtection(
	ctx context.Context, what, noun string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) (ok bool) {
	if req.Plan.Raw.IsNull() {
		var protected types.Bool
		var name types.String
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(ProtectionAttribute), &protected)...)
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
		if protected.ValueBool() {
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what),
				destroyed(noun, name))
		}
		return false
	}
	if req.State.Raw.IsNull() && req.Private != nil {
		value, diags := req.Private.GetKey(ctx, protectionKey)
		resp.Diagnostics.Append(diags...)
		if string(value) == "true" {
			var name types.String
			resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
			resp.Diagnostics.AddAttributeError(path.Root(ProtectionAttribute), fmt.Sprintf("%s Is Protected", what),
				replaced(noun, name))
			return false
		}
	}
	return !resp.Diagnostics.HasError()
}

// Replaces reports whether the plan creates the new object of a replacement. Only such a plan has private state without
// prior state: see [RememberProtection].
func Replaces(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) bool {
	if !req.State.Raw.IsNull() || req.Private == nil {
		return false
	}
	value, found := req.Private.GetKey(ctx, protectionKey)
	diags.Append(found...)
	return len(value) > 0
}

// destroyed explains why a plan that destroys the resource is refused. The provider cannot distinguish a removed block
// from another reason to destroy the resource.
func destroyed(noun string, name types.String) string {
	return fmt.Sprintf("The plan would destroy the %[2]s with all of its data, and %[3]s prevents this.\n\n"+
		"If its block was removed from the configuration, or its key from count or for_each:\n\n"+
		"- To keep the %[1]s, restore the block or the key.\n"+
		"- If it was renamed or moved into a module, add a moved block: moved { from = OLD_ADDRESS, to = NEW_ADDRESS }, on "+
		"two lines.\n"+
		"- To make Terraform forget the %[1]s without deleting it, use a removed block with lifecycle { destroy = false }, "+
		"or state rm.\n\n"+
		"If it is the deposed object of a create_before_destroy replacement, remove it from the state with state rm and "+
		"import it to its address.\n\n%[4]s", noun, called(noun, name), ProtectionAttribute, liftProtection)
}

// replaced explains why a plan that replaces the resource is refused. Attributes never force a replacement, see
// [Immutable], so -replace or replace_triggered_by requested it.
func replaced(noun string, name types.String) string {
	return fmt.Sprintf("The plan would destroy the %[1]s with all of its data and create a new one, because -replace or "+
		"replace_triggered_by requests it. %[2]s prevents this.\n\n"+
		"- Run plan without -replace for it.\n"+
		"- Remove replace_triggered_by from its lifecycle block, or revert the change of the object that it refers to.\n\n"+
		"%[3]s",
		called(noun, name), ProtectionAttribute, liftProtection)
}

// called returns the noun of a resource, with its name if that is known.
func called(noun string, name types.String) string {
	if name.ValueString() == "" {
		return noun
	}
	return secret.Sprintf("%s %q", noun, name.ValueString())
}

// PrivateState is the method of the framework's private state that writes a key.
type PrivateState interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// RememberProtection notes in the private state whether the resource is protected. Call it wherever the state is
// written.
func RememberProtection(ctx context.Context, private PrivateState, protected bool) diag.Diagnostics {
	return private.SetKey(ctx, protectionKey, []byte(fmt.Sprint(protected)))
}

// Forget removes a resource whose object no longer exists from the state. It also resets the private state, which
// outlasts the state: otherwise the plan that creates the object again would look like the replacement of a protected
// object.
func Forget(ctx context.Context, resp *resource.ReadResponse) {
	resp.State.RemoveResource(ctx)
	if resp.Private != nil {
		resp.Diagnostics.Append(RememberProtection(ctx, resp.Private, false)...)
	}
}

// RefuseProtectedDelete adds the error for the deletion of a protected tainted or deposed object. CheckProtection
// cannot reject these deletions because they have no plan.
func RefuseProtectedDelete(what, noun, name string, diags *diag.Diagnostics) {
	diags.AddError(fmt.Sprintf("%s Is Protected", what),
		secret.Sprintf("The %[1]s %[2]q cannot be deleted because %[3]s is set. This happens if the object is tainted, or "+
			"deposed by a create_before_destroy replacement.\n\n"+
			"- If it is tainted, run untaint on its address: the object is unchanged.\n"+
			"- If it is deposed, remove it from the state with state rm and import it to its address.\n\n%[4]s",
			noun, name, ProtectionAttribute, liftProtection))
}
