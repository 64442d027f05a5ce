package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// importKey is the private state key that marks an account that was imported and not applied since.
const importKey = "imported"

// ValidateConfig refuses claims that servers would refuse or that contradict themselves.
func (r *accountResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	account, unknown := config.account()
	claimattr.AddProblems(&resp.Diagnostics, account.Problems(), attributeNames, unknown)
}

// attributeNames maps field names of the claims to attribute names that differ from them.
var attributeNames = claimattr.Names{
	"JetStream": "jetstream", "Tiers": "jetstream.tiers", "Expires": "expires_at", "XKey": "xkey",
	"NoWildcardExports": "disallow_wildcard_exports", "NoBearerTokens": "disallow_bearer", "Responses": "allow_responses",
	"Mappings[]": "destinations", "Tags#": "",
}

// known returns the claims that the model describes, once all values are known.
func (m *accountModel) known(diags *diag.Diagnostics) claims.Account {
	account, unknown := m.account()
	if m.PublicKey.IsUnknown() {
		unknown = nil // Create generates it
	}
	claimattr.AddProblems(diags, account.Problems(), attributeNames, unknown)
	return account
}

// ModifyPlan refuses changes that would lose data or that servers would not accept, plans whether the account is signed
// again, and warns about effects on k3s. It contacts servers only if the account must be signed, and ignores servers
// that do not answer.
func (r *accountResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
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
	claimattr.CheckExpiry(&resp.Diagnostics, plan.JWT.IsUnknown(), account.Expires, what,
		secret.Sprintf("account %q", account.Name),
		"servers accept none of its users")
	if plan.JWT.IsUnknown() {
		r.planSigning(ctx, &plan, &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() {
		r.planName(ctx, &plan, before, planmodifiers.Replaces(ctx, req, &resp.Diagnostics), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(attribute.SetChanged(ctx, &resp.Plan, &read, &plan)...)
}

func (r *accountResource) planUpdate(
	plan, state *accountModel, account claims.Account, unknown path.Paths, diags *diag.Diagnostics,
) {
	before, _ := state.account()
	plan.JWT, plan.Issuer, plan.Pending = state.JWT, state.Issuer, types.StringNull()
	signed := len(unknown) == 0 && len(account.Diff(&before)) == 0 && plan.Push.Equal(state.Push) &&
		state.Pending.IsNull() && !r.issuerChanges(state)
	if !signed {
		plan.JWT, plan.Issuer, plan.Pending = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	}
	if state.Push.ValueBool() && !plan.Push.IsUnknown() && !plan.Push.ValueBool() {
		diags.AddAttributeWarning(path.Root("push"), "Servers Keep the Account",
			secret.Sprintf("The account %q is no longer pushed. Servers keep the version that was pushed last, also "+
				"after a destroy.", state.Name.ValueString()))
	}
	if plan.Push.ValueBool() && !state.Push.ValueBool() {
		diags.AddAttributeWarning(path.Root("push"), "Account Will Be Pushed",
			secret.Sprintf("The account %q was only signed until now. If the servers already have an account with "+
				"this public key, the configuration replaces its claims. Only revocations that others added are kept.",
				state.Name.ValueString()))
	}
	plan.warnOfTakenKeys(state, account, diags)
	if takesTiers(account, before) && !plan.JetStream.IsUnknown() {
		diags.AddAttributeWarning(path.Root("jetstream"), "Streams Will Be Updated",
			secret.Sprintf("The account %q changes from limits for all streams to tiers. After the push, each of "+
				"its streams refuses writes until the provider has updated it without changes, which it does "+
				"immediately.",
				state.Name.ValueString()))
	}
}

// issuerChanges reports whether the provider's signing key differs from the key that signed the account.
func (r *accountResource) issuerChanges(state *accountModel) bool {
	if r.data == nil {
		return false
	}
	signer, err := r.data.OperatorSigner()
	if err != nil {
		return false // planSigning reports the error
	}
	defer signer.Close()
	return signer.PublicKey() != state.Issuer.ValueString()
}

// planSigning adds an error if the plan needs a signing key that is not configured, or a push that servers would refuse
// because they do not trust the key.
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

// planDeletion adds an error if servers would refuse the deletion because they do not trust the operator's signing key.
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

// takesTiers reports whether the account changes from limits for all streams to tiers.
func takesTiers(account, before claims.Account) bool {
	return before.JetStream != nil && len(account.Tiers) > 0
}

// leavesTiers reports whether the account changes from tiers to limits for all streams.
func leavesTiers(account, before claims.Account) bool {
	return len(before.Tiers) > 0 && account.JetStream != nil
}

// losesJetStream reports whether the change removes JetStream from the account.
func losesJetStream(account, before claims.Account) bool {
	return before.HasJetStream() && !account.HasJetStream()
}

// rememberImport records in the private state whether the account was imported and not applied since. Until the first
// apply it is not known which revocations the configuration manages.
func rememberImport(ctx context.Context, private planmodifiers.PrivateState, imported bool) diag.Diagnostics {
	return private.SetKey(ctx, importKey, []byte(fmt.Sprint(imported)))
}

// privateReader is the read side of the framework's private state.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

func imported(ctx context.Context, private privateReader, diags *diag.Diagnostics) bool {
	value, found := private.GetKey(ctx, importKey)
	diags.Append(found...)
	return string(value) == "true"
}

// warnOfKept warns about revocations of an imported account that are not in the configuration and are kept.
func warnOfKept(plan, state *accountModel, diags *diag.Diagnostics) {
	var kept []string
	for key := range state.Revocations.Elements() {
		if _, ok := plan.Revocations.Elements()[key]; !ok {
			kept = append(kept, key)
		}
	}
	slices.Sort(kept)
	if len(kept) > 0 && !plan.Revocations.IsUnknown() {
		diags.AddAttributeWarning(path.Root("revocations"), "Revocations Are Kept",
			secret.Sprintf("The imported account %q has revocations that are not in the configuration: %s. They "+
				"remain in force and are no longer shown.\n\nTo lift a revocation, add it to revocations, apply, remove "+
				"it, and apply again.",
				state.Name.ValueString(), strings.Join(kept, ", ")))
	}
}

// ownedRevocations returns the revocations that are in the state, with their current times.
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
