package kvmirror

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// kind is the resource in messages.
var kind = stream.Kind{Title: "KV Mirror", Noun: "mirror"}

// ways are what a change of the mirror's source, name, account or domain may be meant for.
var ways = planmodifiers.Ways(kind.Noun, "")

func (r *mirrorResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A mirror of the bucket that KINE stores a k3s cluster in, in another JetStream domain or in another account: " +
			"a copy that follows its source within milliseconds, with the same revisions, and that stays when the source is lost.\n\n" +
			"A mirror is there once it is proven to follow. One that can never work as things are configured is an error within seconds, " +
			"with its likely cause, and leaves nothing behind. A source that cannot be reached later is a warning, since that is " +
			"what the mirror is for.",
		Attributes: map[string]schema.Attribute{
			"source": sourceAttribute(),
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the mirror, and of the bucket that it becomes when it is promoted: letters, digits, dashes and " +
					"underscores, up to 252 characters. Defaults to that of the source's bucket; under another one the keys are renamed on their " +
					"way. It cannot be changed: a plan that does so is an error.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.NameValidator()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), planmodifiers.Immutable(kind.Title, kind.Noun, ways)},
			},
			"account":          stream.AccountAttribute(kind.Title, kind.Noun, ways),
			"jetstream_domain": stream.DomainAttribute(kind.Title, kind.Noun, ways),
			"history": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of revisions kept of each key, from %d to %d: that of the source, which it follows. It has to be "+
					"set where the provider cannot ask the source.", kine.MinHistory, kine.MaxHistory),
				Optional: true, Computed: true,
				Validators: []validator.Int64{int64validator.Between(kine.MinHistory, kine.MaxHistory)},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of servers of a NATS cluster that hold the mirror, from %d to %d, independent of its source's; "+
					"odd numbers make sense, and one server can be lost with 3. Defaults to %d.", kine.MinReplicas, kine.MaxReplicas, kine.DefaultReplicas),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultReplicas),
				Validators: []validator.Int64{int64validator.Between(kine.MinReplicas, kine.MaxReplicas)},
			},
			"placement": stream.PlacementAttribute("Which servers hold the mirror, by `cluster`, `tags` or both. Changing it moves the mirror, which goes on " +
				"following its source. KINE refuses a bucket whose configuration has a placement, so it is set for as long as a creation or " +
				"move takes, and cleared again; removing it leaves the mirror where it is."),
			"deletion_protection": stream.DeletionProtectionAttribute(kind),
			"stream":              stream.NameOfStreamAttribute(kind),
			"cluster":             stream.ClusterAttribute(kind),
			"source_fenced": schema.BoolAttribute{
				MarkdownDescription: "Whether writes to the source are fenced off, as of the last refresh. Null when the source could not be asked.",
				Computed:            true,
			},
			"diverged": schema.BoolAttribute{
				MarkdownDescription: "Whether the mirror and its source have different histories, as of the last refresh: the source's last revision is below the " +
					"mirror's, or a message differs. Such a mirror is no copy of its source. Null when the source could not be asked. A refresh warns of it; a " +
					"`postcondition` makes an error of it.",
				Computed: true,
			},
			"pending": schema.StringAttribute{
				MarkdownDescription: "What was not finished in time, such as bringing the mirror into sync or a move; the next apply waits for it. Null " +
					"when nothing is.",
				Computed: true,
			},
			"contract_violations": stream.DifferencesAttribute("Fields of the stream that were changed behind Terraform's back, so that it is not the mirror that "+
				"it should be. The plan shows them, and an apply repairs what the server can change. Empty when all is well.", "What the mirror needs"),
			"datastore": stream.DatastoreAttribute("What `nats_k3s_datastore_endpoint` needs to know of the mirror. It has the same type as that of a " +
				"bucket, and is not writable: an endpoint refuses it with the reason."),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, CreateDescription: fmt.Sprintf("How long to make the mirror and wait until it has what its source has. What is left "+
					"then is `pending`. Defaults to `%s`.", createTimeout),
				Read: true, ReadDescription: fmt.Sprintf("How long to try to read the mirror. Defaults to `%s`.", stream.ReadTimeout),
				Update: true, UpdateDescription: fmt.Sprintf("How long to change the mirror and wait for a move, for replicas or for what is pending. Defaults "+
					"to `%s`.", stream.UpdateTimeout),
				Delete: true, DeleteDescription: fmt.Sprintf("How long to try to delete the mirror. Defaults to `%s`.", stream.DeleteTimeout),
			}),
		},
	}
}

func sourceAttribute() schema.SingleNestedAttribute {
	fixed := []planmodifier.String{planmodifiers.Immutable(kind.Title, kind.Noun, ways)}
	settledOnceSet := []planmodifier.String{stringplanmodifier.UseStateForUnknown(), planmodifiers.ImmutableOnceSet(kind.Title, kind.Noun, ways)}
	settled := []planmodifier.String{stringplanmodifier.UseStateForUnknown(), planmodifiers.Immutable(kind.Title, kind.Noun, ways)}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The bucket that is mirrored. A server never changes the source of a mirror, so a plan that does is an error. To mirror another bucket " +
			"in place of this one, destroy the mirror first: set `deletion_protection = false` and apply that, apply without the resource, and then with the new source.",
		Required: true,
		Attributes: map[string]schema.Attribute{
			"bucket": schema.StringAttribute{
				MarkdownDescription: "Name of the bucket.",
				Required:            true,
				Validators:          []validator.String{stream.NameValidator()},
				PlanModifiers:       fixed,
			},
			"jetstream_domain": schema.StringAttribute{
				MarkdownDescription: "JetStream domain that the bucket is in: for a bucket in the mirror's account, another one than the mirror's. For one " +
					"in another account, it is where the provider finds it, and defaults to the mirror's.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DomainValidator()},
				PlanModifiers: settledOnceSet,
			},
			"account": schema.StringAttribute{
				MarkdownDescription: "Public key of the account that the bucket is in. Defaults to the mirror's. In another one, the provider works " +
					"with its `accounts.signing_key` to look at the source. Left out beside `api_prefix`, the source is one that the provider cannot ask.",
				Optional: true, Computed: true,
				Validators:    []validator.String{validators.PublicKey(natsconn.AccountKey)},
				PlanModifiers: settledOnceSet,
			},
			"api_prefix": schema.StringAttribute{
				MarkdownDescription: "Subject at which the mirror's account has imported the JetStream API of the source's account, in place of `$JS.API`. " +
					"With `account`, it defaults to what `kine_mirror_imports` gives.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.APIPrefixValidator()},
				PlanModifiers: settled,
			},
			"deliver_prefix": schema.StringAttribute{
				MarkdownDescription: "Subject below which the messages of the source's account come into the mirror's account. With `account`, it defaults to " +
					"what `kine_mirror_imports` gives.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DeliverPrefixValidator()},
				PlanModifiers: settled,
			},
		},
	}
}

func (r *mirrorResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = stream.IdentitySchema(kind.Noun)
}
