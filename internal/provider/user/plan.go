package user

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// ValidateConfig refuses claims that servers would refuse or that contradict themselves.
func (r *userResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if !resp.Diagnostics.HasError() {
		validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
		r.check(&config, &resp.Diagnostics)
		r.checkKey(&config.claimsModel, config.SigningKeySeed, &resp.Diagnostics)
	}
}

// check adds an error for each problem of a configuration, as far as its values are known.
func (r *userResource) check(config *userModel, diags *diag.Diagnostics) {
	r.checkClaims(&config.claimsModel, config.SigningKeySeed, diags)
	if lifetime, before := config.expiresIn(), config.rotateBefore(); lifetime > 0 && before >= lifetime {
		diags.AddAttributeError(path.Root("rotate_before"), "Invalid Rotation",
			fmt.Sprintf("Attribute rotate_before (%s) must be shorter than expires_in (%s). Otherwise every plan "+
				"would sign the user again.", config.RotateBefore, config.ExpiresIn))
	}
}

// ModifyPlan plans whether the user is signed, warns about effects on k3s, and refuses to plan a revocation that cannot
// be signed. It makes no request.
func (r *userResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	var before types.Bool
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(revokeAttr), &before)...)
	}
	if req.Plan.Raw.IsNull() {
		if before.ValueBool() {
			r.checkRevocation(&resp.Diagnostics)
		}
		return
	}
	var plan, config userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.RevokeOnDestroy.ValueBool() && !before.ValueBool() {
		r.checkRevocation(&resp.Diagnostics)
	}
	if req.State.Raw.IsNull() {
		plan.planSigning(&config)
	} else {
		var state userModel
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
		if resp.Diagnostics.HasError() {
			return
		}
		if plan.planKey(&config, &state) {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root("public_key"))
		}
		if r.data.SignerUnknown(config.SigningKeySeed) ||
			plan.mustSign(r.issuer(config.SigningKeySeed), &state, r.clock.Now()) {
			plan.planSigning(&config)
		} else {
			plan.keepSigned(&config, &state)
		}
	}
	if plan.JWT.IsUnknown() {
		r.checkKey(&config.claimsModel, config.SigningKeySeed, &resp.Diagnostics)
	}
	r.checkPlanned(&plan.claimsModel, config.SigningKeySeed, plan.JWT.IsUnknown(), &resp.Diagnostics)
	plan.warnOfLimits(&resp.Diagnostics)
	if plan.JWT.IsUnknown() && !plan.ExpiresIn.IsNull() {
		resp.Diagnostics.AddAttributeWarning(path.Root("expires_in"), "The User Expires",
			fmt.Sprintf("The user %s stops working %s after it is signed. If k3s uses its credentials, k3s stops at "+
				"that time, unless the credentials file on each of its nodes is replaced before.",
				plan.Name, plan.ExpiresIn))
	}
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.Plan, &plan)...)
}

// planSigning plans a new JWT.
func (m *userModel) planSigning(config *userModel) {
	m.JWT, m.JWTID, m.Issuer, m.Credentials = types.StringUnknown(), types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	m.ExpiresAt = customtype.Time{StringValue: types.StringUnknown()}
	if !config.PublicKey.IsNull() {
		m.Credentials = types.StringNull()
	}
	if m.ExpiresIn.IsNull() {
		m.ExpiresAt = customtype.Time{StringValue: types.StringNull()}
	}
}

// planKey plans the user's public key, and reports whether the user must be replaced for it.
func (m *userModel) planKey(config, state *userModel) (replace bool) {
	switch generated := !state.Credentials.IsNull(); {
	case !config.PublicKey.IsNull():
		return !config.PublicKey.Equal(state.PublicKey)
	case generated:
		m.PublicKey = state.PublicKey
		return false
	}
	m.PublicKey = types.StringUnknown() // a generated key replaces the configured one
	return true
}

// mustSign reports whether the JWT in the state differs from the plan or is about to expire. Signer is the public key
// of the signer, or empty if it is not known yet.
func (m *userModel) mustSign(signer string, state *userModel, now time.Time) bool {
	wanted, unknown := m.user()
	signed, _ := state.user()
	switch {
	case len(unknown) > 0 || !reflect.DeepEqual(wanted, signed):
		return true
	case m.ExpiresIn.IsUnknown() || m.expiresIn() != state.expiresIn():
		return true
	case !m.SigningKeyVersion.Equal(state.SigningKeyVersion):
		return true
	case signer != "" && signer != state.Issuer.ValueString():
		return true
	}
	return !state.ExpiresAt.IsNull() && !now.Add(m.rotateBefore()).Before(time.Unix(state.ExpiresAt.Number(), 0))
}

// keepSigned plans to keep the JWT in the state. If the configuration now has a public key, the seed is removed from
// the state.
func (m *userModel) keepSigned(config, state *userModel) {
	m.JWT, m.JWTID, m.Issuer, m.ExpiresAt, m.Credentials = state.JWT, idOf(state.JWT), state.Issuer, state.ExpiresAt, state.Credentials
	if !config.PublicKey.IsNull() {
		m.Credentials = types.StringNull()
	}
}
