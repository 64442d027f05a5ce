package account

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// dataTwin returns the attributes of a resource for a data source: all of them are read.
func dataTwin(attributes map[string]resourceschema.Attribute) map[string]schema.Attribute {
	twin := map[string]schema.Attribute{}
	for name, attribute := range attributes {
		switch a := attribute.(type) {
		case resourceschema.StringAttribute:
			twin[name] = schema.StringAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, CustomType: a.CustomType}
		case resourceschema.Int64Attribute:
			twin[name] = schema.Int64Attribute{MarkdownDescription: a.MarkdownDescription, Computed: true}
		case resourceschema.BoolAttribute:
			twin[name] = schema.BoolAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true}
		case resourceschema.ListAttribute:
			twin[name] = schema.ListAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, ElementType: a.ElementType}
		case resourceschema.SetAttribute:
			twin[name] = schema.SetAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, ElementType: a.ElementType}
		case resourceschema.MapAttribute:
			twin[name] = schema.MapAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, ElementType: a.ElementType}
		case resourceschema.SingleNestedAttribute:
			twin[name] = schema.SingleNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, Attributes: dataTwin(a.Attributes)}
		case resourceschema.ListNestedAttribute:
			twin[name] = schema.ListNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
				NestedObject: schema.NestedAttributeObject{Attributes: dataTwin(a.NestedObject.Attributes)}}
		case resourceschema.MapNestedAttribute:
			twin[name] = schema.MapNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
				NestedObject: schema.NestedAttributeObject{Attributes: dataTwin(a.NestedObject.Attributes)}}
		default:
			panic(fmt.Sprintf("attribute %s is of a type that the data source does not know", name))
		}
	}
	return twin
}
