package planmodifiers

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// immutable makes a change of a string an error.
type immutable struct {
	what, noun, ways string
	// settable lets a string that the state does not have be set.
	settable bool
}

// Immutable refuses every change of a string that says which object the resource is: there is data behind it, and a replacement would destroy
// that, protected or not. What is the resource in summaries, such as "Kine Bucket", noun in sentences, such as "bucket". Ways are what else
// the user may want and how to get it, as lines that begin with a dash.
func Immutable(what, noun, ways string) planmodifier.String {
	return immutable{what: what, noun: noun, ways: ways}
}

// ImmutableOnceSet is [Immutable] for a string that an import cannot tell: it can be set where the state has none.
func ImmutableOnceSet(what, noun, ways string) planmodifier.String {
	return immutable{what: what, noun: noun, ways: ways, settable: true}
}

func (m immutable) Description(context.Context) string         { return "It cannot be changed." }
func (m immutable) MarkdownDescription(context.Context) string { return "It cannot be changed." }

// PlanModifyString refuses the change. A value that is not known yet passes: the CLI plans the resource again during the apply, when it is.
func (m immutable) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	switch {
	case req.State.Raw.IsNull() || req.Plan.Raw.IsNull():
		return // a creation or a destruction
	case req.PlanValue.IsUnknown() || req.PlanValue.Equal(req.StateValue) || m.settable && req.StateValue.IsNull():
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, fmt.Sprintf("%s Is Never Replaced", m.what),
		fmt.Sprintf("%[1]s is %[2]s and cannot become %[3]s: that is another %[4]s, and this one would be destroyed with all that is in it. That is "+
			"refused whether %[5]s is set or not.\n\nTo keep the %[4]s, set %[1]s back to %[2]s. If something else is meant:\n\n%[6]s\n"+
			"- To get rid of it, destroy it by itself first, which takes %[5]s = false and an apply of that.",
			req.Path, describe(req.StateValue), describe(req.PlanValue), m.noun, ProtectionAttribute, m.ways))
}

// describe returns a value as an error shows it.
func describe(value types.String) string {
	if value.IsNull() {
		return "null"
	}
	return secret.Sprintf("%q", value.ValueString())
}
