package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// The attributes of operator.
const (
	operatorAttr           = "operator"
	signingKeyAttr         = "signing_key"
	systemCredentialsAttr  = "system_credentials"
	systemCredentialsFAttr = systemCredentialsAttr + "_file"
)

// operatorAttribute is how the provider is told to sign accounts and to hand them to the servers.
func operatorAttribute() schema.Attribute {
	sibling := func(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The operator that accounts are signed by. Only what signs or pushes an account needs it: buckets, mirrors and " +
			"users do not. Each part falls back to the environment by itself, also where `operator` is not set.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			signingKeyAttr: schema.StringAttribute{
				MarkdownDescription: "Seed of a key pair of the operator, which starts with `SO`: one of its signing keys, so that its identity " +
					"can stay locked away. Falls back to `" + connection.EnvSigningKey + "`, or to the file named by `" +
					connection.EnvSigningKeyFile + "`.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.OperatorKey)},
			},
			systemCredentialsAttr: schema.StringAttribute{
				MarkdownDescription: "Content of a credentials file of a user of the system account, over which accounts are handed to the " +
					"servers. Not needed to sign them only.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Credentials(), stringvalidator.ConflictsWith(sibling(systemCredentialsFAttr))},
			},
			systemCredentialsFAttr: schema.StringAttribute{
				MarkdownDescription: "Path of that credentials file. Falls back to `" + connection.EnvSystemCredentials + "`.",
				Optional:            true,
				Validators: []validator.String{
					validators.String("a path", "Invalid Path", tlsconfig.CheckPath), stringvalidator.ConflictsWith(sibling(systemCredentialsAttr)),
				},
			},
		},
	}
}

// operatorConfig reads the attribute. What is unknown of it is listed, and does not come from the environment.
func operatorConfig(object types.Object) connection.OperatorConfig {
	if object.IsUnknown() {
		all := []string{operatorAttr}
		return connection.OperatorConfig{UnknownSigningKey: all, UnknownSystem: all}
	}
	var config connection.OperatorConfig
	read := func(name string, unknown *[]string) string {
		value, _ := object.Attributes()[name].(types.String)
		if value.IsUnknown() {
			*unknown = append(*unknown, operatorAttr+"."+name)
		}
		return value.ValueString()
	}
	config.SigningKey = read(signingKeyAttr, &config.UnknownSigningKey)
	config.SystemCredentials = read(systemCredentialsAttr, &config.UnknownSystem)
	config.SystemCredentialsFile = read(systemCredentialsFAttr, &config.UnknownSystem)
	return config
}
