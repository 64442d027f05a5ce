package stream

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// PlacementAttr is the attribute with which buckets and mirrors choose the servers that hold them. KINE refuses a
// bucket whose configuration has a placement, so the server has it only during a creation or move. The state keeps the
// requested placement.
const PlacementAttr = "placement"

// placementTypes are the types of the object's attributes.
var placementTypes = map[string]attr.Type{
	"cluster": types.StringType,
	"tags":    types.SetType{ElemType: types.StringType},
}

// placement is the object as a struct.
type placement struct {
	Cluster types.String `tfsdk:"cluster"`
	Tags    types.Set    `tfsdk:"tags"`
}

// object returns the placement as a Terraform object.
func (p placement) object() types.Object {
	return types.ObjectValueMust(placementTypes, map[string]attr.Value{"cluster": p.Cluster, "tags": p.Tags})
}

// PlacementAttribute returns the placement attribute of a bucket or a mirror.
func PlacementAttribute(description string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: description,
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "Name of the NATS cluster.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1), validators.Text()},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Tags that a server must have, such as `region:eu`. All of them are required.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1),
					setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1), validators.Text())},
			},
		},
	}
}

// ValidatePlacement refuses a placement with neither cluster nor tags.
func ValidatePlacement(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	if object.IsNull() || object.IsUnknown() {
		return
	}
	var p placement
	if attribute.Decode(ctx, object, &p); p.Cluster.IsNull() && p.Tags.IsNull() {
		diags.AddAttributeError(path.Root(PlacementAttr), "Invalid Attribute Combination",
			"A placement requires cluster, tags or both. Remove placement to let the servers choose.")
	}
}

// PlacementOf returns the placement, or nil if it is null or unknown.
func PlacementOf(ctx context.Context, object types.Object, diags *diag.Diagnostics) *kine.Placement {
	if object.IsNull() || object.IsUnknown() {
		return nil
	}
	var m placement
	attribute.Decode(ctx, object, &m)
	place := &kine.Placement{Cluster: m.Cluster.ValueString()}
	diags.Append(m.Tags.ElementsAs(ctx, &place.Tags, false)...)
	slices.Sort(place.Tags)
	return place
}

// Moves reports whether a planned placement requests servers other than those that hold the stream. before is the
// placement of the last apply, cluster the cluster that holds the stream.
func Moves(ctx context.Context, planned, before types.Object, cluster types.String, diags *diag.Diagnostics) bool {
	if planned.IsNull() || planned.Equal(before) {
		return false
	}
	if planned.IsUnknown() {
		return true
	}
	var p placement
	if attribute.Decode(ctx, planned, &p); p.Cluster.IsUnknown() || p.Tags.IsUnknown() {
		return true
	}
	wanted, was := PlacementOf(ctx, planned, diags), PlacementOf(ctx, before, diags)
	if was == nil {
		was = &kine.Placement{}
	}
	sameTags := len(wanted.Tags) == 0 || slices.Equal(wanted.Tags, was.Tags)
	sameCluster := wanted.Cluster == "" || wanted.Cluster == cluster.ValueString()
	return !sameTags || !sameCluster
}

// FoundPlacement returns the placement after a refresh. If it names a cluster, it gets the cluster that holds the
// stream, so that the next plan shows a stream that was moved outside Terraform.
func FoundPlacement(
	ctx context.Context, object types.Object, cluster types.String, diags *diag.Diagnostics,
) types.Object {
	place := PlacementOf(ctx, object, diags)
	if place == nil || place.Cluster == "" || place.Cluster == cluster.ValueString() {
		return object
	}
	var p placement
	attribute.Decode(ctx, object, &p)
	p.Cluster = cluster
	return p.object()
}

// WithoutPlacement removes the difference caused by a placement that the provider has set and not cleared yet.
func WithoutPlacement(differences []kine.Difference) []kine.Difference {
	return slices.DeleteFunc(differences, func(v kine.Difference) bool { return v.Field == PlacementAttr })
}
