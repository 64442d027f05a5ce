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

// The names of the resource in messages.
const (
	what = "Account"
	noun = "account"
)

// limit returns an optional number that defaults to no limit.
func limit(description string) schema.Int64Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: description + " Defaults to no limit.",
		Optional:            true,
	}
}

// size returns an optional number of bytes.
func size(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description,
		Optional:            true, CustomType: customtype.ByteSizeType{},
		Validators: checks,
	}
}

func (r *accountResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages an account: an isolated part of a NATS system in operator mode, with its own " +
			"users, subjects, streams and limits. The provider signs the account with the operator's signing key " +
			"from its `operator` block, pushes it to the servers' resolver, and checks that every server has " +
			"it.\n\n" +
			"Without `public_key`, the provider generates an identity and discards its seed immediately: only " +
			"`signing_keys` sign users, so the state contains no secret. The resource covers all claims of an " +
			"account. A change of any claim is pushed in place. Revocations that others add to the account, such as " +
			"`nats_user` on destroy, are kept.",
		Attributes: claimsAttributes(),
	}
	maps.Copy(resp.Schema.Attributes, map[string]schema.Attribute{
		providerKeysAttr: schema.SetAttribute{
			MarkdownDescription: "Public keys of the signing keys that the account has in addition to " +
				"`signing_keys`, so that the provider can work in it. They come from `accounts` in the provider " +
				"configuration. The system account, which `operator.system_credentials` belong to, gets none. While " +
				"`system_credentials` are not set, create the system account with a provider block without " +
				"`accounts`.",
			Computed: true, ElementType: types.StringType,
		},
		"push": schema.BoolAttribute{
			MarkdownDescription: "Whether to push the account to the servers. `false` only signs it, for servers " +
				"with a memory resolver, whose configuration contains `jwt`, and for sites that Terraform cannot " +
				"reach. Defaults to `true`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"deletion_protection": schema.BoolAttribute{
			MarkdownDescription: "Whether to refuse every plan that would destroy or replace the account. To lift " +
				"the protection, set it to `false` and apply that first. Defaults to `true`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"force_destroy": schema.BoolAttribute{
			MarkdownDescription: "Whether to delete the account's streams and all their data when the account is " +
				"destroyed. Otherwise a destroy is refused while the account has streams. Takes effect once " +
				"applied, and does not lift `deletion_protection`. Defaults to `false`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(false),
		},
		"jwt": schema.StringAttribute{
			MarkdownDescription: "JWT of the account, as signed last. It is not secret.",
			Computed:            true,
		},
		"issuer": schema.StringAttribute{
			MarkdownDescription: "Public key of the operator or of the operator's signing key that signed the " +
				"account. When the provider's signing key changes, the account is signed again.",
			Computed: true,
		},
		"pending": schema.StringAttribute{
			MarkdownDescription: "Description of what is not complete on all servers yet, for example because a " +
				"server was down. The next apply continues with it. Null if everything is complete.",
			Computed: true,
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: fmt.Sprintf("Time limit for signing and pushing the account. Defaults "+
				"to `%s`.", createTimeout),
			Read: true, ReadDescription: fmt.Sprintf("Time limit for looking up the account. Defaults to `%s`.",
				readTimeout),
			Update: true, UpdateDescription: fmt.Sprintf("Time limit for signing and pushing the account. Defaults "+
				"to `%s`.", updateTimeout),
			Delete: true, DeleteDescription: fmt.Sprintf("Time limit for deleting the account and, with "+
				"`force_destroy`, its streams. Defaults to `%s`.",
				deleteTimeout),
		}),
	})
}

