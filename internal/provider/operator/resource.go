// Package operator implements the resource nats_operator, which signs an operator locally.
package operator

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

var (
	_ resource.ResourceWithIdentity       = (*operatorResource)(nil)
	_ resource.ResourceWithImportState    = (*operatorResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*operatorResource)(nil)
	_ resource.ResourceWithValidateConfig = (*operatorResource)(nil)
)

type operatorResource struct {
	claimattr.Resource[operatorModel, *operatorModel]
}

// NewResource returns the resource nats_operator.
func NewResource() resource.Resource {
	return &operatorResource{claimattr.Resource[operatorModel, *operatorModel]{Name: "operator"}}
}

// ValidateConfig checks a configuration, which has the seed instead of the public key.
func (r *operatorResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config operatorModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.PublicKey = publicKey(config.SeedWO)
	config.Check(&resp.Diagnostics)
}

// ImportState reads an operator's JWT, which is not secret. The next apply signs the system account.
func (r *operatorResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	if req.ID == "" {
		resp.Diagnostics.AddError("Operator Cannot Be Imported by Its Identity",
			"The JWT cannot be found from a public key. Import by ID: the ID is the operator's JWT.")
		return
	}
	operator, _, err := claims.DecodeOperator(req.ID)
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID",
			"The import ID must be the JWT of an operator: "+err.Error()+".")
		return
	}
	token, err := claims.DecodeToken(req.ID)
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID",
			"The import ID must be the JWT of an operator: "+err.Error()+".")
		return
	}
	fields := attribute.Fields{
		"name": operator.Name, "audience": operator.Audience, "tags": operator.Tags, "expires_at": operator.Expires,
		"not_before":   operator.NotBefore,
		"signing_keys": operator.SigningKeys, "account_server_url": operator.AccountServerURL,
		"operator_service_urls": operator.ServiceURLs,
		"assert_server_version": operator.AssertServerVersion, "strict_signing_key_usage": operator.StrictSigningKeyUsage,
		"public_key": operator.PublicKey, "jwt": token.Text,
	}
	if operator.SystemAccount != "" {
		fields["system_account"] = attribute.Fields{"public_key": operator.SystemAccount}
	}
	set(ctx, resp, fields)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity,
		identityModel{PublicKey: types.StringValue(operator.PublicKey)})...)
}

// set sets attributes of an imported state.
func set(ctx context.Context, resp *resource.ImportStateResponse, fields attribute.Fields) {
	of, ok := resp.State.Schema.Type().(attr.TypeWithAttributeTypes)
	if !ok {
		resp.Diagnostics.Append(diag.NewErrorDiagnostic("Unexpected Schema",
			"The schema is not an object. This is a bug in the provider: please report it."))
		return
	}
	for name := range fields {
		value := attribute.Value(ctx, of.AttributeTypes()[name], fields[name])
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
}
