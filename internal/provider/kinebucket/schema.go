package kinebucket

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// kind names the resource in messages.
var kind = stream.Kind{Title: "Kine Bucket", Noun: "bucket"}

// ways describes alternatives to a change of the bucket's name, account or domain.
var ways = planmodifiers.Ways(kind.Noun,
	". With "+restoreAttr+" it starts as a copy of this bucket, in another JetStream domain or account")

func (r *bucketResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "JetStream bucket in which KINE stores a k3s cluster, with exactly the settings that " +
			"KINE accepts. KINE refuses to start on a bucket that differs in any field, and creates a new, empty " +
			"bucket if none exists. `history` and `replicas` change in place; every k3s that uses the bucket must " +
			"then be restarted with the new URL of the endpoint.\n\n" +
			"Losing the bucket means losing the Kubernetes cluster, so the bucket is protected against deletion by " +
			"default. Its `name`, `account` and `jetstream_domain` identify the bucket: a plan that changes one " +
			"of them is an error, never a replacement, with or without protection.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Name of the bucket: up to 252 letters, digits, dashes and "+
					"underscores. It cannot be changed: a plan that does so is an error. Defaults to `%s`, as in "+
					"KINE.", kine.DefaultBucket),
				Optional: true, Computed: true,
				Default:       stringdefault.StaticString(kine.DefaultBucket),
				Validators:    []validator.String{stream.NameValidator()},
				PlanModifiers: []planmodifier.String{planmodifiers.Immutable(kind.Title, kind.Noun, ways)},
			},
			"account":          stream.AccountAttribute(kind.Title, kind.Noun, ways),
			"jetstream_domain": stream.DomainAttribute(kind.Title, kind.Noun, ways),
			"history": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of revisions kept of each key, from %d to %d. A watch or "+
					"list of an older revision fails, so a busy cluster needs more. Defaults to `%d`, as in KINE.",
					kine.MinHistory, kine.MaxHistory, kine.DefaultHistory),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultHistory),
				Validators: []validator.Int64{int64validator.Between(kine.MinHistory, kine.MaxHistory)},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of servers of a NATS cluster that hold the bucket, from %d "+
					"to %d. Odd numbers are recommended; with 3, one server can fail. Defaults to `%d`, as in KINE.",
					kine.MinReplicas, kine.MaxReplicas, kine.DefaultReplicas),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultReplicas),
				Validators: []validator.Int64{int64validator.Between(kine.MinReplicas, kine.MaxReplicas)},
			},
			"placement": stream.PlacementAttribute("Servers that hold the bucket, chosen by `cluster`, `tags` or " +
				"both. Changing it moves the bucket, during which KINE's watches and revision stand still for about " +
				"ten seconds: schedule it as maintenance. KINE refuses a bucket whose configuration has a " +
				"placement, so the placement is set only during a creation or move, and then cleared. Removing it " +
				"leaves the bucket where it is."),
			restoreAttr: restoreAttribute(),
			"fenced": schema.BoolAttribute{
				MarkdownDescription: "Whether the bucket is fenced. `true` fences the bucket: KINE's writes fail " +
					"from then on and KINE does not start, while all data in the bucket remains. `false` lifts the " +
					"fence. If omitted, the fence stays unchanged.",
				Optional: true, Computed: true,
				PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()},
			},
			"force_unfence": schema.BoolAttribute{
				MarkdownDescription: "Whether to lift a fence even if a promoted successor of the bucket is known, " +
					"which leaves two writable copies of one Kubernetes cluster. Defaults to `false`.",
				Optional: true, Computed: true,
				Default: booldefault.StaticBool(false),
			},
			"deletion_protection": stream.DeletionProtectionAttribute(kind),
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Whether to delete the bucket even while KINE is attached to it. It takes " +
					"effect once it is applied, and does not lift `deletion_protection`. Defaults to `false`.",
				Optional: true, Computed: true,
				Default: booldefault.StaticBool(false),
			},
			"stream":  stream.NameOfStreamAttribute(kind),
			"cluster": stream.ClusterAttribute(kind),
			"pending": schema.StringAttribute{
				MarkdownDescription: "Operation that the server did not finish in time, such as a move; the next " +
					"apply waits for it. Null if nothing is pending.",
				Computed: true,
			},
			"contract_violations": stream.DifferencesAttribute("Fields of the stream that were changed outside "+
				"Terraform and keep KINE from starting. The plan shows them, and an apply repairs them. Empty if "+
				"the bucket meets the contract.", "Value that KINE requires"),
			"datastore": stream.DatastoreAttribute("Attributes of the bucket for `nats_k3s_datastore_endpoint`. The " +
				"object has the same type as the `datastore` of a mirror."),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, CreateDescription: fmt.Sprintf("Maximum time to create the bucket and wait for its "+
					"placement. Defaults to `%s`, and with `%s` to `%s`. A restore that is not finished by then is "+
					"`pending`, and the next apply continues it.",
					createTimeout, restoreAttr, restoreTimeout),
				Read: true, ReadDescription: fmt.Sprintf("Maximum time to read the bucket. Defaults to `%s`.", stream.ReadTimeout),
				Update: true, UpdateDescription: fmt.Sprintf(
					"Maximum time to change the bucket and wait for a move or for replicas. Defaults to `%s`.", stream.UpdateTimeout),
				Delete:            true,
				DeleteDescription: fmt.Sprintf("Maximum time to delete the bucket. Defaults to `%s`.", stream.DeleteTimeout),
			}),
		},
	}
}

func (r *bucketResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = stream.IdentitySchema(kind.Noun)
}
