package account

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
)

// what and noun are the resource in messages.
const (
	what = "Account"
	noun = "account"
)

// limit is an optional number, without which there is no limit.
func limit(description string) schema.Int64Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: description + " Without it, there is no limit.",
		Optional:            true,
	}
}

// size is an optional number of bytes.
func size(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description,
		Optional:            true, CustomType: customtype.ByteSizeType{},
		Validators: checks,
	}
}

func (r *accountResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An account: an isolated tenant of a NATS system in operator mode, with users, subjects, streams and limits of its " +
			"own. The operator's signing key, in the provider's `operator` block, signs it; the servers' resolver gets it, and every server is " +
			"asked whether it has it.\n\n" +
			"Without a `public_key` an identity is generated, whose seed is thrown away at once: users are signed by `signing_keys` alone, so " +
			"nothing secret is in the state. Whatever every claim of the account can say can be said here; a change of any is pushed in place. " +
			"Revocations that others add to the account, as `nats_user` does on destroy, stay.",
		Attributes: claimsAttributes(),
	}
	maps.Copy(resp.Schema.Attributes, map[string]schema.Attribute{
		providerKeysAttr: schema.SetAttribute{
			MarkdownDescription: "Public keys of signing keys that the account has beside `signing_keys`, so that the provider can work in it: those of " +
				"`accounts` in the provider's configuration. The system account, which is that of `operator.system_credentials`, has none: where these are " +
				"not set yet, make it with a provider block without `accounts`.",
			Computed: true, ElementType: types.StringType,
		},
		"push": schema.BoolAttribute{
			MarkdownDescription: "Push the account to the servers. `false` only signs it: for servers with a memory resolver, whose " +
				"configuration takes `jwt`, and for sites that Terraform does not reach. Defaults to `true`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"deletion_protection": schema.BoolAttribute{
			MarkdownDescription: "Refuse every plan that would destroy or replace the account. Defaults to `true`; lifting it takes an apply of " +
				"its own.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"force_destroy": schema.BoolAttribute{
			MarkdownDescription: "Delete the account's streams, with all that is in them, when the account is destroyed. Otherwise a destroy is " +
				"refused while there are any. Defaults to `false`. It counts once it is applied, and does not lift `deletion_protection`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(false),
		},
		"jwt": schema.StringAttribute{
			MarkdownDescription: "The account's JWT, as it was signed last. It is not secret.",
			Computed:            true,
		},
		"issuer": schema.StringAttribute{
			MarkdownDescription: "Public key of the operator, or of its signing key, that signed the account. When the provider's signing key " +
				"changes, the account is signed anew.",
			Computed: true,
		},
		"pending": schema.StringAttribute{
			MarkdownDescription: "What is not done on all servers yet, such as a server that was down; the next apply goes on with it. Null when " +
				"nothing is.",
			Computed: true,
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: fmt.Sprintf("How long to sign and push the account. Defaults to `%s`.", createTimeout),
			Read: true, ReadDescription: fmt.Sprintf("How long to look the account up. Defaults to `%s`.", readTimeout),
			Update: true, UpdateDescription: fmt.Sprintf("How long to sign and push the account. Defaults to `%s`.", updateTimeout),
			Delete: true, DeleteDescription: fmt.Sprintf("How long to delete the account, and its streams with `force_destroy`. Defaults to `%s`.",
				deleteTimeout),
		}),
	})
}

