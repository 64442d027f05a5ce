package user

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

const schemaText = "A user of an account: what a client, such as the KINE in k3s, connects as. It is signed here, with a signing key of the " +
	"account; no server has to be told of it.\n\n" +
	"Without a `public_key` a key pair is generated, and `credentials` holds its seed: encrypt the state, or bring your own key. Then nothing " +
	"that is enough to connect is here, unless it is a `bearer_token`. Any change of what the user may do is signed anew under the same key, " +
	"so that the new `credentials` take the place of the old ones; an unchanged user is not signed again. Another `account` or `public_key` " +
	"means another user: it is replaced.\n\n" +
	"What was signed before stays valid until it expires or the user is destroyed: a user who loses permissions can connect with the old " +
	"credentials. A destroy revokes the user in its account, which takes the provider's `operator`; every server then refuses and " +
	"disconnects it.\n\n" +
	"A user cannot be imported: neither its JWT nor its seed is on any server."

// signingKeyText describes the seed that signs, here and in the ephemeral resource.
const signingKeyText = "Seed of a key pair that the account has among its `signing_keys`, or of its identity; it starts with `SA`. The user is " +
	"signed with it. Without it, the provider's `accounts.signing_key` signs, which each `nats_account` of the same provider block has."

func (r *userResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := sharedAttributes()
	maps.Copy(attributes, signingAttributes())
	maps.Copy(attributes, destroyAttributes(ctx))
	resp.Schema = schema.Schema{MarkdownDescription: schemaText, Attributes: attributes}
}

// sharedAttributes are those that the ephemeral resource has too.
func sharedAttributes() map[string]schema.Attribute {
	attributes := claimattr.LimitAttributes()
	maps.Copy(attributes, claimsAttributes())
	maps.Copy(attributes, signedAttributes())
	return attributes
}

// claimsAttributes are those that make up the claims, beside what the user may do.
func claimsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"account": schema.StringAttribute{
			MarkdownDescription: "Public key of the account, which starts with `A`.",
			Required:            true,
			Validators:          []validator.String{validators.PublicKey(natsconn.AccountKey)},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the user, for people and for the servers' logs: the servers know it by its public key, and names need not " +
				"differ.",
			Required: true,
		},
		"public_key": schema.StringAttribute{
			MarkdownDescription: "Public key of the user, which starts with `U`. Without it, a key pair is generated. With it, the seed stays where the " +
				"key was made, and `credentials` is null.",
			Optional: true, Computed: true,
			Validators: []validator.String{validators.PublicKey(natsconn.UserKey)},
		},
		"tags": schema.SetAttribute{
			MarkdownDescription: "Tags, in lower case, which templates of scoped signing keys can refer to.",
			Optional:            true, ElementType: types.StringType,
		},
		"audience": schema.StringAttribute{
			MarkdownDescription: "Audience in the JWT, which nats-server does not look at.",
			Optional:            true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"not_before": schema.StringAttribute{
			MarkdownDescription: "Time from which on the user counts, such as `2030-01-01T00:00:00Z`.",
			Optional:            true, CustomType: customtype.TimeType{},
		},
		"scoped": schema.BoolAttribute{
			MarkdownDescription: "The signing key is a scoped one, whose template in the account says what the user may do: no permissions and limits " +
				"can be set here. It has to fit the key, or servers refuse the user. Defaults to `false`.",
			Optional: true,
		},
	}
}

// signedAttributes are what comes of signing.
func signedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"jwt": schema.StringAttribute{
			MarkdownDescription: "The user's JWT. With `bearer_token` it is enough to connect.",
			Computed:            true, Sensitive: true,
		},
		"jwt_id": schema.StringAttribute{
			MarkdownDescription: "ID of the JWT, a hash of its claims, which is not secret. It changes each time the user is signed, and the plan shows " +
				"that in advance. Use it where something has to follow the user, such as `verification.credentials_wo_version` of a " +
				"`nats_k3s_datastore_endpoint`.",
			Computed: true,
		},
		"credentials": schema.StringAttribute{
			MarkdownDescription: "Content of a credentials file: the JWT and the seed. Null if `public_key` is set.",
			Computed:            true, Sensitive: true,
		},
		"expires_at": schema.StringAttribute{
			MarkdownDescription: "Time at which the user expires. Null if it never does.",
			Computed:            true, CustomType: customtype.TimeType{},
		},
		"issuer": schema.StringAttribute{
			MarkdownDescription: "Public key of what signed the user: a signing key of the account, or its identity.",
			Computed:            true,
		},
	}
}

// signingAttributes are how the user is signed, and for how long.
func signingAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"expires_in": schema.StringAttribute{
			MarkdownDescription: "How long the user can connect after it was signed, such as `720h`; at the end, servers cut its connections. Without it, " +
				"for ever.\n\n" +
				"For users that run k3s, leave it out, unless something replaces the credentials file on every node in time: k3s stops when its " +
				"credentials expire. KINE reads the file again whenever it connects, so that replacing it is enough.",
			Optional: true, CustomType: customtype.DurationType{},
			Validators: []validator.String{wholeSeconds},
		},
		"rotate_before": schema.StringAttribute{
			MarkdownDescription: "How long before `expires_at` a plan has the user signed anew, such as `168h`. It has to be shorter than `expires_in`, and " +
				"longer than the time between two applies. Without it, a plan does that once the user has expired.",
			Optional: true, CustomType: customtype.DurationType{},
			Validators: []validator.String{wholeSeconds, stringvalidator.AlsoRequires(path.MatchRoot("expires_in"))},
		},
		"signing_key_seed_wo": schema.StringAttribute{
			MarkdownDescription: signingKeyText + " Another key is noticed by its public half, `issuer`, and has the user signed anew. Write-only: it is " +
				"never stored.",
			Optional: true, WriteOnly: true, Sensitive: true,
			Validators: []validator.String{validators.Seed(natsconn.AccountKey)},
		},
		"signing_key_seed_wo_version": schema.StringAttribute{
			MarkdownDescription: "Version of `signing_key_seed_wo`: any text. Changing it has the user signed anew, also with the same key, and also " +
				"where the seed is not known yet when the plan is made.",
			Optional: true,
		},
	}
}

// destroyAttributes are what becomes of the user in the end.
func destroyAttributes(ctx context.Context) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		revokeAttr: schema.BoolAttribute{
			MarkdownDescription: "Revoke the user in its account when it is destroyed: all that was signed for its key until then is refused. That takes the " +
				"provider's `operator`, signing key and system account's user, without which the plan fails. With `false`, a destroy only forgets the " +
				"user, who can connect until the JWT expires: for accounts that are managed elsewhere. Defaults to `true`. It counts once it is applied.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Delete: true, DeleteDescription: fmt.Sprintf("How long to revoke the user. Users of one account are revoked one after the other, each in a "+
				"second of its own. Defaults to `%s`.", deleteTimeout),
		}),
	}
}

// wholeSeconds is for durations that end up as times in a JWT. What is no duration at all, the attribute's type refuses.
var wholeSeconds = validators.String(`a duration of one or more whole seconds, such as "720h"`, "Invalid Duration", func(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return nil // told by the type
	case d < time.Second:
		return errors.New("it is shorter than a second")
	case d%time.Second != 0:
		return errors.New("a JWT has whole seconds: leave the fraction out")
	}
	return nil
})

func (r *userResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"account":    identityschema.StringAttribute{Description: "Public key of the account.", RequiredForImport: true},
			"public_key": identityschema.StringAttribute{Description: "Public key of the user.", RequiredForImport: true},
		},
	}
}
