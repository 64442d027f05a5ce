package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

const (
	accountsAttr     = "accounts"
	previousKeysAttr = "previous_public_keys"
)

// accountsAttribute returns the attribute that configures how the provider works inside accounts.
func accountsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: fmt.Sprintf("Lets one provider block work inside any number of accounts. For a resource with "+
			"`account`, the provider creates a user of that account. The user exists in memory only, is valid for 15 minutes, "+
			"and has only the permissions that the resources need. The provider opens one connection for each account when it "+
			"is needed, and at most %d at the same time.", natsconn.MaxAccountConnections),
		Optional: true,
		Attributes: map[string]schema.Attribute{
			signingKeyAttr: schema.StringAttribute{
				MarkdownDescription: "Seed of an account signing key, which starts with `SA`. The provider adds its public key " +
					"to every `nats_account` of this provider block, as a plain signing key. The owner of an account that is " +
					"managed elsewhere (with nsc or by a service) must add the public key to it; this needs no `operator`. Falls " +
					"back to `" +
					connection.EnvAccountSigningKey + "`, or to the file named by `" + connection.EnvAccountSigningKeyFile + "`.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.AccountKey)},
			},
			previousKeysAttr: schema.ListAttribute{
				MarkdownDescription: "Public keys that managed accounts keep in addition to the public key of `signing_key` " +
					"while it is rotated, so that users signed by the previous key stay valid. A refresh keeps the prior state of " +
					"resources in accounts that do not have the new key yet; the apply adds the key. Remove a public key when " +
					"everything that it signed is out of use.",
				Optional: true, ElementType: types.StringType,
				Validators: []validator.List{listvalidator.NoNullValues(), listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(validators.PublicKey(natsconn.AccountKey))},
			},
		},
	}
}

// accountsConfig reads the attribute accounts.
func accountsConfig(object types.Object) connection.AccountsConfig {
	if object.IsUnknown() {
		all := []string{accountsAttr}
		return connection.AccountsConfig{UnknownSigningKey: all, UnknownPrevious: all}
	}
	var config connection.AccountsConfig
	key, _ := object.Attributes()[signingKeyAttr].(types.String)
	if key.IsUnknown() {
		config.UnknownSigningKey = []string{accountsAttr + "." + signingKeyAttr}
	}
	config.SigningKey = key.ValueString()
	previous, _ := object.Attributes()[previousKeysAttr].(types.List)
	if hasUnknown(previous) {
		config.UnknownPrevious = []string{accountsAttr + "." + previousKeysAttr}
	}
	for _, element := range previous.Elements() {
		if text, ok := element.(types.String); ok && !text.IsUnknown() {
			config.PreviousPublicKeys = append(config.PreviousPublicKeys, text.ValueString())
		}
	}
	return config
}