// claimsAttributes are those that make up the claims. What is wrong with a claim, [claims.Account.Problems] says; validators here are for
// what no claim can be made of.
func claimsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the account, for people: the servers know it by its public key, and names need not differ. " +
				"The plan of a new `nats_account` warns of another account that has the same name already.",
			Required: true,
		},
		"public_key": schema.StringAttribute{
			MarkdownDescription: "Identity of the account, which starts with `A`. Without it, one is generated, and its seed thrown away. It cannot " +
				"be changed: an account with another identity is another account, and a plan that does so is an error.",
			Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{
				stringplanmodifier.UseStateForUnknown(),
				planmodifiers.Immutable(what, noun, planmodifiers.Ways(noun, "")),
			},
		},
		"description": claimattr.OptionalText("What the account is for."),
		"info_url":    claimattr.OptionalText("Address of further information, an absolute URL."),
		"tags": schema.SetAttribute{
			MarkdownDescription: "Tags, in lower case.",
			Optional:            true, ElementType: types.StringType,
		},
		"audience": claimattr.OptionalText("Audience in the JWT, which nats-server does not look at."),
		"not_before": schema.StringAttribute{
			MarkdownDescription: "Time from which on the account counts, such as `2026-01-01T00:00:00Z`.",
			Optional:            true, CustomType: customtype.TimeType{},
		},
		"expires_at": schema.StringAttribute{
			MarkdownDescription: "Time at which the account ends, such as `2030-01-01T00:00:00Z`: the servers then cut all of its connections. " +
				"Without it, it never does.",
			Optional: true, CustomType: customtype.TimeType{},
		},
		"limits": schema.SingleNestedAttribute{
			MarkdownDescription: "Limits that have nothing to do with JetStream.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"connections":               limit("Greatest number of connections of clients."),
				"leaf_nodes":                limit("Greatest number of connections of leaf nodes."),
				"subscriptions":             limit("Greatest number of subscriptions."),
				"imports":                   limit("Greatest number of imports."),
				"exports":                   limit("Greatest number of exports."),
				"payload":                   size("Greatest size of a message, such as `1MiB`. Without it, there is no limit but the server's."),
				"data":                      size("Greatest number of bytes, such as `1GiB`. nats-server does not enforce it. Without it, there is no limit."),
				"disallow_wildcard_exports": claimattr.OptionalFlag("Refuse exports whose subject has a wildcard."),
				"disallow_bearer":           claimattr.OptionalFlag("Refuse users that do not prove that they have their seed (`bearer_token`)."),
			},
		},
		"jetstream":    jetStreamAttribute(),
		"exports":      claimattr.ExportsAttribute(),
		"imports":      claimattr.ImportsAttribute(),
		"signing_keys": signingKeysAttribute(),
		"default_permissions": claimattr.PermissionsAttribute("Subjects that users may publish and subscribe to who have no permissions of their " +
			"own."),
		"mappings": schema.MapNestedAttribute{
			MarkdownDescription: "Where messages go that are published to a subject, by that subject, which may have wildcards.",
			Optional:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"destinations": schema.ListNestedAttribute{
					MarkdownDescription: "The subjects that share the messages.",
					Required:            true, Validators: []validator.List{listvalidator.SizeAtLeast(1)},
					NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
						"subject": schema.StringAttribute{
							MarkdownDescription: "Subject, in which `{{wildcard(1)}}` stands for the first wildcard.",
							Required:            true,
						},
						"weight": schema.Int64Attribute{
							MarkdownDescription: "Share of the messages in percent, from 1 to 100. All of one mapping and cluster come to 100 at most; " +
								"what is missing to that is dropped.",
							Required: true, Validators: []validator.Int64{int64validator.Between(1, 100)},
						},
						"cluster": claimattr.OptionalText("NATS cluster whose publishers are meant. Without it, all."),
					}},
				},
			}},
		},
		"revocations": claimattr.Revocations("Users whose JWTs are refused, by their public key or `*` for all: those that were issued up to the time given. " +
			"Users that are revoked otherwise, as by `nats_user`, do not show here, and stay revoked."),
		"authorization": schema.SingleNestedAttribute{
			MarkdownDescription: "Hands the authentication of the account's users to a service (auth callout).",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"auth_users": schema.ListAttribute{
					MarkdownDescription: "Public keys of the service's own users, who are not handed on.",
					Required:            true, ElementType: types.StringType, Validators: []validator.List{listvalidator.SizeAtLeast(1)},
				},
				"allowed_accounts": schema.ListAttribute{
					MarkdownDescription: "Public keys of accounts that the service may put users into, or `*` alone for all. Without any, this account.",
					Optional:            true, ElementType: types.StringType,
				},
				"xkey": claimattr.OptionalText("Public curve key of the service, which starts with `X`: requests are then encrypted for it."),
			},
		},
		"trace": schema.SingleNestedAttribute{
			MarkdownDescription: "Where traces go of messages whose `traceparent` header asks for them.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"destination": schema.StringAttribute{MarkdownDescription: "Subject that traces are published to, without wildcards.", Required: true},
				"sampling": schema.Int64Attribute{
					MarkdownDescription: "Share of such messages that are traced, in percent, from 1 to 100.",
					Required:            true,
				},
			},
		},
		"cluster_traffic": schema.StringAttribute{
			MarkdownDescription: "Account that the replication traffic of the account's streams counts in: `system`, which is the server's default, or " +
				"`owner`, this one.",
			Optional: true,
		},
	}
}

func (r *accountResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{
				Description:       "Public key of the account.",
				RequiredForImport: true,
			},
		},
	}
}
