// Package activation is the Terraform surface of an activation token, which is signed offline.
package activation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

var (
	_ resource.ResourceWithIdentity       = (*activationResource)(nil)
	_ resource.ResourceWithImportState    = (*activationResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*activationResource)(nil)
	_ resource.ResourceWithValidateConfig = (*activationResource)(nil)
)

type activationResource struct{}

// NewResource returns the resource nats_activation.
func NewResource() resource.Resource { return &activationResource{} }

func (r *activationResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_activation"
	// The identity is what the token says, and that may change in place.
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true}
}

func (r *activationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config activationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.check(&resp.Diagnostics)
}

// ModifyPlan says whether the token is going to be signed.
func (r *activationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan, config activationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	var state *activationModel
	if !req.State.Raw.IsNull() {
		state = new(activationModel)
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.preview(&config, state, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

func (r *activationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config activationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.apply(ctx, &config, nil, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

func (r *activationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, config, state activationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.apply(ctx, &config, &state, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

// Read has nowhere to look but the state.
func (r *activationResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state activationModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
}

// Delete forgets the token.
func (r *activationResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}

// ImportState reads a token, which is of no use to anybody but the importing account.
func (r *activationResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if req.ID == "" {
		resp.Diagnostics.AddError("Activation Cannot Be Imported by Its Identity",
			"What an activation says does not lead to its token. Import by id, which is the token.")
		return
	}
	token, err := account.DecodeToken(req.ID)
	var activation *account.Activation
	if err == nil {
		activation, _, err = decode(token.Text)
	}
	var imported activationModel
	if err == nil {
		err = imported.setToken(token.Text)
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID", "The id must be an activation token: "+err.Error()+".")
		return
	}
	text, set := types.StringType, types.SetType{ElemType: types.StringType}
	values := map[string]attr.Value{
		"account": types.StringValue(activation.IssuerAccount), "import_account": types.StringValue(activation.PublicKey),
		"subject": types.StringValue(activation.Subject), "type": types.StringValue(activation.Type),
		"name":       attribute.Value(ctx, text, activation.Name),
		"tags":       attribute.Value(ctx, set, activation.Tags),
		"expires_at": attribute.Value(ctx, customtype.TimeType{}, activation.Expires),
		"not_before": attribute.Value(ctx, customtype.TimeType{}, activation.NotBefore),
		"jwt":        imported.JWT, "issuer": imported.Issuer, "issued_at": imported.IssuedAt,
	}
	for name, value := range values {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{
		Account: types.StringValue(activation.IssuerAccount), ImportAccount: types.StringValue(activation.PublicKey),
		Subject: types.StringValue(activation.Subject), Type: types.StringValue(activation.Type),
	})...)
}
