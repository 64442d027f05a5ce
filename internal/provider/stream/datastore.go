package stream

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// Datastore is the object with which buckets and mirrors describe themselves to an endpoint. Both have the same type,
// so that either can be used in a conditional expression.
type Datastore struct {
	Name            types.String `tfsdk:"name"`
	History         types.Int64  `tfsdk:"history"`
	Replicas        types.Int64  `tfsdk:"replicas"`
	Account         types.String `tfsdk:"account"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	Writable        types.Bool   `tfsdk:"writable"`
	Reason          types.String `tfsdk:"reason"`
}

// datastoreTypes are the types of the object's attributes.
var datastoreTypes = map[string]attr.Type{
	"name":             types.StringType,
	"history":          types.Int64Type,
	"replicas":         types.Int64Type,
	"account":          types.StringType,
	"jetstream_domain": types.StringType,
	"writable":         types.BoolType,
	"reason":           types.StringType,
}

// DatastoreOf decodes the object. The fields of an unknown object are unknown.
func DatastoreOf(ctx context.Context, object types.Object) Datastore {
	if object.IsUnknown() {
		text, number := types.StringUnknown(), types.Int64Unknown()
		return Datastore{text, number, number, text, text, types.BoolUnknown(), text}
	}
	var d Datastore
	attribute.Decode(ctx, object, &d)
	return d
}

// Object returns the model as a Terraform object.
func (m Datastore) Object() types.Object {
	return types.ObjectValueMust(datastoreTypes, map[string]attr.Value{
		"name": m.Name, "history": m.History, "replicas": m.Replicas, "account": m.Account,
		"jetstream_domain": m.JetStreamDomain, "writable": m.Writable, "reason": m.Reason,
	})
}

const (
	nameText     = "Name of the bucket."
	historyText  = "Number of revisions that the bucket keeps of each key."
	replicasText = "Number of servers that hold the bucket."
	accountText  = "Public key of the account that the bucket is in; null for the account of the provider's own " +
		"credentials if they do not name it."
	domainText   = "JetStream domain that the bucket is in; null if its servers have none."
	writableText = "Whether KINE can write to the bucket."
	reasonText   = "Reason why the bucket is not writable; null if it is writable."
)

// DatastoreAttribute returns the object as a computed attribute of a bucket or mirror.
func DatastoreAttribute(description string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: description,
		Computed:            true,
		Attributes: map[string]schema.Attribute{
			"name":             schema.StringAttribute{MarkdownDescription: nameText, Computed: true},
			"history":          schema.Int64Attribute{MarkdownDescription: historyText, Computed: true},
			"replicas":         schema.Int64Attribute{MarkdownDescription: replicasText, Computed: true},
			"account":          schema.StringAttribute{MarkdownDescription: accountText, Computed: true},
			"jetstream_domain": schema.StringAttribute{MarkdownDescription: domainText, Computed: true},
			"writable":         schema.BoolAttribute{MarkdownDescription: writableText, Computed: true},
			"reason":           schema.StringAttribute{MarkdownDescription: reasonText, Computed: true},
		},
	}
}

// DatastoreArgument returns the object as an argument of an endpoint. Name, history and replicas are required, so that
// a misspelt attribute of an object literal is an error and not a default.
func DatastoreArgument(description string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: description,
		Required:            true,
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: nameText,
				Required:            true,
				Validators: []validator.String{validators.String("the name of a bucket", "Invalid Bucket Name",
					kine.CheckBucket)},
			},
			"history": schema.Int64Attribute{
				MarkdownDescription: historyText + " From 2 to 64.",
				Required:            true,
				Validators:          []validator.Int64{int64validator.Between(kine.MinHistory, kine.MaxHistory)},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: replicasText + " From 1 to 5.",
				Required:            true,
				Validators:          []validator.Int64{int64validator.Between(kine.MinReplicas, kine.MaxReplicas)},
			},
			"account": schema.StringAttribute{
				MarkdownDescription: accountText,
				Optional:            true,
				Validators:          []validator.String{validators.PublicKey(natsconn.AccountKey)},
			},
			"jetstream_domain": schema.StringAttribute{
				MarkdownDescription: domainText,
				Optional:            true,
				Validators: []validator.String{validators.String("the name of a JetStream domain", "Invalid JetStream Domain",
					natsconn.CheckDomain)},
			},
			"writable": schema.BoolAttribute{
				MarkdownDescription: writableText + " `false` is an error that shows the reason. Null is treated as `true`.",
				Optional:            true,
			},
			"reason": schema.StringAttribute{MarkdownDescription: reasonText, Optional: true},
		},
	}
}
