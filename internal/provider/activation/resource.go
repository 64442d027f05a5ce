// Package activation implements the resource nats_activation, which signs an activation token locally.
package activation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

var (
	_ resource.ResourceWithConfigure      = (*activationResource)(nil)
	_ resource.ResourceWithIdentity       = (*activationResource)(nil)
	_ resource.ResourceWithImportState    = (*activationResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*activationResource)(nil)
	_ resource.ResourceWithValidateConfig = (*activationResource)(nil)
)

type activationResource struct {
	claimattr.Resource[activationModel, *activationModel]
}

// NewResource returns the resource nats_activation.
func NewResource() resource.Resource {
	return &activationResource{claimattr.Resource[activationModel, *activationModel]{Name: "activation"}}
}

// Configure makes the provider's key available to configurations without a seed.
func (r *activationResource) Configure(
	_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse,
) {
	data := connection.FromProvider(req.ProviderData, &resp.Diagnostics)
	r.Prepare = func(config *activationModel) { config.provider = data }
}

// ImportState reads a token, which only the importing account can use.
func (r *activationResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	if req.ID == "" {
		resp.Diagnostics.AddError("Activation Cannot Be Imported by Its Identity",
			"The token cannot be found from its account, subject and type. Import by ID: the ID is the token.")
		return
	}
	token, err := claims.DecodeToken(req.ID)
	var activation *claims.Activation
	if err == nil {
		activation, _, err = decode(token.Text)
	}
	var imported activationModel
	if err == nil {
		err = imported.setToken(token.Text)
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID", "The import ID must be an activation token: "+err.Error()+".")
		return
	}
	text, set := types.StringType, types.SetType{ElemType: types.StringType}
	values := map[string]attr.Value{
		"account": types.StringValue(activation.IssuerAccount), "import_account": types.StringValue(activation.PublicKey),
		"subject": types.StringValue(activation.Subject), "type": types.StringValue(activation.Type),
		"name":       attribute.Value(ctx, text, activation.Name),
		"tags":       attribute.Value(ctx, set, activation.Tags),
		"audience":   attribute.Value(ctx, text, activation.Audience),
		"expires_at": attribute.Value(ctx, customtype.TimeType{}, activation.Expires),
		"not_before": attribute.Value(ctx, customtype.TimeType{}, activation.NotBefore),
		"jwt":        imported.JWT, "issuer": imported.Issuer, "issued_at": imported.IssuedAt,
	}
	for name, value := range values {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, identityModel{
		Account: types.StringValue(activation.IssuerAccount), ImportAccount: types.StringValue(activation.PublicKey),
		Subject: types.StringValue(activation.Subject), Type: types.StringValue(activation.Type),
	})...)
}
