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

// kind is the resource in messages.
var kind = stream.Kind{Title: "Kine Bucket", Noun: "bucket"}

// ways are what a change of the bucket's name, account or domain may be meant for.
var ways = planmodifiers.Ways(kind.Noun, ". With "+restoreAttr+" it begins as a copy of this one, in another JetStream domain or account")

func (r *bucketResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The JetStream bucket that KINE stores a k3s cluster in, with exactly the settings that KINE " +
			"accepts: KINE refuses to start on a bucket that differs from them in any field, and makes a new, empty one where " +
			"it finds none. A change of `history` or `replicas` is made in place; every k3s on the bucket then has to be " +
			"restarted with the endpoint's new URL.\n\n" +
			"Losing the bucket is losing the Kubernetes cluster, so it is protected against deletion by default. Its `name`, `account` and " +
			"`jetstream_domain` say which bucket it is: a plan that changes one of them is an error, never a replacement, with and without protection.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Name of the bucket: letters, digits, dashes and underscores, up to 252 characters. "+
					"Defaults to `%s`, as in KINE. It cannot be changed: a plan that does so is an error.", kine.DefaultBucket),
				Optional: true, Computed: true,
				Default:       stringdefault.StaticString(kine.DefaultBucket),
				Validators:    []validator.String{stream.NameValidator()},
				PlanModifiers: []planmodifier.String{planmodifiers.Immutable(kind.Title, kind.Noun, ways)},
			},
			"account":          stream.AccountAttribute(kind.Title, kind.Noun, ways),
			"jetstream_domain": stream.DomainAttribute(kind.Title, kind.Noun, ways),
			"history": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of revisions kept of each key, from %d to %d. Defaults to %d, as in KINE. "+
					"A watch or list of an older revision than that fails, so a busy cluster is better off with more.",
					kine.MinHistory, kine.MaxHistory, kine.DefaultHistory),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultHistory),
				Validators: []validator.Int64{int64validator.Between(kine.MinHistory, kine.MaxHistory)},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of servers of a NATS cluster that hold the bucket, from %d to %d; odd numbers "+
					"make sense, and one server can be lost with 3. Defaults to %d, as in KINE.",
					kine.MinReplicas, kine.MaxReplicas, kine.DefaultReplicas),
				Optional: true, Computed: true,
				Default:    int64default.StaticInt64(kine.DefaultReplicas),
				Validators: []validator.Int64{int64validator.Between(kine.MinReplicas, kine.MaxReplicas)},
			},
			"placement": stream.PlacementAttribute("Which servers hold the bucket, by `cluster`, `tags` or both. Changing it moves the bucket, during " +
				"which KINE's watches and revision stand still for about ten seconds: a planned maintenance. KINE refuses a bucket " +
				"whose configuration has a placement, so it is set for as long as a creation or move takes, and cleared again; " +
				"removing it leaves the bucket where it is."),
			restoreAttr: restoreAttribute(),
			"fenced": schema.BoolAttribute{
				MarkdownDescription: "Whether writes are fenced off. `true` fences the bucket: KINE's writes fail from then on and it " +
					"does not start, while everything in the bucket stays. `false` lifts a fence. Left out, the bucket stays as it is.",
				Optional: true, Computed: true,
				PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()},
			},
			"force_unfence": schema.BoolAttribute{
				MarkdownDescription: "Lift a fence although a promoted successor of the bucket is known, which leaves two writable " +
					"copies of one Kubernetes cluster. Defaults to `false`.",
				Optional: true, Computed: true,
				Default: booldefault.StaticBool(false),
			},
			"deletion_protection": stream.DeletionProtectionAttribute(kind),
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Delete the bucket even while KINE is attached to it. Defaults to `false`. It counts once it is " +
					"applied, and does not lift `deletion_protection`.",
				Optional: true, Computed: true,
				Default: booldefault.StaticBool(false),
			},
			"stream":  stream.NameOfStreamAttribute(kind),
			"cluster": stream.ClusterAttribute(kind),
			"pending": schema.StringAttribute{
				MarkdownDescription: "What the server had not finished in time, such as a move; the next apply waits for it. Null when " +
					"nothing is.",
				Computed: true,
			},
			"contract_violations": stream.DifferencesAttribute("Fields of the stream that were changed behind Terraform's back so that KINE would not "+
				"start. The plan shows them, and an apply repairs them. Empty when the bucket is as it should be.", "What KINE needs"),
			"datastore": stream.DatastoreAttribute("What `nats_k3s_datastore_endpoint` needs to know of the bucket. " +
				"It has the same type as that of a mirror."),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, CreateDescription: fmt.Sprintf("How long to make the bucket and wait for its placement. Defaults to `%s`, and with `%s` to "+
					"`%s`: what is not copied by then is `pending`, and the next apply goes on.", createTimeout, restoreAttr, restoreTimeout),
				Read: true, ReadDescription: fmt.Sprintf("How long to try to read the bucket. Defaults to `%s`.", stream.ReadTimeout),
				Update: true, UpdateDescription: fmt.Sprintf("How long to change the bucket and wait for a move or for replicas. Defaults to `%s`.", stream.UpdateTimeout),
				Delete: true, DeleteDescription: fmt.Sprintf("How long to try to delete the bucket. Defaults to `%s`.", stream.DeleteTimeout),
			}),
		},
	}
}

func (r *bucketResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = stream.IdentitySchema(kind.Noun)
}
