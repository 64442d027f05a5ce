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

// accountsAttribute is what the provider works inside accounts with.
func accountsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "What the provider works inside accounts with, so that one provider block serves any number of them: a resource with " +
			"`account` is worked on as a user that the provider makes for that account, in memory, for a quarter of an hour, and with no more rights than " +
			"its resources need. " + fmt.Sprintf("One connection an account is opened when it is needed, and at most %d at a time.",
			natsconn.MaxAccountConnections),
		Optional: true,
		Attributes: map[string]schema.Attribute{
			signingKeyAttr: schema.StringAttribute{
				MarkdownDescription: "Seed of a key pair of the kind `account`, which starts with `SA`. Every `nats_account` that this provider block manages has " +
					"its public half as a plain signing key. To an account that is managed elsewhere (with nsc, or by a service), its owner adds it; no " +
					"operator is needed then. Falls back to `" + connection.EnvAccountSigningKey + "`, or to the file named by `" +
					connection.EnvAccountSigningKeyFile + "`.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.AccountKey)},
			},
			previousKeysAttr: schema.ListAttribute{
				MarkdownDescription: "Public keys that managed accounts keep beside that of `signing_key` while it is being rotated: what the key before has " +
					"signed stays good. A refresh then leaves alone what is in accounts that do not have the new key yet, which the apply gives them. " +
					"Take them out once nobody uses what they have signed.",
				Optional: true, ElementType: types.StringType,
				Validators: []validator.List{listvalidator.NoNullValues(), listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(validators.PublicKey(natsconn.AccountKey))},
			},
		},
	}
}

// accountsConfig reads the attribute.
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
