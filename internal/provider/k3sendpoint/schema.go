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
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// what is the resource in messages.
const what = "K3s Datastore Endpoint"

// The values of verify.
const (
	verifyNone     = "none"
	verifyContract = "contract"
	verifyETCD     = "etcd"
)

// notEmpty refuses an empty text, which would count as one that is not there: an empty variable must not make an endpoint
// without a password.
var notEmpty = []validator.String{stringvalidator.LengthAtLeast(1)}

var verifyValidators = []validator.String{stringvalidator.OneOf(verifyNone, verifyContract, verifyETCD)}

// timeoutText describes a timeout, given the operation and the default.
const timeoutText = "How long the check of %s may take, such as `30s` or `2m`. Defaults to `1m`, and to `5m` with `verify = \"etcd\"`."

// Descriptions that stand in the resource and in its ephemeral twin.
const (
	k3sTokenText = "The token that k3s is started with (`--token`). Once a cluster is in the bucket, k3s comes up with its token alone; " +
		"another one is an error here."
	credentialsText     = "Content of the credentials file that k3s will use."
	verificationTLSText = "Defaults to `tls` of the endpoint, whose paths then have to exist on the machine that runs Terraform."
)

// versionText describes the text beside a write-only value.
const versionText = "Any text that is changed together with `%s`, so that the check runs again."

// verifyText describes verify.
const verifyText = "What is checked before the endpoint is given out. `contract` (the default) connects to each server, compares the bucket with " +
	"what KINE would ask for, and tries each permission that KINE needs; it changes nothing. `etcd` does that and then starts KINE " +
	kine.BundledKINE + " itself, in a process of its own, which writes, reads, watches and deletes the key `" + preflight.ReservedKey + "`; what " +
	"stays are that key's delete marker, a new revision of `/registry/health`, as each start of KINE writes it, and three consumers that " +
	"the server removes after five minutes. A check that is cut short may leave the key itself, which the next one removes. KINE is never " +
	"started where the bucket is missing, fenced or a mirror; a bucket that somebody deletes between that look and KINE's start, it would make " +
	"anew. `none` checks nothing on a server. The check runs when the endpoint, the datastore, the version, the token or `verification` changes."

func (r *endpointResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The datastore endpoint that k3s is started with, built from its parts and checked against the bucket that it " +
			"points at. KINE, which k3s reads it with, ignores or misreads much of what a URL can say; whatever it would is an error " +
			"here. Nothing is made on a server: destroying the resource only forgets the endpoint.",
		Attributes: attributes(),
	}
	resp.Schema.Attributes["verified"] = schema.StringAttribute{
		MarkdownDescription: "What was checked last, as in `verify`; null if nothing was.",
		Computed:            true,
	}
	resp.Schema.Attributes["timeouts"] = timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: fmt.Sprintf(timeoutText, "a creation"),
		Update: true, UpdateDescription: fmt.Sprintf(timeoutText, "an update"),
	})
}

