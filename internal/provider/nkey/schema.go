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

// Descriptions that stand in the resource and in its ephemeral twin.
const (
	typeText = "What the key pair is for: `operator`, `account`, `user`, `server` or `cluster`, which sign, or `curve`, which encrypts " +
		"(for auth callout). An operator's or account's signing key is of the same type as its identity."
	publicKeyText = "The public half, which starts with `O`, `A`, `U`, `N`, `C` or `X`."
)

// typeValidators refuse what is no kind of key.
func typeValidators() []validator.String {
	var kinds []string
	for _, kind := range natsconn.KeyKinds() {
		kinds = append(kinds, string(kind))
	}
	return []validator.String{stringvalidator.OneOf(kinds...)}
}

func (r *nkeyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A key pair of NATS. Its seed is in the state: whoever reads that can sign with the key, so encrypt the state or use the " +
			"ephemeral resource of the same name, which leaves no trace. A key that is replaced or destroyed is gone, and nothing signed " +
			"with it can be signed again: set `prevent_destroy` in the `lifecycle` of an operator's or an account's key. `nats_account` and " +
			"`nats_user` need no key from here: they make their own.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: typeText + " Changing it makes another key pair.",
				Required:            true,
				Validators:          typeValidators(),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"keepers": schema.MapAttribute{
				MarkdownDescription: "Any texts, such as a date of rotation: changing them makes another key pair. Adding them to a key pair that has " +
					"none, or removing all, does not.",
				Optional:    true,
				ElementType: types.StringType,
				PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplaceIf(replaceIfChanged,
					"Changing it makes another key pair.", "Changing it makes another key pair.")},
			},
			"public_key": schema.StringAttribute{
				MarkdownDescription: publicKeyText,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"seed": schema.StringAttribute{
				MarkdownDescription: "The private half, which starts with `S`. It is in the state.",
				Computed:            true, Sensitive: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
		},
	}
}

// replaceIfChanged spares a key pair whose first keepers these are: an imported one has none.
func replaceIfChanged(_ context.Context, req planmodifier.MapRequest, resp *mapplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = !req.StateValue.IsNull() && !req.PlanValue.IsNull()
}

func (r *nkeyResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{Description: "The public half.", RequiredForImport: true},
		},
	}
}

// ephemeralSchema is that of the resource, but for what has to do with a state.
func ephemeralSchema() ephemeralschema.Schema {
	return ephemeralschema.Schema{
		MarkdownDescription: "A key pair of NATS that is in no state and no plan. Each plan and each apply makes another one: hand it on to a " +
			"write-only argument of a resource that keeps it, such as a secret store, whose version you change when it shall take a new key.",
		Attributes: map[string]ephemeralschema.Attribute{
			"type":       ephemeralschema.StringAttribute{MarkdownDescription: typeText, Required: true, Validators: typeValidators()},
			"public_key": ephemeralschema.StringAttribute{MarkdownDescription: publicKeyText, Computed: true},
			"seed": ephemeralschema.StringAttribute{
				MarkdownDescription: "The private half, which starts with `S`.", Computed: true, Sensitive: true,
			},
		},
	}
}
