package kinebucket_test

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// expectPriorValue checks that an attribute of a resource, as the refresh found it, is a list with just these elements.
func expectPriorValue(address, attribute string, elements []knownvalue.Check) plancheck.PlanCheck {
	return priorValue{address, attribute, elements}
}

type priorValue struct {
	address, attribute string
	elements           []knownvalue.Check
}

func (c priorValue) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != c.address {
			continue
		}
		before, ok := change.Change.Before.(map[string]any)
		if !ok {
			resp.Error = fmt.Errorf("%s has no prior state", c.address)
			return
		}
		if err := knownvalue.ListExact(c.elements).CheckValue(before[c.attribute]); err != nil {
			resp.Error = fmt.Errorf("%s.%s is %v: %w", c.address, c.attribute, before[c.attribute], err)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", c.address)
}
