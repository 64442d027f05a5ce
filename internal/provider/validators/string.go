// Package validators holds validators that several schemas share.
package validators

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
)

// checked validates a string with a function of a domain package. The error of the function must not contain a secret
// value.
type checked struct {
	description string
	summary     string
	check       func(string) error
}

// String returns a validator for a string. The description completes "Attribute ... must be ...". Summary is the
// summary of the error.
func String(description, summary string, check func(string) error) validator.String {
	return checked{description: description, summary: summary, check: check}
}

// Text returns a validator for a string of one line, for example a name. Its errors do not contain the value.
func Text() validator.String {
	return String("a text without invisible characters and without surrounding spaces", "Invalid Text", invisible.Check)
}

// Secret returns a validator for a secret that is used unchanged and may contain spaces. Its errors do not contain the
// value.
func Secret() validator.String {
	return String("a text without invisible characters", "Invalid Text", func(secret string) error {
		return invisible.Check(strings.Trim(secret, " "))
	})
}

func (v checked) Description(context.Context) string         { return "value must be " + v.description }
func (v checked) MarkdownDescription(context.Context) string { return "value must be " + v.description }

func (v checked) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := v.check(req.ConfigValue.ValueString()); err != nil {
		at := req.Path
		if last, _ := at.Steps().LastStep(); last != nil {
			if _, inSet := last.(path.PathStepElementKeyValue); inSet {
				at = at.ParentPath() // the path of a set element contains its value, which may be a secret in the wrong place
			}
		}
		// The CLI does not show the path of a nested attribute, so the detail names it.
		resp.Diagnostics.AddAttributeError(at, v.summary, fmt.Sprintf("Attribute %s must be %s: %s.", at, v.description, err))
	}
}
