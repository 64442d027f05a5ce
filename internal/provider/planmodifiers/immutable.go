package planmodifiers

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// immutable rejects changes of a string.
type immutable struct {
	what, noun, ways string
	// settable allows a string that is null in the state to be set.
	settable bool
}

// Immutable returns a plan modifier that rejects every change of a string that identifies an object with data, because
// a replacement would destroy the data even if the object is not protected. What is the name of the resource in
// summaries, for example "Kine Bucket", and noun its name in sentences, for example "bucket". Ways lists alternatives
// for the user as lines that begin with a dash.
func Immutable(what, noun, ways string) planmodifier.String {
	return immutable{what: what, noun: noun, ways: ways}
}

// ImmutableOnceSet is like [Immutable] but allows a string to be set that an import left null.
func ImmutableOnceSet(what, noun, ways string) planmodifier.String {
	return immutable{what: what, noun: noun, ways: ways, settable: true}
}

func (m immutable) Description(context.Context) string         { return "It cannot be changed." }
func (m immutable) MarkdownDescription(context.Context) string { return "It cannot be changed." }

// PlanModifyString rejects the change. It accepts an unknown value, because the CLI plans the resource again during the
// apply.
func (m immutable) PlanModifyString(
	_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	switch {
	case req.State.Raw.IsNull() || req.Plan.Raw.IsNull():
		return // a creation or a destruction
	case req.PlanValue.IsUnknown() || req.PlanValue.Equal(req.StateValue) || m.settable && req.StateValue.IsNull():
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, fmt.Sprintf("%s Is Never Replaced", m.what),
		fmt.Sprintf("%[1]s is %[2]s and cannot become %[3]s: this would destroy the %[4]s with all of its data and create "+
			"another one. The provider refuses this even if %[5]s is false.\n\n"+
			"To keep the %[4]s, set %[1]s back to %[2]s. Other options:\n\n"+
			"%[6]s\n- To delete the %[4]s, destroy it in a separate apply first: set %[5]s = false, apply, and then destroy it.",
			req.Path, describe(req.StateValue), describe(req.PlanValue), m.noun, ProtectionAttribute, m.ways))
}

// describe formats a value for an error.
func describe(value types.String) string {
	if value.IsNull() {
		return "null"
	}
	return secret.Sprintf("%q", value.ValueString())
}
