package validators

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// withVersion requires the version of a write-only attribute.
type withVersion struct{}

// WithVersion returns a validator for a write-only attribute that requires its version: the attribute next to it with
// the same name and the suffix _version. An unknown value requires the version too, because the apply would fail
// without it.
func WithVersion() validator.String { return withVersion{} }

func (withVersion) Description(context.Context) string { return "value must have a version" }
func (withVersion) MarkdownDescription(context.Context) string {
	return "value must have a version"
}

func (withVersion) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	last, _ := req.Path.Steps().LastStep()
	name, ok := last.(path.PathStepAttributeName)
	if req.ConfigValue.IsNull() || !ok {
		return
	}
	at := req.Path.ParentPath().AtName(string(name) + "_version")
	var version types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &version)...)
	if version.IsNull() && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Attribute Combination",
			secret.Sprintf("Attribute %q must be specified "+
				"when %q is specified: the provider detects a change of the value only by its version. Use any text, for example "+
				"\"1\".",
				at, req.Path))
	}
}
