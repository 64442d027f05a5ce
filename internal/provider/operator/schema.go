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

// versionText describes the text beside a write-only seed.
const versionText = "Any text that is changed together with `%s`, which is looked at when this changes or when something has to be signed."

func (r *operatorResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An operator, whose JWT the servers are configured with and whose keys sign accounts, together with its system " +
			"account. Everything is made offline: no server is asked or told, and destroying it only forgets it. It is signed again when what " +
			"it says changes; the servers have to be given the new JWT then. No seed is in the state.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the operator.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed of the operator's identity, which starts with `SO`. Write-only: it is never stored. It signs the operator, and " +
					"the system account unless `signing_key_seed_wo` does. The seed of another identity makes the operator another one.",
				Required: true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.OperatorKey)},
			},
			"seed_wo_version": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf(versionText, "seed_wo"),
				Required:            true,
			},
			"signing_keys": schema.SetAttribute{
				MarkdownDescription: "Public keys, which start with `O`, that may sign accounts beside the identity.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"signing_key_seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed of one of `signing_keys`, which signs the system account in place of the identity. Needed with " +
					"`strict_signing_key_usage`. Write-only: it is never stored.",
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
				MarkdownDescription: "Whether servers refuse accounts that the identity has signed, and users that an account's identity has signed: signing " +
					"keys alone count then. Defaults to `false`.",
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
				MarkdownDescription: "Oldest version of nats-server that may use the operator, such as `2.12.0`. Older ones do not start.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Tags in lower case.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"expires_at": schema.StringAttribute{
				MarkdownDescription: "Time until which the JWT counts, such as `2030-12-31T23:59:59Z`. By default it does not expire.",
				CustomType:          customtype.TimeType{},
				Optional:            true,
			},
			"not_before": schema.StringAttribute{
				MarkdownDescription: "Time from which on the JWT counts. By default it counts at once.",
				CustomType:          customtype.TimeType{},
				Optional:            true,
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Free text that servers do not look at.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"system_account": schema.SingleNestedAttribute{
				MarkdownDescription: "The system account, over which servers talk to each other and accounts are handed to them. It exports the usual " +
					"monitoring of the own account, and has no JetStream, which servers refuse there.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{
						MarkdownDescription: "Name of the account. Defaults to `" + systemName + "`.",
						Optional:            true, Computed: true,
						Default:    stringdefault.StaticString(systemName),
						Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
					},
					"public_key": schema.StringAttribute{
						MarkdownDescription: "The account's identity, which starts with `A`. By default one is made, whose seed is thrown away at once: " +
							"`signing_keys` sign its users.",
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
				MarkdownDescription: "The operator's identity, which starts with `O`.",
				Computed:            true,
			},
			"jwt": schema.StringAttribute{
				MarkdownDescription: "The operator's JWT, for `operator` in the configuration of the servers. It is no secret.",
				Computed:            true,
			},
			"system_account_jwt": schema.StringAttribute{
				MarkdownDescription: "The system account's JWT, for `resolver_preload` in the configuration of the servers; null without " +
					"`system_account`. It is no secret.",
				Computed: true,
			},
		},
	}
}

func (r *operatorResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{Description: "The operator's identity.", RequiredForImport: true},
		},
	}
}
