package stream

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// DifferencesAttr is the list in which buckets and mirrors show how their stream was changed outside Terraform.
const DifferencesAttr = "contract_violations"

type differenceModel struct {
	Field    types.String `tfsdk:"field"`
	Actual   types.String `tfsdk:"actual"`
	Required types.String `tfsdk:"required"`
}

var differenceType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"field": types.StringType, "actual": types.StringType, "required": types.StringType,
}}

// DifferencesAttribute returns the list as an attribute. required describes the required value of a field.
func DifferencesAttribute(description, required string) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: description,
		Computed:            true,
		NestedObject: schema.NestedAttributeObject{
			Attributes: map[string]schema.Attribute{
				"field": schema.StringAttribute{
					MarkdownDescription: "Name of the field in the JetStream API, such as `max_bytes`; " +
						"`last_message` or `messages` if the messages themselves are wrong.",
					Computed: true,
				},
				"actual": schema.StringAttribute{
					MarkdownDescription: "Value on the server, as JSON, or `unset`.",
					Computed:            true,
				},
				"required": schema.StringAttribute{
					MarkdownDescription: required + ", as JSON, or `unset`.",
					Computed:            true,
				},
			},
		},
	}
}

// NoDifferences returns an empty list.
func NoDifferences() types.List { return types.ListValueMust(differenceType, []attr.Value{}) }

// DifferencesList returns differences as a list.
func DifferencesList(ctx context.Context, differences []kine.Difference) (types.List, diag.Diagnostics) {
	models := make([]differenceModel, len(differences))
	for i, v := range differences {
		models[i] = differenceModel{types.StringValue(v.Field), types.StringValue(v.Actual), types.StringValue(v.Required)}
	}
	return types.ListValueFrom(ctx, differenceType, models)
}

// DifferencesOf returns the differences of a list.
func DifferencesOf(ctx context.Context, list types.List, diags *diag.Diagnostics) []kine.Difference {
	if list.IsNull() || list.IsUnknown() {
		return nil
	}
	var models []differenceModel
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	differences := make([]kine.Difference, len(models))
	for i, v := range models {
		differences[i] = kine.Difference{
			Field: v.Field.ValueString(), Actual: v.Actual.ValueString(), Required: v.Required.ValueString(),
		}
	}
	return differences
}

// Unrepairable returns the differences of a list that an update cannot or must not repair.
func Unrepairable(ctx context.Context, list types.List, diags *diag.Diagnostics) []kine.Difference {
	return slices.DeleteFunc(DifferencesOf(ctx, list, diags), kine.Difference.Repairable)
}

// HasDifference reports whether a list contains a difference in this field.
func HasDifference(ctx context.Context, list types.List, field string, diags *diag.Diagnostics) bool {
	return slices.ContainsFunc(DifferencesOf(ctx, list, diags), func(v kine.Difference) bool { return v.Field == field })
}
