// Package validators holds validators that several schemas of the provider share.
package validators

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
)

// checked validates a string with a function of a domain package. The function's error must not contain the value where
// that is a secret.
type checked struct {
	description string
	summary     string
	check       func(string) error
}

// String returns a validator of strings: description completes "Attribute ... must be ...", and summary heads the error.
func String(description, summary string, check func(string) error) validator.String {
	return checked{description: description, summary: summary, check: check}
}

// Text returns a validator of texts of one line, such as names. Its errors do not show them.
func Text() validator.String {
	return String("a text without invisible characters and without spaces around it", "Invalid Text", invisible.Check)
}

// Secret returns a validator of secrets that are used as they are, which may contain spaces. Its errors do not show them.
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
				at = at.ParentPath() // that of an element of a set is the value itself, which may be a secret in the wrong place
			}
		}
		// A CLI shows the resource and not the attribute, if that is a nested one.
		resp.Diagnostics.AddAttributeError(at, v.summary, fmt.Sprintf("Attribute %s must be %s: %s.", at, v.description, err))
	}
}
