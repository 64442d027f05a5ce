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

// providerKeysAttr are the signing keys that the account has for the provider to work in it.
const providerKeysAttr = "provider_signing_keys"

// providerKeys returns the keys in the model, none if they are not known.
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

// addProviderKeys adds the keys in the model to the claims, but for those that are among its own signing keys.
func (m *accountModel) addProviderKeys(account *claims.Account) {
	for _, key := range m.providerKeys() {
		if !slices.ContainsFunc(account.SigningKeys, func(k claims.SigningKey) bool { return k.PublicKey == key }) {
			account.SigningKeys = append(slices.Clip(account.SigningKeys), claims.SigningKey{PublicKey: key})
		}
	}
}

// takeProviderKeys moves the plain signing keys that are the provider's, or were, from the claims to the model, but for those that are
// among the model's own.
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

// lacking are the keys that the claims do not have as plain signing keys.
func lacking(keys []string, account claims.Account) []string {
	return slices.DeleteFunc(keys, func(key string) bool {
		return slices.ContainsFunc(account.SigningKeys, func(k claims.SigningKey) bool { return k.PublicKey == key && k.Scope == nil })
	})
}

// lostProviderKeys are the provider's keys that the account had, by the model, and does not have any more. Once a refresh without them is
// stored, the model has none: then they are all that the provider is configured with.
func (r *accountResource) lostProviderKeys(state *accountModel, account claims.Account) []string {
	had := state.providerKeys()
	if len(had) == 0 {
		had = r.currentProviderKeys()
	}
	return lacking(had, account)
}

// settleProviderKeys settles which keys the account has for the provider, as far as that is known. The system account has none:
// whoever works in accounts would be the master of all servers. Generated tells that the account's identity is yet to be made.
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
				fmt.Sprintf("The key %s is the provider's own (accounts in its configuration), which has to be a plain signing key of every account "+
					"that it manages.\n\nLeave the scope out, or use another key pair here.", key.PublicKey))
		}
	}
}

// warnOfTakenKeys warns that the account loses keys that it had for the provider, as it does when an environment without the key makes
// the plan.
func (m *accountModel) warnOfTakenKeys(state *accountModel, account claims.Account, diags *diag.Diagnostics) {
	if m.ProviderSigningKeys.IsUnknown() {
		return
	}
	taken := lacking(state.providerKeys(), account)
	if len(taken) == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root(providerKeysAttr), "Provider's Signing Key Is Taken Out", secret.Sprintf("The account %q does not have the signing keys "+
		"%s any more, because they are not in accounts of the provider's configuration. Servers then disconnect and refuse every user that they "+
		"have signed: a k3s with such credentials stops.\n\nTo keep them for as long as such credentials are in use, add them to "+
		"accounts.previous_public_keys. If there is to be no change of keys, see whether accounts.signing_key, or %s in the environment, is what "+
		"it was.", state.Name.ValueString(), strings.Join(taken, ", "), connection.EnvAccountSigningKey))
}

// currentProviderKeys are the keys that the provider is configured with; none if that cannot be told.
func (r *accountResource) currentProviderKeys() []string {
	keys, err := r.data.AccountKeys()
	if err != nil {
		return nil // what the state has is kept, and a plan tells what is wrong
	}
	return keys
}
