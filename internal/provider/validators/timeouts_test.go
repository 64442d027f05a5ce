package validators_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

func TestPositiveTimeouts(t *testing.T) {
	of := map[string]attr.Type{"create": types.StringType, "delete": types.StringType, "read": types.StringType,
		"update": types.StringType}
	var diags diag.Diagnostics
	validators.PositiveTimeouts(types.ObjectNull(of), &diags)
	validators.PositiveTimeouts(types.ObjectValueMust(of, map[string]attr.Value{
		"create": types.StringValue("1m"), "delete": types.StringValue("0s"), "read": types.StringNull(),
		"update": types.StringValue("-5s"),
	}), &diags)
	if diags.ErrorsCount() != 2 ||
		!strings.Contains(diags[0].Detail(), "timeouts.delete must be above zero, got: 0s") ||
		!strings.Contains(diags[1].Detail(), "timeouts.update must be above zero, got: -5s") {
		t.Errorf("found %v", diags)
	}
}
