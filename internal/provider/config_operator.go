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

// Attributes of operator.
const (
	operatorAttr           = "operator"
	signingKeyAttr         = "signing_key"
	systemCredentialsAttr  = "system_credentials"
	systemCredentialsFAttr = systemCredentialsAttr + "_file"
)

// operatorAttribute returns the attribute that configures how the provider signs accounts and pushes them to the
// servers.
func operatorAttribute() schema.Attribute {
	sibling := func(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Operator that signs accounts. Required to sign or push an account; buckets, mirrors and " +
			"users do not need it. Each attribute falls back to the environment on its own, even if `operator` is not set.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			signingKeyAttr: schema.StringAttribute{
				MarkdownDescription: "Seed of an operator key, which starts with `SO`. Use a signing key, so that the identity " +
					"key of the operator can stay offline. Falls back to `" + connection.EnvSigningKey +
					"`, or to the file named by `" +
					connection.EnvSigningKeyFile + "`.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.OperatorKey)},
			},
			systemCredentialsAttr: schema.StringAttribute{
				MarkdownDescription: "Content of a credentials file of a user of the system account. The provider uses it to " +
					"push accounts to the servers; it is not needed to only sign them.",
				Optional: true, Sensitive: true,
				Validators: []validator.String{validators.Credentials(),
					stringvalidator.ConflictsWith(sibling(systemCredentialsFAttr))},
			},
			systemCredentialsFAttr: schema.StringAttribute{
				MarkdownDescription: "Path of a credentials file of a user of the system account. Falls back to `" +
					connection.EnvSystemCredentials + "`.",
				Optional: true,
				Validators: []validator.String{
					validators.String("a path", "Invalid Path", tlsconfig.CheckPath),
					stringvalidator.ConflictsWith(sibling(systemCredentialsAttr)),
				},
			},
		},
	}
}

// operatorConfig reads the attribute operator. It lists the unknown attributes, which do not fall back to the
// environment.
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
