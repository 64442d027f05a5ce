// Package user implements the resource nats_user and the ephemeral resource nats_user_credentials. A signing key of an
// account signs its users.
package user

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

var (
	_ resource.ResourceWithConfigure      = (*userResource)(nil)
	_ resource.ResourceWithIdentity       = (*userResource)(nil)
	_ resource.ResourceWithImportState    = (*userResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*userResource)(nil)
	_ resource.ResourceWithValidateConfig = (*userResource)(nil)
)

type userResource struct{ signing }

// NewResource returns the resource nats_user.
func NewResource() resource.Resource { return NewResourceWithClock(claims.SystemClock{}) }

// NewResourceWithClock returns a nats_user whose JWTs expire by the given clock.
func NewResourceWithClock(clock claims.Clock) resource.Resource {
	return &userResource{signing{clock: clock, seedAttr: "signing_key_seed_wo"}}
}

func (r *userResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (r *userResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *userResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if !resp.Diagnostics.HasError() {
		r.check(&config, &resp.Diagnostics)
		r.checkAccount(ctx, &plan.claimsModel, config.SigningKeySeed, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.signNew(ctx, &plan.claimsModel, config.SigningKeySeed); err != nil {
		addError(&resp.Diagnostics, "Create", plan.Name, err)
		return
	}
	plan.warnOfLength(&resp.Diagnostics)
	tflog.Info(ctx, "signed user", plan.logged())
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity)...)
}

// Read makes no request, because a user exists only in the state. It adds the ID of the JWT to a state of an earlier
// version.
func (r *userResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	if !resp.Diagnostics.HasError() {
		state.JWTID = idOf(state.JWT)
		resp.Diagnostics.Append(attribute.Set(ctx, &resp.State, &state)...)
		// Terraform before 1.12 stores no identity.
		resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.identity())...)
	}
}

func (r *userResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state, config userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if !resp.Diagnostics.HasError() {
		r.check(&config, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.JWT.IsUnknown() {
		if r.checkAccount(ctx, &plan.claimsModel, config.SigningKeySeed, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
		if err := r.signAgain(ctx, &plan, &state, &config); err != nil {
			addError(&resp.Diagnostics, "Update", plan.Name, err)
			return
		}
		plan.warnOfLength(&resp.Diagnostics)
		tflog.Info(ctx, "signed user again", plan.logged())
	}
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity)...)
}

// signAgain signs the user with the same key, later than the JWT in the state.
func (r *userResource) signAgain(ctx context.Context, plan, state, config *userModel) error {
	_, last, err := claims.DecodeUser(state.JWT.ValueString())
	if err != nil {
		return fmt.Errorf("the JWT in the state cannot be read: %w", err)
	}
	seed := ""
	if config.PublicKey.IsNull() {
		if seed, err = claims.CredentialsSeed(state.Credentials.ValueString()); err != nil {
			return fmt.Errorf("the credentials in the state cannot be read: %w", err)
		}
	}
	return r.sign(ctx, &plan.claimsModel, config.SigningKeySeed, seed, last.IssuedAt)
}

// ImportState returns an error: the servers do not have the user's JWT or seed.
func (r *userResource) ImportState(
	_ context.Context, _ resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	resp.Diagnostics.AddError("A User Cannot Be Imported",
		"The servers have neither the JWT nor the seed of a user, so there is nothing to import.\n\n"+
			"Let the resource create a user, and give its credentials to the client. To keep the client's key, set "+
			"public_key: the seed stays with the client, which needs only the new jwt.")
}

// store writes the model to the state.
func (m *userModel) store(ctx context.Context, state *tfsdk.State, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	diags := attribute.Set(ctx, state, m)
	diags.Append(attribute.Set(ctx, identity, m.identity())...)
	return diags
}
