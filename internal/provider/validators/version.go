package validators

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// withVersion demands the version of a write-only attribute.
type withVersion struct{}

// WithVersion returns a validator of a write-only attribute that demands its version beside it, which has the same name with _version at
// the end. A value that is not known yet demands it too: one that becomes known only in the apply would fail there.
func WithVersion() validator.String { return withVersion{} }

func (withVersion) Description(context.Context) string { return "value must have a version beside it" }
func (withVersion) MarkdownDescription(context.Context) string {
	return "value must have a version beside it"
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
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Attribute Combination", secret.Sprintf("Attribute %q must be specified when %q is specified: "+
			"nothing else tells when the value changes. Any text will do, such as \"1\".", at, req.Path))
	}
}
