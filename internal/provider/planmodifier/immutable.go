package planmodifier

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
)

// immutable makes a change of a string an error.
type immutable struct{ what, remedy string }

// Immutable refuses every change of a string that stands for what the resource is. What is the resource in words, remedy the way
// to what the user may have wanted.
func Immutable(what, remedy string) planmodifier.String { return immutable{what, remedy} }

func (m immutable) Description(context.Context) string         { return "It cannot be changed." }
func (m immutable) MarkdownDescription(context.Context) string { return "It cannot be changed." }

func (m immutable) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() || req.PlanValue.Equal(req.StateValue) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, fmt.Sprintf("%s Cannot Be Changed", m.what),
		fmt.Sprintf("%s is %s and cannot become %s.\n\n%s", req.Path, req.StateValue, req.PlanValue, m.remedy))
}
