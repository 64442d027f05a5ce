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

// kind names the resource in messages.
var kind = stream.Kind{Title: "KV Mirror", Noun: "mirror"}

// ways describes alternatives to a change of the mirror's source, name, account or domain.
var ways = planmodifiers.Ways(kind.Noun, "")

func (r *mirrorResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Mirror, in another JetStream domain or account, of the bucket in which KINE stores a " +
			"k3s cluster: a copy that follows its source within milliseconds, has the same revisions, and remains if " +
			"the source is lost.\n\nThe creation is complete once the mirror follows its source. If the " +
			"configuration cannot work, the creation fails within seconds with the likely cause, and leaves nothing " +
			"behind. A source that becomes unreachable later is a warning and not an error, because the mirror " +
			"exists for that case.",
		Attributes: map[string]schema.Attribute{
			"source": sourceAttribute(),
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the mirror, and of the bucket that it becomes when it is promoted: up " +
					"to 252 letters, digits, dashes and underscores. If it differs from the name of the source, the " +
					"keys are renamed as they are copied. It cannot be changed: a plan that does so is an error. " +
					"Defaults to the name of the source.",
				Optional: true, Computed: true,
				Validators: []validator.String{stream.NameValidator()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(),
					planmodifiers.Immutable(kind.Title, kind.Noun, ways)},
			},
			"account":          stream.AccountAttribute(kind.Title, kind.Noun, ways),
			"jetstream_domain": stream.DomainAttribute(kind.Title, kind.Noun, ways),
			"history": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of revisions kept of each key, from %d to %d. It must be "+
					"the same as for the source. Required if the provider cannot query the source. Defaults to the "+
					"history of the source, and follows its changes.", kine.MinHistory, kine.MaxHistory),
				Optional: true, Computed: true,
				Validators: []validator.Int64{int64validator.Between(kine.MinHistory, kine.MaxHistory)},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of servers of a NATS cluster that hold the mirror, from %d "+
					"to %d, independent of the source. Odd numbers are recommended; with 3, one server can fail. "+
					"Defaults to `%d`.", kine.MinReplicas, kine.MaxReplicas, kine.DefaultReplicas),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultReplicas),
				Validators: []validator.Int64{int64validator.Between(kine.MinReplicas, kine.MaxReplicas)},
			},
			"placement": stream.PlacementAttribute("Servers that hold the mirror, chosen by `cluster`, `tags` or " +
				"both. Changing it moves the mirror, which continues to follow its source. KINE refuses a bucket " +
				"whose configuration has a placement, so the placement is set only during a creation or move, and " +
				"then cleared. Removing it leaves the mirror where it is."),
			"deletion_protection": stream.DeletionProtectionAttribute(kind),
			"stream":              stream.NameOfStreamAttribute(kind),
			"cluster":             stream.ClusterAttribute(kind),
			promotedAttr:          promotedAttribute(),
			promotionAttr:         promotionAttribute(),
			bumpAttr:              bumpAttribute(),
			"source_fenced": schema.BoolAttribute{
				MarkdownDescription: "Whether the source is fenced, as of the last refresh. Null if the source could " +
					"not be queried.",
				Computed: true,
			},
			"diverged": schema.BoolAttribute{
				MarkdownDescription: "Whether the mirror and its source have different histories, as of the last " +
					"refresh: the last revision of the source is below the last revision of the mirror, or a message " +
					"differs. Such a mirror is not a copy of its source. A refresh warns of it; use a " +
					"`postcondition` to turn the warning into an error. Null if the source could not be queried.",
				Computed: true,
			},
			"pending": schema.StringAttribute{
				MarkdownDescription: "Operation that the server did not finish in time, such as the first copy or a " +
					"move; the next apply waits for it. Null if nothing is pending.",
				Computed: true,
			},
			"contract_violations": stream.DifferencesAttribute("Fields of the stream that were changed outside "+
				"Terraform and keep the mirror from working or from becoming a bucket for KINE. The plan shows them, "+
				"and an apply repairs those that the server can change. Empty if the mirror meets the contract.",
				"Value that the mirror requires"),
			"datastore": stream.DatastoreAttribute("Attributes of the mirror for `nats_k3s_datastore_endpoint`. The " +
				"object has the same type as the `datastore` of a bucket. A mirror is not writable: an endpoint " +
				"refuses it with the reason."),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, CreateDescription: fmt.Sprintf("Maximum time to create the mirror and copy the data of "+
					"its source. Defaults to `%s`. A copy that is not finished by then is `pending`, and the next "+
					"apply continues it.", createTimeout),
				Read: true, ReadDescription: fmt.Sprintf(
					"Maximum time to read the mirror. Defaults to `%s`.", stream.ReadTimeout),
				Update: true, UpdateDescription: fmt.Sprintf("Maximum time to change the mirror and wait for a move, "+
					"for replicas or for a pending operation. Defaults to `%s`.", stream.UpdateTimeout),
				Delete: true, DeleteDescription: fmt.Sprintf(
					"Maximum time to delete the mirror. Defaults to `%s`.", stream.DeleteTimeout),
			}),
		},
	}
}