// attributes are those that the ephemeral resource has too, but for what is write-only.
func attributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"servers": schema.ListAttribute{
			MarkdownDescription: "Servers that k3s connects to, each `nats://host[:port]`; the port defaults to 4222. Needed unless " +
				"`context_file` is set. Give the certificate authority in `tls` for servers that demand TLS.",
			Optional:    true,
			ElementType: types.StringType,
		},
		"datastore": stream.DatastoreArgument("The bucket: `datastore` of a `nats_kine_bucket`, or an object with at least " +
			"`name`, `history` and `replicas`."),
		"credentials_file": schema.StringAttribute{
			MarkdownDescription: "Absolute path of a credentials file on the node that runs k3s.",
			Optional:            true,
			Validators:          notEmpty,
		},
		"context_file": schema.StringAttribute{
			MarkdownDescription: "Absolute path of a NATS context file on the node that runs k3s. It says servers and credentials. KINE " +
				"ignores its `jetstream_domain`.",
			Optional:   true,
			Validators: notEmpty,
		},
		"user": schema.StringAttribute{
			MarkdownDescription: "User name, together with `password`. Only letters, digits and `-_.~$&+;=` can be used: KINE sends others " +
				"in another form.",
			Optional:   true,
			Validators: notEmpty,
		},
		"password": schema.StringAttribute{
			MarkdownDescription: "Password of `user`, of characters that a URL carries as they are: `A-Za-z0-9-_.~$&+;=`. It is part of `url`.",
			Optional:            true, Sensitive: true,
			Validators: notEmpty,
		},
		"token": schema.StringAttribute{
			MarkdownDescription: "Token, of characters that a URL carries as they are: `A-Za-z0-9-_.~$&+;=`. It is part of `url`.",
			Optional:            true, Sensitive: true,
			Validators: notEmpty,
		},
		"tls": schema.SingleNestedAttribute{
			MarkdownDescription: "Files on the node that runs k3s, which k3s takes beside the URL. A certificate authority makes KINE use TLS.",
			Optional:            true,
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
					MarkdownDescription: "Absolute path of the PEM file of the client certificate's key.",
					Optional:            true,
					Validators:          notEmpty,
				},
			},
		},
		"slow_method": schema.StringAttribute{
			MarkdownDescription: "Time after which KINE logs a call as slow, such as `1s`. KINE's own default is `500ms`.",
			Optional:            true,
			Validators:          []validator.String{validators.PositiveDuration()},
		},
		"k3s_version": schema.StringAttribute{
			MarkdownDescription: "Version of k3s that will run on the endpoint, such as `1.36.2+k3s1`. It tells which KINE that is: up to k3s " +
				"1.34 there are some that live with a bucket that newer ones refuse, which is then a warning and not an error. Without a " +
				"version, or with one that is not known here, KINE is taken for a new one.",
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
			MarkdownDescription: "How the machine that runs Terraform reaches the servers, where that differs from the node. Without " +
				"credentials here or in `user` or `token`, an endpoint with `credentials_file` or `context_file` is checked over the " +
				"provider's own connection, which says nothing of the permissions of k3s.",
			Optional: true,
			Attributes: map[string]schema.Attribute{
				"servers": schema.ListAttribute{
					MarkdownDescription: "URLs of the servers, with the scheme `nats`, `tls`, `ws` or `wss`. Defaults to `servers` of the endpoint.",
					Optional:            true,
					ElementType:         types.StringType,
					Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues(),
						listvalidator.ValueStringsAre(validators.String("the URL of a NATS server", "Invalid Server URL", checkServer))},
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
					MarkdownDescription: fmt.Sprintf(versionText, credentialsWO) + " For a `nats_user` that is its `jwt_id`: another one each time the user " +
						"is signed, be it for other permissions.",
					Optional: true,
					Validators: []validator.String{
						stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("credentials_wo")),
					},
				},
			},
		},
		"url": schema.StringAttribute{
			MarkdownDescription: "The datastore endpoint, for `--datastore-endpoint`. It contains the password or token.",
			Computed:            true, Sensitive: true,
		},
		"url_redacted": schema.StringAttribute{
			MarkdownDescription: "The datastore endpoint without user, password or token.",
			Computed:            true,
		},
		"k3s_config": schema.StringAttribute{
			MarkdownDescription: "The endpoint as a fragment of k3s's `config.yaml`, for a file in `/etc/rancher/k3s/config.yaml.d`.",
			Computed:            true, Sensitive: true,
		},
		"environment": schema.MapAttribute{
			MarkdownDescription: "The endpoint as variables of k3s's environment, `K3S_DATASTORE_ENDPOINT` and, with `tls`, its files.",
			Computed:            true, Sensitive: true,
			ElementType: types.StringType,
		},
		"kine_version": schema.StringAttribute{
			MarkdownDescription: "Version of the KINE that `k3s_version` bundles; null if that is not known.",
			Computed:            true,
		},
	}
}

func (r *endpointResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"url_redacted": identityschema.StringAttribute{
				Description:       "The datastore endpoint without user, password or token.",
				RequiredForImport: true,
			},
		},
	}
}

func checkServer(server string) error {
	_, err := natsconn.ParseServer(server)
	return err
}

func checkToken(token string) error {
	_, err := kine.TokenHash(token)
	return err
}
