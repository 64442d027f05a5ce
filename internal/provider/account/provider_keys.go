package account

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// providerKeysAttr is the attribute with the signing keys that the account has for the provider.
const providerKeysAttr = "provider_signing_keys"

// providerKeys returns the keys in the model, or nil if they are unknown.
func (m *accountModel) providerKeys() []string {
	var keys []string
	for _, element := range m.ProviderSigningKeys.Elements() {
		if key, ok := element.(types.String); ok && !key.IsUnknown() {
			keys = append(keys, key.ValueString())
		}
	}
	return keys
}

func (m *accountModel) setProviderKeys(keys []string) {
	elements := make([]attr.Value, len(keys))
	for i, key := range keys {
		elements[i] = types.StringValue(key)
	}
	m.ProviderSigningKeys = types.SetValueMust(types.StringType, elements)
}

// addProviderKeys adds the keys in the model to the claims, except those that are already among the signing keys.
func (m *accountModel) addProviderKeys(account *claims.Account) {
	for _, key := range m.providerKeys() {
		if !slices.ContainsFunc(account.SigningKeys, func(k claims.SigningKey) bool { return k.PublicKey == key }) {
			account.SigningKeys = append(slices.Clip(account.SigningKeys), claims.SigningKey{PublicKey: key})
		}
	}
}

// takeProviderKeys moves the provider's current and previous plain signing keys from the claims to the model. A key
// that is also in the model's signing_keys stays in the claims.
func (m *accountModel) takeProviderKeys(account *claims.Account, provider []string) {
	provider = slices.Concat(provider, m.providerKeys())
	own := keysOf(m.SigningKeys, "public_key")
	var taken []string
	account.SigningKeys = slices.DeleteFunc(slices.Clone(account.SigningKeys), func(k claims.SigningKey) bool {
		if k.Scope != nil || !slices.Contains(provider, k.PublicKey) {
			return false
		}
		taken = append(taken, k.PublicKey)
		return !slices.Contains(own, k.PublicKey)
	})
	m.setProviderKeys(taken)
}

// lacking returns the keys that are not plain signing keys of the account.
func lacking(keys []string, account claims.Account) []string {
	return slices.DeleteFunc(keys, func(key string) bool {
		return slices.ContainsFunc(account.SigningKeys,
			func(k claims.SigningKey) bool { return k.PublicKey == key && k.Scope == nil })
	})
}

// lostProviderKeys returns the provider's keys that the model has and the account no longer has. After a refresh
// without them, the model has none: the configured keys are used then.
func (r *accountResource) lostProviderKeys(state *accountModel, account claims.Account) []string {
	had := state.providerKeys()
	if len(had) == 0 {
		had = r.currentProviderKeys()
	}
	return lacking(had, account)
}

// settleProviderKeys sets the provider's keys in the plan, if they are known. The system account gets none, because the
// provider's key could then control all servers. Generated is true if the account's identity does not exist yet.
func (r *accountResource) settleProviderKeys(plan *accountModel, generated bool, diags *diag.Diagnostics) {
	plan.ProviderSigningKeys = types.SetUnknown(types.StringType)
	if r.data == nil {
		return
	}
	keys, err := r.data.AccountKeys()
	if err == nil && len(keys) > 0 && !generated {
		var system string
		switch system, err = r.data.SystemAccount(); {
		case err != nil || system == "":
		case plan.PublicKey.IsUnknown():
			return
		case system == plan.PublicKey.ValueString():
			keys = nil
		}
	}
	if _, ok := errors.AsType[*connection.UnknownError](err); ok {
		return
	}
	if err != nil {
		addError(diags, "Plan", plan, err)
		return
	}
	plan.setProviderKeys(keys)
	account, _ := plan.account()
	for i, key := range account.SigningKeys {
		if key.Scope != nil && slices.Contains(keys, key.PublicKey) {
			diags.AddAttributeError(path.Root("signing_keys").AtListIndex(i).AtName("scope"), "Provider's Signing Key Is Scoped",
				fmt.Sprintf("The key %s is the provider's own (accounts in the provider configuration). It must be a "+
					"plain signing key in every account that the provider manages.\n\nRemove the scope, or use another "+
					"key pair here.", key.PublicKey))
		}
	}
}

// warnOfTakenKeys warns that the plan removes provider keys from the account, for example because the key is missing in
// the environment.
func (m *accountModel) warnOfTakenKeys(state *accountModel, account claims.Account, diags *diag.Diagnostics) {
	if m.ProviderSigningKeys.IsUnknown() {
		return
	}
	taken := lacking(state.providerKeys(), account)
	if len(taken) == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root(providerKeysAttr), "Provider's Signing Key Is Removed",
		secret.Sprintf("The account %q loses the signing keys %s, because they are no longer in accounts of the "+
			"provider configuration. Servers will disconnect and refuse every user that these keys have signed: k3s "+
			"stops if it uses such credentials.\n\nTo keep the keys while such credentials are in use, add them to "+
			"accounts.previous_public_keys. If the keys are not meant to change, check accounts.signing_key, or %s in "+
			"the environment.",
			state.Name.ValueString(), strings.Join(taken, ", "), connection.EnvAccountSigningKey))
}

// currentProviderKeys returns the provider's configured keys, or nil if they cannot be determined.
func (r *accountResource) currentProviderKeys() []string {
	keys, err := r.data.AccountKeys()
	if err != nil {
		return nil // keep the keys in the state; the plan reports the error
	}
	return keys
}
