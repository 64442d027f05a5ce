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
		MarkdownDescription: "An activation token: it lets one account import a private export of another (`token_required`). It goes into the " +
			"import of the importing account. Everything is made offline: destroying it only forgets it. To take it back, add the importing " +
			"account to the revocations of the export, in the exporting account.",
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
				MarkdownDescription: "What may be imported: the subject of the export, or a part of it.",
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
				MarkdownDescription: "Tags in lower case.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience in the token, which nats-server does not look at.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"expires_at": schema.StringAttribute{
				MarkdownDescription: "Time until which the token counts, such as `2030-12-31T23:59:59Z`; servers end the import then. By default it " +
					"does not expire.",
				CustomType: customtype.TimeType{},
				Optional:   true,
			},
			"not_before": schema.StringAttribute{
				MarkdownDescription: "Time from which on the token counts. By default it counts at once.",
				CustomType:          customtype.TimeType{},
				Optional:            true,
			},
			"signing_key_seed_wo": schema.StringAttribute{
				MarkdownDescription: "Seed of a signing key of the exporting account, or of its identity, which starts with `SA`. Servers refuse the token " +
					"if the account does not list the key. Without it, the provider's `accounts.signing_key` signs, which each `nats_account` of the same " +
					"provider block has. Write-only: it is never stored.",
				Optional: true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{validators.Seed(natsconn.AccountKey),
					validators.WithVersion()},
			},
			"signing_key_seed_wo_version": schema.StringAttribute{
				MarkdownDescription: "Any text that is changed together with `signing_key_seed_wo`. Changing it signs the token again, as is needed after a " +
					"revocation too.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("signing_key_seed_wo"))},
			},
			"jwt": schema.StringAttribute{
				MarkdownDescription: "The token. It is of no use to any account but the importing one.",
				Computed:            true,
			},
			"issuer": schema.StringAttribute{
				MarkdownDescription: "Public key that signed the token.",
				Computed:            true,
			},
			"issued_at": schema.StringAttribute{
				MarkdownDescription: "Time at which the token was signed.",
				Computed:            true,
			},
		},
	}
}

func (r *activationResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	attribute := func(description string) identityschema.Attribute {
		return identityschema.StringAttribute{Description: description, RequiredForImport: true}
	}
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"account":        attribute("Public key of the exporting account."),
			"import_account": attribute("Public key of the importing account."),
			"subject":        attribute("What may be imported."),
			"type":           attribute("Type of the export."),
		},
	}
}
