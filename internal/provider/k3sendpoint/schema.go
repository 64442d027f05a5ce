package k3sendpoint

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// what names the resource in messages.
const what = "K3s Datastore Endpoint"

// Values of verify.
const (
	verifyNone     = "none"
	verifyContract = "contract"
	verifyETCD     = "etcd"
)

// notEmpty refuses an empty string, which would be treated as unset: an empty variable must not result in an endpoint
// without a password.
var notEmpty = []validator.String{stringvalidator.LengthAtLeast(1)}

var verifyValidators = []validator.String{stringvalidator.OneOf(verifyNone, verifyContract, verifyETCD)}

// timeoutText describes a timeout, given the operation and the default.
const timeoutText = "Maximum time for the verification during %s, such as `30s` or `2m`. Defaults to `1m`, and to " +
	"`5m` with `verify = \"etcd\"`."

// Descriptions that the resource and the ephemeral resource share.
const (
	k3sTokenText = "Token that k3s is started with (`--token`). Once the bucket contains a cluster, k3s starts only " +
		"with the token of that cluster; any other token is an error."
	credentialsText     = "Content of the credentials file that k3s will use."
	verificationTLSText = "TLS settings of the verification. Defaults to `tls` of the endpoint, whose paths must " +
		"then exist on the machine that runs Terraform."
)

// versionText describes the version of a write-only value.
const versionText = "Any string that changes together with `%s`, so that the verification runs again."

// verifyText describes verify.
const verifyText = "What to verify before the endpoint is returned. `contract` connects to each server, compares the " +
	"bucket with the settings that KINE requires, and tries each permission that KINE needs; it changes nothing. " +
	"`etcd` does the same and then starts KINE " + kine.BundledKINE + " in a separate process, which writes, reads, " +
	"watches and deletes the key `" + preflight.ReservedKey + "`. It leaves the delete marker of that key, a new " +
	"revision of `/registry/health`, which KINE writes at each start, and three consumers, which the server removes " +
	"after five minutes. An interrupted verification may leave the key, which the next one removes. KINE is never " +
	"started if the bucket is missing, fenced or a mirror. If another client deletes the bucket between this check " +
	"and the start, KINE creates it again. `none` verifies nothing on a server. The verification runs when the " +
	"endpoint, the datastore, the version, the token or `verification` changes. Defaults to `contract`."

func (r *endpointResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Datastore endpoint that k3s is started with, built from its parts and compared with " +
			"the bucket that it points to. KINE ignores or misinterprets many parts of a URL; each of them is an " +
			"error here. The resource creates nothing on a server, and destroying it only removes the endpoint from " +
			"the state.",
		Attributes: attributes(),
	}
	resp.Schema.Attributes["verified"] = schema.StringAttribute{
		MarkdownDescription: "Value of `verify` at the last verification; null if nothing was verified.",
		Computed:            true,
	}
	resp.Schema.Attributes["timeouts"] = timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: fmt.Sprintf(timeoutText, "a creation"),
		Update: true, UpdateDescription: fmt.Sprintf(timeoutText, "an update"),
	})
}

