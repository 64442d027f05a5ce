package operator

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// systemName is the default of system_account.name.
const systemName = "SYS"

// versionText is the description of the version of a write-only seed.
const versionText = "Version of `%s`: any text. Change it together with the seed. The provider reads the seed when " +
	"the version changes or when something must be signed."

func (r *operatorResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages an operator, whose JWT is part of the servers' configuration and whose keys " +
			"sign accounts, and its system account. The provider signs both locally. No server is involved, and a " +
			"destroy only removes them from the state. After a change of its claims, the operator is signed again, " +
			"and the servers must be configured with the new JWT. The state contains no seed.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the operator.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed of the operator's identity, which starts with `SO`. It signs the " +
					"operator and, unless `signing_key_seed_wo` is set, the system account. The seed of another " +
					"identity makes it a different operator. Write-only: it is never stored.",
				Required: true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.OperatorKey)},
			},
			"seed_wo_version": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf(versionText, "seed_wo"),
				Required:            true,
			},
			"signing_keys": schema.SetAttribute{
				MarkdownDescription: "Public keys, which start with `O`, that may sign accounts in addition to the " +
					"identity.",
				Optional:    true,
				ElementType: types.StringType,
			},
			"signing_key_seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed of one of `signing_keys`, which signs the system account instead of the " +
					"identity. Required with `strict_signing_key_usage`. Write-only: it is never stored.",
				Optional: true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{
					validators.Seed(natsconn.OperatorKey), validators.WithVersion(),
				},
			},
			"signing_key_seed_wo_version": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf(versionText, "signing_key_seed_wo"),
				Optional:            true,
				Validators:          []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("signing_key_seed_wo"))},
			},
			"strict_signing_key_usage": schema.BoolAttribute{
				MarkdownDescription: "Whether servers accept only signing keys: they refuse accounts that the " +
					"operator's identity has signed, and users that an account's identity has signed. Defaults to " +
					"`false`.",
				Optional: true,
			},
			"account_server_url": schema.StringAttribute{
				MarkdownDescription: "URL of an account server, for tools such as nsc.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"operator_service_urls": schema.ListAttribute{
				MarkdownDescription: "URLs of the NATS servers, for tools such as nsc.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
			},
			"assert_server_version": schema.StringAttribute{
				MarkdownDescription: "Minimum version of nats-server for the operator, such as `2.12.0`. Older " +
					"servers do not start with it.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Tags. They must be in lower case.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"expires_at": schema.StringAttribute{
				MarkdownDescription: "Time at which the JWT expires, such as `2030-12-31T23:59:59Z`. Defaults to no " +
					"expiry.",
				CustomType: customtype.TimeType{},
				Optional:   true,
			},
			"not_before": schema.StringAttribute{
				MarkdownDescription: "Time from which the JWT is valid. Defaults to immediately.",
				CustomType:          customtype.TimeType{},
				Optional:            true,
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience of the JWT: any text. nats-server ignores it.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"system_account": schema.SingleNestedAttribute{
				MarkdownDescription: "System account, through which servers communicate with each other and " +
					"accounts are pushed to them. It exports the usual monitoring services to each account for its " +
					"own data. It does not have JetStream, because servers refuse JetStream in the system account.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{
						MarkdownDescription: "Name of the account. Defaults to `" + systemName + "`.",
						Optional:            true, Computed: true,
						Default:    stringdefault.StaticString(systemName),
						Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
					},
					"public_key": schema.StringAttribute{
						MarkdownDescription: "Identity of the account: a public key that starts with `A`. By " +
							"default the provider generates one and discards its seed immediately, so only " +
							"`signing_keys` sign users of the account.",
						Optional: true, Computed: true,
						Validators:    []validator.String{validators.PublicKey(natsconn.AccountKey)},
						PlanModifiers: []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()},
					},
					"signing_keys": schema.SetAttribute{
						MarkdownDescription: "Public keys, which start with `A`, that sign users of the account.",
						Optional:            true,
						ElementType:         types.StringType,
					},
				},
			},
			"public_key": schema.StringAttribute{
				MarkdownDescription: "Identity of the operator: a public key that starts with `O`.",
				Computed:            true,
			},
			"jwt": schema.StringAttribute{
				MarkdownDescription: "JWT of the operator, for `operator` in the configuration of the servers. It " +
					"is not secret.",
				Computed: true,
			},
			"system_account_jwt": schema.StringAttribute{
				MarkdownDescription: "JWT of the system account, for `resolver_preload` in the configuration of the " +
					"servers. It is not secret. Null without `system_account`.",
				Computed: true,
			},
		},
	}
}

func (r *operatorResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{Description: "Identity of the operator.",
				RequiredForImport: true},
		},
	}
}