// claimsAttributes returns the attributes that make up the claims. [claims.Account.Problems] finds invalid claims.
// Validators here refuse only values that cannot be converted to a claim.
func claimsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the account, for people. Servers identify the account by its public key, " +
				"and names need not be unique. The plan of a new `nats_account` warns if another account already " +
				"has the name.",
			Required: true,
		},
		"public_key": schema.StringAttribute{
			MarkdownDescription: "Identity of the account: a public key that starts with `A`. By default the " +
				"provider generates one and discards its seed. It cannot be changed: an account with another " +
				"identity is a different account.",
			Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{
				stringplanmodifier.UseStateForUnknown(),
				planmodifiers.Immutable(what, noun, planmodifiers.Ways(noun, "")),
			},
		},
		"description": claimattr.OptionalText("Purpose of the account."),
		"info_url":    claimattr.OptionalText("Absolute URL with more information."),
		"tags": schema.SetAttribute{
			MarkdownDescription: "Tags. They must be in lower case.",
			Optional:            true, ElementType: types.StringType,
		},
		"audience": claimattr.OptionalText("Audience of the JWT. nats-server ignores it."),
		"not_before": schema.StringAttribute{
			MarkdownDescription: "Time from which the account is valid, such as `2026-01-01T00:00:00Z`.",
			Optional:            true, CustomType: customtype.TimeType{},
		},
		"expires_at": schema.StringAttribute{
			MarkdownDescription: "Time at which the account expires, such as `2030-01-01T00:00:00Z`. The servers " +
				"then close all of its connections. Defaults to no expiry.",
			Optional: true, CustomType: customtype.TimeType{},
		},
		"limits": schema.SingleNestedAttribute{
			MarkdownDescription: "Limits of the account other than those of JetStream.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"connections":   limit("Maximum number of client connections."),
				"leaf_nodes":    limit("Maximum number of leaf node connections."),
				"subscriptions": limit("Maximum number of subscriptions."),
				"imports":       limit("Maximum number of imports."),
				"exports":       limit("Maximum number of exports."),
				"payload": size("Maximum size of a message, such as `1MiB`. Defaults to the " +
					"server's limit."),
				"data": size("Maximum number of bytes, such as `1GiB`. nats-server does not " +
					"enforce it. Defaults to no limit."),
				"disallow_wildcard_exports": claimattr.OptionalFlag("Whether to refuse exports whose subject contains a wildcard."),
				"disallow_bearer": claimattr.OptionalFlag("Whether to refuse users with `bearer_token`, which do not prove " +
					"that they have their seed."),
			},
		},
		"jetstream":    jetStreamAttribute(),
		"exports":      claimattr.ExportsAttribute(),
		"imports":      claimattr.ImportsAttribute(),
		"signing_keys": signingKeysAttribute(),
		"default_permissions": claimattr.PermissionsAttribute("Permissions of users that do not have permissions of " +
			"their own."),
		"mappings": schema.MapNestedAttribute{
			MarkdownDescription: "Subject mappings: where messages published to a subject are delivered. The map " +
				"key is the subject, which can contain wildcards.",
			Optional: true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"destinations": schema.ListNestedAttribute{
					MarkdownDescription: "Subjects that the messages are distributed to.",
					Required:            true, Validators: []validator.List{listvalidator.SizeAtLeast(1)},
					NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
						"subject": schema.StringAttribute{
							MarkdownDescription: "Destination subject. `{{wildcard(1)}}` is replaced by what the " +
								"first wildcard matched.",
							Required: true,
						},
						"weight": schema.Int64Attribute{
							MarkdownDescription: "Share of the messages in percent, from 1 to 100. The weights of a " +
								"mapping must not add up to more than 100 per cluster. If they add up to less, the " +
								"remaining messages are dropped.",
							Required: true, Validators: []validator.Int64{int64validator.Between(1, 100)},
						},
						"cluster": claimattr.OptionalText("NATS cluster whose publishers the destination applies to. Defaults to all " +
							"clusters."),
					}},
				},
			}},
		},
		"revocations": claimattr.Revocations("Revoked users: a map from a user's public key, or `*` for all users, to a " +
			"time. Servers refuse JWTs of the user that were issued up to that time. Users that are revoked by other " +
			"means, such as `nats_user`, are not shown here and stay revoked."),
		"authorization": schema.SingleNestedAttribute{
			MarkdownDescription: "Delegates the authentication of the account's users to a service (auth callout).",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"auth_users": schema.ListAttribute{
					MarkdownDescription: "Public keys of the service's own users, which the servers authenticate " +
						"themselves.",
					Required: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.SizeAtLeast(1)},
				},
				"allowed_accounts": schema.ListAttribute{
					MarkdownDescription: "Public keys of the accounts that the service can assign users to, or only " +
						"`*` for all accounts. Defaults to this account.",
					Optional: true, ElementType: types.StringType,
				},
				"xkey": claimattr.OptionalText("Public curve key of the service, which starts with `X`. If set, requests to the " +
					"service are encrypted for it."),
			},
		},
		"trace": schema.SingleNestedAttribute{
			MarkdownDescription: "Message tracing for messages whose `traceparent` header requests it.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"destination": schema.StringAttribute{
					MarkdownDescription: "Subject to which traces are published. It cannot contain wildcards.",
					Required:            true,
				},
				"sampling": schema.Int64Attribute{
					MarkdownDescription: "Share of these messages to trace, in percent, from 1 to 100.",
					Required:            true,
				},
			},
		},
		"cluster_traffic": schema.StringAttribute{
			MarkdownDescription: "Account that carries the replication traffic of the account's streams: `system`, " +
				"the system account, or `owner`, this account. Defaults to `system`.",
			Optional: true,
		},
	}
}

func (r *accountResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"public_key": identityschema.StringAttribute{
				Description:       "Public key of the account.",
				RequiredForImport: true,
			},
		},
	}
}
