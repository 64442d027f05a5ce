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

const schemaText = "Manages a user of an account, as which a client connects, for example the KINE in k3s. The " +
	"provider signs the user locally with a signing key of the account. The servers are not involved.\n\n" +
	"Without `public_key`, the provider generates a key pair, and `credentials` contains its seed: encrypt the state, " +
	"or set `public_key` to a key of your own. The state then contains nothing that is enough to connect, except " +
	"for a user with `bearer_token`. After any change of its permissions or limits, the user is signed again with " +
	"the same key, and the new `credentials` replace the old ones. An unchanged user is not signed again. A change " +
	"of `account` or `public_key` replaces the user.\n\n" +
	"Previous credentials stay valid until they expire or the user is destroyed: a user that loses permissions can " +
	"still connect with the old credentials. A destroy revokes the user in its account, which requires the " +
	"provider's `operator`. Every server then refuses and disconnects the user.\n\n" +
	"A user cannot be imported, because the servers have neither its JWT nor its seed."

// signingKeyText describes the signing seed of the resource and of the ephemeral resource.
const signingKeyText = "Seed, which starts with `SA`, of the key that signs the user: one of the account's " +
	"`signing_keys`, or the account's identity. Defaults to the provider's `accounts.signing_key`, which is a " +
	"signing key of each `nats_account` of the same provider block."

func (r *userResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := sharedAttributes()
	maps.Copy(attributes, signingAttributes())
	maps.Copy(attributes, destroyAttributes(ctx))
	resp.Schema = schema.Schema{MarkdownDescription: schemaText, Attributes: attributes}
}

// sharedAttributes returns the attributes that the ephemeral resource has as well.
func sharedAttributes() map[string]schema.Attribute {
	attributes := claimattr.LimitAttributes()
	maps.Copy(attributes, claimsAttributes())
	maps.Copy(attributes, signedAttributes())
	return attributes
}

// claimsAttributes returns the attributes that make up the claims, except permissions and limits.
func claimsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"account": schema.StringAttribute{
			MarkdownDescription: "Public key of the account, which starts with `A`.",
			Required:            true,
			Validators:          []validator.String{validators.PublicKey(natsconn.AccountKey)},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the user, for people and for server logs. Servers identify the user by " +
				"its public key, and names need not be unique.",
			Required: true,
		},
		"public_key": schema.StringAttribute{
			MarkdownDescription: "Public key of the user, which starts with `U`. If set, the seed stays where the " +
				"key was created, and `credentials` is null. By default the provider generates a key pair.",
			Optional: true, Computed: true,
			Validators: []validator.String{validators.PublicKey(natsconn.UserKey)},
		},
		"tags": schema.SetAttribute{
			MarkdownDescription: "Tags, which templates of scoped signing keys can refer to. They must be in lower " +
				"case.",
			Optional: true, ElementType: types.StringType,
		},
		"audience": schema.StringAttribute{
			MarkdownDescription: "Audience of the JWT. nats-server ignores it.",
			Optional:            true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"not_before": schema.StringAttribute{
			MarkdownDescription: "Time from which the user is valid, such as `2030-01-01T00:00:00Z`.",
			Optional:            true, CustomType: customtype.TimeType{},
		},
		"scoped": schema.BoolAttribute{
			MarkdownDescription: "Whether the signing key is a scoped one. Its template in the account then sets " +
				"the user's permissions and limits, and none can be set here. Servers refuse the user if the value " +
				"does not match the key. Defaults to `false`.",
			Optional: true,
		},
	}
}