// attributes returns the attributes that the resource and the ephemeral resource share, including the write-only ones,
// which the ephemeral resource replaces.
func attributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"servers": schema.ListAttribute{
			MarkdownDescription: "Servers that k3s connects to, each `nats://host[:port]`; the port defaults to " +
				"4222. Required unless `context_file` is set. If the servers require TLS, set the certificate " +
				"authority in `tls`.",
			Optional:    true,
			ElementType: types.StringType,
		},
		"datastore": stream.DatastoreArgument("Bucket of the endpoint: `datastore` of a `nats_kine_bucket`, or an " +
			"object with at least `name`, `history` and `replicas`."),
		"credentials_file": schema.StringAttribute{
			MarkdownDescription: "Absolute path of a credentials file on the node that runs k3s.",
			Optional:            true,
			Validators:          notEmpty,
		},
		"context_file": schema.StringAttribute{
			MarkdownDescription: "Absolute path of a NATS context file on the node that runs k3s. It contains the " +
				"servers and the credentials. KINE ignores its `jetstream_domain`.",
			Optional:   true,
			Validators: notEmpty,
		},
		"user": schema.StringAttribute{
			MarkdownDescription: "User name, together with `password`. Only letters, digits and `-_.~$&+;=` are " +
				"allowed: KINE sends other characters in another form.",
			Optional:   true,
			Validators: notEmpty,
		},
		"password": schema.StringAttribute{
			MarkdownDescription: "Password of `user`. Only characters that a URL does not escape are allowed: " +
				"`A-Za-z0-9-_.~$&+;=`. It is part of `url`.",
			Optional: true, Sensitive: true,
			Validators: notEmpty,
		},
		"token": schema.StringAttribute{
			MarkdownDescription: "Token of the connection. Only characters that a URL does not escape are " +
				"allowed: `A-Za-z0-9-_.~$&+;=`. It is part of `url`.",
			Optional: true, Sensitive: true,
			Validators: notEmpty,
		},
		"tls": schema.SingleNestedAttribute{
			MarkdownDescription: "Files on the node that runs k3s, which k3s accepts in addition to the URL. With a " +
				"certificate authority, KINE uses TLS.",
			Optional: true,
			Attributes: map[string]schema.Attribute{
				"ca_file": schema.StringAttribute{
					MarkdownDescription: "Absolute path of the PEM file of the certificate authorities.",
					Optional:            true,
					Validators:          notEmpty,
				},
				"cert_file": schema.StringAttribute{
					MarkdownDescription: "Absolute path of the PEM file of the client certificate, together with `key_file`.",
					Optional:            true,
					Validators:          notEmpty,
				},
				"key_file": schema.StringAttribute{
					MarkdownDescription: "Absolute path of the PEM file of the key of the client certificate.",
					Optional:            true,
					Validators:          notEmpty,
				},
			},
		},
		"slow_method": schema.StringAttribute{
			MarkdownDescription: "Time after which KINE logs a call as slow, such as `1s`. Defaults to KINE's " +
				"default, `500ms`.",
			Optional:   true,
			Validators: []validator.String{validators.PositiveDuration()},
		},
		"k3s_version": schema.StringAttribute{
			MarkdownDescription: "Version of k3s that will use the endpoint, such as `1.36.2+k3s1`. It determines " +
				"the version of KINE: some versions of k3s up to 1.34 bundle a KINE that accepts buckets that newer " +
				"versions refuse, which is then a warning and not an error. If the version is omitted or unknown to " +
				"the provider, the verification assumes a new KINE.",
			Optional:   true,
			Validators: append(slices.Clip(notEmpty), validators.Text()),
		},
		"k3s_token_wo": schema.StringAttribute{
			MarkdownDescription: k3sTokenText + " Write-only: it is never stored.",
			Optional:            true, WriteOnly: true, Sensitive: true,
			Validators: []validator.String{
				validators.WithVersion(),
				validators.String("a k3s token", "Invalid K3s Token", checkToken),
			},
		},
		"k3s_token_wo_version": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf(versionText, "k3s_token_wo"),
			Optional:            true,
			Validators:          []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("k3s_token_wo"))},
		},
		"verify": schema.StringAttribute{
			MarkdownDescription: verifyText,
			Optional:            true, Computed: true,
			Default:    stringdefault.StaticString(verifyContract),
			Validators: verifyValidators,
		},
		"verification": schema.SingleNestedAttribute{
			MarkdownDescription: "How the machine that runs Terraform connects to the servers, if that differs from " +
				"the node. Without credentials here or in `user` or `token`, an endpoint with `credentials_file` or " +
				"`context_file` is verified over the provider's own connection, which does not verify the " +
				"permissions of k3s.",
			Optional: true,
			Attributes: map[string]schema.Attribute{
				"servers": schema.ListAttribute{
					MarkdownDescription: "URLs of the servers, with the scheme `nats`, `tls`, `ws` or `wss`. Defaults to `servers` " +
						"of the endpoint.",
					Optional:    true,
					ElementType: types.StringType,
					Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues(),
						listvalidator.ValueStringsAre(validators.Server())},
				},
				"tls": schema.SingleNestedAttribute{
					MarkdownDescription: verificationTLSText,
					Optional:            true,
					Attributes:          tlsconfig.ResourceAttributes(),
				},
				"credentials_wo": schema.StringAttribute{
					MarkdownDescription: credentialsText + " Write-only: it is never stored.",
					Optional:            true, WriteOnly: true, Sensitive: true,
					Validators: []validator.String{
						validators.WithVersion(),
						validators.Credentials(),
					},
				},
				"credentials_wo_version": schema.StringAttribute{
					MarkdownDescription: fmt.Sprintf(versionText, credentialsWO) + " For a `nats_user`, use its " +
						"`jwt_id`, which changes each time the user is signed, for example with other permissions.",
					Optional: true,
					Validators: []validator.String{
						stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("credentials_wo")),
					},
				},
			},
		},
		"url": schema.StringAttribute{
			MarkdownDescription: "Datastore endpoint, for `--datastore-endpoint`. It contains the password or token.",
			Computed:            true, Sensitive: true,
		},
		"url_redacted": schema.StringAttribute{
			MarkdownDescription: "Datastore endpoint without user, password or token.",
			Computed:            true,
		},
		"k3s_config": schema.StringAttribute{
			MarkdownDescription: "Endpoint as a fragment of the `config.yaml` of k3s, for a file in " +
				"`/etc/rancher/k3s/config.yaml.d`.",
			Computed: true, Sensitive: true,
		},
		"environment": schema.MapAttribute{
			MarkdownDescription: "Endpoint as environment variables of k3s: `K3S_DATASTORE_ENDPOINT` and, with " +
				"`tls`, the variables for its files.",
			Computed: true, Sensitive: true,
			ElementType: types.StringType,
		},
		"kine_version": schema.StringAttribute{
			MarkdownDescription: "Version of KINE that `k3s_version` bundles; null if it is unknown.",
			Computed:            true,
		},
	}
}

func (r *endpointResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"url_redacted": identityschema.StringAttribute{
				Description:       "Datastore endpoint without user, password or token.",
				RequiredForImport: true,
			},
		},
	}
}

func checkToken(token string) error {
	_, err := kine.TokenHash(token)
	return err
}
