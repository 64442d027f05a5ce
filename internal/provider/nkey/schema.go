package nkey

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	ephemeralschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Descriptions that the resource and the ephemeral resource share.
const (
	typeText = "Type of the key pair: `operator`, `account`, `user`, `server` or `cluster` for signing, or `curve` " +
		"for encryption (for auth callout). An operator's or account's signing key has the same type as its identity."
	publicKeyText = "Public key, which starts with `O`, `A`, `U`, `N`, `C` or `X`."
)

// typeValidators returns validators that refuse unknown types of keys.
func typeValidators() []validator.String {
	var kinds []string
	for _, kind := range natsconn.KeyKinds() {
		kinds = append(kinds, string(kind))
	}
	return []validator.String{stringvalidator.OneOf(kinds...)}
}

func (r *nkeyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Generates a NATS key pair. Its seed is stored in the state: anyone who can read the " +
			"state can sign with the key. Encrypt the state, or use the ephemeral resource of the same name, which " +
			"stores nothing. A replaced or destroyed key cannot be recovered, and nothing can be signed with it " +
			"again: set `prevent_destroy` in the `lifecycle` of an operator's or account's key. `nats_account` and " +
			"`nats_user` do not need a key from this resource. They generate their own.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: typeText + " A change generates a new key pair.",
				Required:            true,
				Validators:          typeValidators(),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"keepers": schema.MapAttribute{
				MarkdownDescription: "Any values, such as a rotation date. A change of the values generates a new " +
					"key pair. Adding keepers to a key pair without any, or removing all of them, does not.",
				Optional:    true,
				ElementType: types.StringType,
				PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplaceIf(replaceIfChanged,
					"A change generates a new key pair.", "A change generates a new key pair.")},
			},
			"public_key": schema.StringAttribute{
				MarkdownDescription: publicKeyText,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"seed": schema.StringAttribute{
				MarkdownDescription: "Seed of the key pair, which starts with `S`. It is stored in the state.",
				Computed:            true, Sensitive: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
		},
	}
}

// replaceIfChanged replaces a key pair only if it had keepers before. An imported key pair has none.
func replaceIfChanged(
	_ context.Context, req planmodifier.MapRequest, resp *mapplanmodifier.RequiresReplaceIfFuncResponse,
) {
	resp.RequiresReplace = !req.StateValue.IsNull() && !req.PlanValue.IsNull()
}

func (r *nkeyResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{Description: "Public key.", RequiredForImport: true},
		},
	}
}

// ephemeralSchema returns the schema of the resource without the attributes that concern its state.
func ephemeralSchema() ephemeralschema.Schema {
	return ephemeralschema.Schema{
		MarkdownDescription: "Generates a NATS key pair that is stored in no state or plan. Each plan and each " +
			"apply generates a new one. Pass it to a write-only argument of a resource that stores it, such as a " +
			"secret in a secret store, and change the argument's version to store a new key.",
		Attributes: map[string]ephemeralschema.Attribute{
			"type": ephemeralschema.StringAttribute{MarkdownDescription: typeText, Required: true,
				Validators: typeValidators()},
			"public_key": ephemeralschema.StringAttribute{MarkdownDescription: publicKeyText, Computed: true},
			"seed": ephemeralschema.StringAttribute{
				MarkdownDescription: "Seed of the key pair, which starts with `S`.", Computed: true, Sensitive: true,
			},
		},
	}
}