// signedAttributes returns the attributes with the results of signing.
func signedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"jwt": schema.StringAttribute{
			MarkdownDescription: "JWT of the user. With `bearer_token` it is enough to connect.",
			Computed:            true, Sensitive: true,
		},
		"jwt_id": schema.StringAttribute{
			MarkdownDescription: "ID of the JWT, a hash of its claims. It is not secret. It changes each time the " +
				"user is signed, and the plan shows the change in advance. Use it for values that must change with " +
				"the user, such as `verification.credentials_wo_version` of a `nats_k3s_datastore_endpoint`.",
			Computed: true,
		},
		"credentials": schema.StringAttribute{
			MarkdownDescription: "Content of a credentials file: the JWT and the seed. Null if `public_key` is set.",
			Computed:            true, Sensitive: true,
		},
		"expires_at": schema.StringAttribute{
			MarkdownDescription: "Time at which the user expires. Null if it does not expire.",
			Computed:            true, CustomType: customtype.TimeType{},
		},
		"issuer": schema.StringAttribute{
			MarkdownDescription: "Public key of the key that signed the user: a signing key of the account, or the " +
				"account's identity.",
			Computed: true,
		},
	}
}

// signingAttributes returns the attributes that determine how the user is signed, and for how long.
func signingAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"expires_in": schema.StringAttribute{
			MarkdownDescription: "Time for which the user can connect after it is signed, such as `720h`. When it " +
				"expires, servers close its connections. Defaults to no expiry.\n\n" +
				"Do not set it for users that run k3s, unless something replaces the credentials file on every node in " +
				"time: k3s stops when its credentials expire. KINE reads the file again whenever it connects, so " +
				"replacing the file is enough.",
			Optional: true, CustomType: customtype.DurationType{},
			Validators: []validator.String{wholeSeconds},
		},
		"rotate_before": schema.StringAttribute{
			MarkdownDescription: "How long before `expires_at` a plan signs the user again, such as `168h`. Must be " +
				"shorter than `expires_in` and longer than the time between two applies. By default a plan signs " +
				"the user again after it has expired.",
			Optional: true, CustomType: customtype.DurationType{},
			Validators: []validator.String{wholeSeconds, stringvalidator.AlsoRequires(path.MatchRoot("expires_in"))},
		},
		"signing_key_seed_wo": schema.StringAttribute{
			MarkdownDescription: signingKeyText + " When `issuer`, the public key of the seed, changes, the user is " +
				"signed again. Write-only: it is never stored.",
			Optional: true, WriteOnly: true, Sensitive: true,
			Validators: []validator.String{validators.Seed(natsconn.AccountKey)},
		},
		"signing_key_seed_wo_version": schema.StringAttribute{
			MarkdownDescription: "Version of `signing_key_seed_wo`: any text. A change of the version signs the " +
				"user again, even with the same key, and even if the seed is not known yet during the plan.",
			Optional: true,
		},
	}
}

// destroyAttributes returns the attributes that concern the destroy of the user.
func destroyAttributes(ctx context.Context) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		revokeAttr: schema.BoolAttribute{
			MarkdownDescription: "Whether to revoke the user in its account when it is destroyed. Servers then " +
				"refuse all JWTs that were signed for its key until then. This requires `signing_key` and " +
				"`system_credentials` in the provider's `operator` block. The plan fails without them. With " +
				"`false`, a destroy only forgets the user, which can connect until its JWT expires. Use this for " +
				"accounts that are managed elsewhere. Takes effect once applied. Defaults to `true`.",
			Optional: true, Computed: true,
			Default: booldefault.StaticBool(true),
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Delete: true, DeleteDescription: fmt.Sprintf("Time limit for revoking the user. Users of one account "+
				"are revoked one after the other, which takes a second each. Defaults to `%s`.", deleteTimeout),
		}),
	}
}

// wholeSeconds refuses durations that a JWT cannot express as times. The attribute's type refuses values that are not a
// duration.
var wholeSeconds = validators.String(`a duration of one or more whole seconds, such as "720h"`, "Invalid Duration", func(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return nil // reported by the type
	case d < time.Second:
		return errors.New("it is shorter than a second")
	case d%time.Second != 0:
		return errors.New("a JWT has whole seconds: remove the fraction")

	}
	return nil
})

func (r *userResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"account":    identityschema.StringAttribute{Description: "Public key of the account.", RequiredForImport: true},
			"public_key": identityschema.StringAttribute{Description: "Public key of the user.", RequiredForImport: true},
		},
	}
}