func sourceAttribute() schema.SingleNestedAttribute {
	fixed := []planmodifier.String{planmodifiers.Immutable(kind.Title, kind.Noun, ways)}
	settledOnceSet := []planmodifier.String{stringplanmodifier.UseStateForUnknown(),
		planmodifiers.ImmutableOnceSet(kind.Title, kind.Noun, ways)}
	settled := []planmodifier.String{stringplanmodifier.UseStateForUnknown(),
		planmodifiers.Immutable(kind.Title, kind.Noun, ways)}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Bucket to mirror. A server never changes the source of a mirror, so a plan that " +
			"changes it is an error. To mirror another bucket instead, destroy the mirror first: set " +
			"`deletion_protection = false` and apply, remove the resource and apply, then add it with the new source " +
			"and apply.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"bucket": schema.StringAttribute{
				MarkdownDescription: "Name of the bucket.",
				Required:            true,
				Validators:          []validator.String{stream.NameValidator()},
				PlanModifiers:       fixed,
			},
			"jetstream_domain": schema.StringAttribute{
				MarkdownDescription: "JetStream domain of the source. A source in the account of the mirror must be " +
					"in a different domain from the mirror. For a source in another account, it is the domain in " +
					"which the provider queries the source, and defaults to the domain of the mirror.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DomainValidator()},
				PlanModifiers: settledOnceSet,
			},
			"account": schema.StringAttribute{
				MarkdownDescription: "Public key of the account of the source. In another account than the mirror's, " +
					"the provider uses its `accounts.signing_key` to query the source. If omitted while `api_prefix` " +
					"is set, the provider cannot query the source. Otherwise, it defaults to the account of the " +
					"mirror.",
				Optional: true, Computed: true,
				Validators:    []validator.String{validators.PublicKey(natsconn.AccountKey)},
				PlanModifiers: settledOnceSet,
			},
			"api_prefix": schema.StringAttribute{
				MarkdownDescription: "Subject under which the account of the mirror imports the JetStream API of the " +
					"source's account, instead of `$JS.API`. With `account`, it defaults to the subject that " +
					"`kine_mirror_imports` returns.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.APIPrefixValidator()},
				PlanModifiers: settled,
			},
			"deliver_prefix": schema.StringAttribute{
				MarkdownDescription: "Subject prefix under which messages of the source's account arrive in the " +
					"account of the mirror. With `account`, it defaults to the prefix that `kine_mirror_imports` " +
					"returns.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DeliverPrefixValidator()},
				PlanModifiers: settled,
			},
		},
	}
}

func (r *mirrorResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = stream.IdentitySchema(kind.Noun)
}
