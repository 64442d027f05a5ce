package validators

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// PositiveTimeouts rejects timeouts of zero and below. The validators of the attributes reject other invalid values.
func PositiveTimeouts(timeouts interface{ Attributes() map[string]attr.Value }, diags *diag.Diagnostics) {
	attributes := timeouts.Attributes()
	for _, operation := range slices.Sorted(maps.Keys(attributes)) {
		text, ok := attributes[operation].(interface{ ValueString() string })
		if !ok {
			continue
		}
		if d, err := time.ParseDuration(text.ValueString()); err == nil && d <= 0 {
			diags.AddAttributeError(path.Root("timeouts").AtName(operation), "Invalid Timeout",
				fmt.Sprintf("Attribute timeouts.%s must be above zero, got: %s. Set it to a duration such as 2m.", operation, d))
		}
	}
}
