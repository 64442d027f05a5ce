package activation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

func (r *activationResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages an activation token, with which an account can import a private export " +
			"(`token_required`) of another account. Set it as `token` in the import of the importing account. The " +
			"provider signs it locally, and a destroy only removes it from the state. To revoke it, add the " +
			"importing account to `revocations` of the export in the exporting account.",
		Attributes: map[string]schema.Attribute{
			"account": schema.StringAttribute{
				MarkdownDescription: "Public key of the exporting account, which starts with `A`.",
				Required:            true,
				Validators:          []validator.String{validators.PublicKey(natsconn.AccountKey)},
			},
			"import_account": schema.StringAttribute{
				MarkdownDescription: "Public key of the importing account, which starts with `A`.",
				Required:            true,
				Validators:          []validator.String{validators.PublicKey(natsconn.AccountKey)},
			},
			"subject": schema.StringAttribute{
				MarkdownDescription: "Subject that can be imported: the subject of the export, or a part of it.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"type": schema.StringAttribute{
				MarkdownDescription: "Type of the export, `" + claims.Stream + "` or `" + claims.Service + "`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf(claims.Stream, claims.Service)},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the token, for people.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Tags. They must be in lower case.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience of the token. nats-server ignores it.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"expires_at": schema.StringAttribute{
				MarkdownDescription: "Time at which the token expires, such as `2030-12-31T23:59:59Z`. The servers " +
					"then end the import. Defaults to no expiry.",
				CustomType: customtype.TimeType{},
				Optional:   true,
			},
			"not_before": schema.StringAttribute{
				MarkdownDescription: "Time from which the token is valid. Defaults to immediately.",
				CustomType:          customtype.TimeType{},
				Optional:            true,
			},
			"signing_key_seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed, which starts with `SA`, of a signing key of the exporting account, or " +
					"of its identity. Servers refuse the token if the account does not list the key. Defaults to " +
					"the provider's `accounts.signing_key`, which is a signing key of each `nats_account` of the " +
					"same provider block. Write-only: it is never stored.",
				Optional: true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.AccountKey),
					validators.WithVersion()},
			},
			"signing_key_seed_wo_version": schema.StringAttribute{
				MarkdownDescription: "Version of `signing_key_seed_wo`: any text. Change it together with the seed. " +
					"A change of the version signs the token again, which is also needed after a revocation.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("signing_key_seed_wo"))},
			},
			"jwt": schema.StringAttribute{
				MarkdownDescription: "Activation token. Only the importing account can use it.",
				Computed:            true,
			},
			"issuer": schema.StringAttribute{
				MarkdownDescription: "Public key of the key that signed the token.",
				Computed:            true,
			},
			"issued_at": schema.StringAttribute{
				MarkdownDescription: "Time at which the token was signed.",
				Computed:            true,
			},
		},
	}
}

func (r *activationResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	attribute := func(description string) identityschema.Attribute {
		return identityschema.StringAttribute{Description: description, RequiredForImport: true}
	}
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"account":        attribute("Public key of the exporting account."),
			"import_account": attribute("Public key of the importing account."),
			"subject":        attribute("Subject that can be imported."),
			"type":           attribute("Type of the export."),
		},
	}
}
