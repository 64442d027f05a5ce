package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// importKey marks the private state of an account that was imported and not applied since.
const importKey = "imported"

// ValidateConfig refuses claims that servers would refuse, or that cannot mean what they say.
func (r *accountResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	account, unknown := config.account()
	claimattr.AddProblems(&resp.Diagnostics, account.Problems(), attributeNames, unknown)
}

// attributeNames are the attributes whose names do not follow from those of the claims.
var attributeNames = claimattr.Names{
	"JetStream": "jetstream", "Tiers": "jetstream.tiers", "Expires": "expires_at", "XKey": "xkey",
	"NoWildcardExports": "disallow_wildcard_exports", "NoBearerTokens": "disallow_bearer", "Responses": "allow_responses",
	"Mappings[]": "destinations", "Tags#": "",
}

// known returns the claims that the model describes, now that everything is known.
func (m *accountModel) known(diags *diag.Diagnostics) claims.Account {
	account, unknown := m.account()
	if m.PublicKey.IsUnknown() {
		unknown = nil // it is generated
	}
	claimattr.AddProblems(diags, account.Problems(), attributeNames, unknown)
	return account
}

// ModifyPlan refuses what would lose data and what the servers would not take, tells whether the account has to be signed again, and warns of
// what a change means for k3s. Only where the account has to be signed are servers asked, and ones that do not answer make no difference.
func (r *accountResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !planmodifiers.CheckProtection(ctx, what, noun, req, resp) {
		if req.Plan.Raw.IsNull() && !resp.Diagnostics.HasError() {
			r.planDeletion(ctx, req.State, &resp.Diagnostics)
		}
		return
	}
	var plan accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	read := plan
	var configured types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("public_key"), &configured)...)
	r.settleProviderKeys(&plan, plan.PublicKey.IsUnknown() && configured.IsNull(), &resp.Diagnostics)
	account, unknown := plan.account()
	if len(unknown) == 0 {
		r.data.NoteAccount(account)
	}
	warnOfLimits(account, &resp.Diagnostics)
	var before *accountModel
	if req.State.Raw.IsNull() {
		plan.JWT, plan.Issuer, plan.Pending = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	} else {
		var state accountModel
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
		before = &state
		if resp.Diagnostics.HasError() {
			return
		}
		r.planUpdate(&plan, &state, account, unknown, &resp.Diagnostics)
		if imported(ctx, req.Private, &resp.Diagnostics) {
			warnOfKept(&plan, &state, &resp.Diagnostics)
		}
	}
	claimattr.CheckExpiry(&resp.Diagnostics, plan.JWT.IsUnknown(), account.Expires, what, secret.Sprintf("account %q", account.Name),
		"servers accept none of its users")
	if plan.JWT.IsUnknown() {
		r.planSigning(ctx, &plan, &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() {
		r.planName(ctx, &plan, before, planmodifiers.Replaces(ctx, req, &resp.Diagnostics), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(attribute.SetChanged(ctx, &resp.Plan, &read, &plan)...)
}

func (r *accountResource) planUpdate(plan, state *accountModel, account claims.Account, unknown path.Paths, diags *diag.Diagnostics) {
	before, _ := state.account()
	plan.JWT, plan.Issuer, plan.Pending = state.JWT, state.Issuer, types.StringNull()
	signed := len(unknown) == 0 && len(account.Diff(&before)) == 0 && plan.Push.Equal(state.Push) && state.Pending.IsNull() && !r.issuerChanges(state)
	if !signed {
		plan.JWT, plan.Issuer, plan.Pending = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	}
	if state.Push.ValueBool() && !plan.Push.IsUnknown() && !plan.Push.ValueBool() {
		diags.AddAttributeWarning(path.Root("push"), "Servers Keep the Account", secret.Sprintf("The account %q is not pushed any more. Servers that have "+
			"it keep it as it was pushed last, and a destroy leaves it there.", state.Name.ValueString()))
	}
	if plan.Push.ValueBool() && !state.Push.ValueBool() {
		diags.AddAttributeWarning(path.Root("push"), "Account Is Pushed From Now On", secret.Sprintf("The account %q was only signed until now. If servers have it "+
			"already, as it was pushed before or by others, the configuration takes the place of that, whatever it is; only revocations of others "+
			"stay.", state.Name.ValueString()))
	}
	plan.warnOfTakenKeys(state, account, diags)
	if takesTiers(account, before) && !plan.JetStream.IsUnknown() {
		diags.AddAttributeWarning(path.Root("jetstream"), "Streams Are Updated", secret.Sprintf("The account %q changes from limits for all streams to "+
			"tiers. Its streams refuse writes from the push until each has been updated without a change, which the provider does at once.",
			state.Name.ValueString()))
	}
}

// issuerChanges tells whether the provider signs with another key than the account is signed with.
func (r *accountResource) issuerChanges(state *accountModel) bool {
	if r.data == nil {
		return false
	}
	signer, err := r.data.OperatorSigner()
	if err != nil {
		return false // a plan that needs it says so
	}
	defer signer.Close()
	return signer.PublicKey() != state.Issuer.ValueString()
}

// planSigning refuses to plan what cannot be signed for want of a key, or pushed because servers do not accept the key, where that can be
// told already.
func (r *accountResource) planSigning(ctx context.Context, plan *accountModel, diags *diag.Diagnostics) {
	if r.data == nil || !r.data.Known() {
		return
	}
	var err error
	if plan.Push.ValueBool() {
		err = r.data.CheckOperatorKey(ctx)
	} else {
		var signer *claims.Signer
		if signer, err = r.data.OperatorSigner(); err == nil {
			signer.Close()
		}
	}
	if err != nil {
		addError(diags, "Plan", plan, err)
	}
}

// planDeletion refuses to plan a deletion that servers would not accept from the key, where that can be told already.
func (r *accountResource) planDeletion(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) {
	var deleted accountModel
	diags.Append(attribute.Get(ctx, state, &deleted)...)
	if diags.HasError() || r.data == nil || !r.data.Known() || !deleted.Push.ValueBool() {
		return
	}
	err := r.data.CheckOperatorKey(ctx)
	if _, untrusted := errors.AsType[*resolver.UntrustedIssuerError](err); untrusted {
		addError(diags, "Plan", &deleted, err)
	}
}

// takesTiers tells whether the account changes from limits for all streams to tiers.
func takesTiers(account, before claims.Account) bool {
	return before.JetStream != nil && len(account.Tiers) > 0
}

// leavesTiers tells whether the account changes from tiers to limits for all streams.
func leavesTiers(account, before claims.Account) bool {
	return len(before.Tiers) > 0 && account.JetStream != nil
}

// losesJetStream tells whether the account had JetStream and has none any more.
func losesJetStream(account, before claims.Account) bool {
	return before.HasJetStream() && !account.HasJetStream()
}

// rememberImport notes in the private state whether the account was imported and not applied since: then it is not known yet which
// of its revocations the configuration stands for.
func rememberImport(ctx context.Context, private planmodifiers.PrivateState, imported bool) diag.Diagnostics {
	return private.SetKey(ctx, importKey, []byte(fmt.Sprint(imported)))
}

// privateReader is the part of the framework's private state that is read.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

func imported(ctx context.Context, private privateReader, diags *diag.Diagnostics) bool {
	value, found := private.GetKey(ctx, importKey)
	diags.Append(found...)
	return string(value) == "true"
}

// warnOfKept warns that revocations of an imported account, which the configuration does not have, stay.
func warnOfKept(plan, state *accountModel, diags *diag.Diagnostics) {
	var kept []string
	for key := range state.Revocations.Elements() {
		if _, ok := plan.Revocations.Elements()[key]; !ok {
			kept = append(kept, key)
		}
	}
	if len(kept) > 0 && !plan.Revocations.IsUnknown() {
		diags.AddAttributeWarning(path.Root("revocations"), "Revocations Stay", secret.Sprintf("The imported account %q has revocations that the configuration "+
			"does not have: %s. They stay in force, as those of others, and do not show any more.\n\nTo lift one, add it to revocations, apply, and "+
			"take it out again.", state.Name.ValueString(), strings.Join(sorted(kept), ", ")))
	}
}

// ownedRevocations returns those that the state has, as they are now.
func ownedRevocations(state *accountModel, now map[string]time.Time) map[string]time.Time {
	var owned map[string]time.Time
	for key := range state.Revocations.Elements() {
		at, ok := now[key]
		if !ok {
			continue
		}
		if owned == nil {
			owned = map[string]time.Time{}
		}
		owned[key] = at
	}
	return owned
}
