// Package twin makes the attributes of an ephemeral resource of those of the resource that it is the twin of.
package twin

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// Attributes returns the attributes of a resource for an ephemeral one. What is write-only there and the text that goes with it are left
// out: a twin has plain values, and no state to compare them with. Defaults and plan modifiers, which need a plan, are left out too.
// An attribute of a type that no resource with a twin has yet is a bug, and panics.
func Attributes(of map[string]resourceschema.Attribute) map[string]schema.Attribute {
	twins := map[string]schema.Attribute{}
	for name, attribute := range of {
		if strings.Contains(name, "_wo") {
			continue
		}
		twins[name] = attributeOf(name, attribute)
	}
	return twins
}

// attributeOf returns the twin of one attribute. A default makes an attribute of a resource computed, and there are none here.
func attributeOf(name string, attribute resourceschema.Attribute) schema.Attribute {
	switch a := attribute.(type) {
	case resourceschema.StringAttribute:
		return schema.StringAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Sensitive: a.Sensitive, CustomType: a.CustomType, Validators: a.Validators}
	case resourceschema.Int64Attribute:
		return schema.Int64Attribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Validators: a.Validators}
	case resourceschema.BoolAttribute:
		return schema.BoolAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Validators: a.Validators}
	case resourceschema.ListAttribute:
		return schema.ListAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, ElementType: a.ElementType, Validators: a.Validators}
	case resourceschema.SetAttribute:
		return schema.SetAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, ElementType: a.ElementType, Validators: a.Validators}
	case resourceschema.MapAttribute:
		return schema.MapAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Sensitive: a.Sensitive, ElementType: a.ElementType, Validators: a.Validators}
	case resourceschema.SingleNestedAttribute:
		return schema.SingleNestedAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Attributes: Attributes(a.Attributes), Validators: a.Validators}
	case resourceschema.ListNestedAttribute:
		return schema.ListNestedAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			NestedObject: schema.NestedAttributeObject{Attributes: Attributes(a.NestedObject.Attributes)}, Validators: a.Validators}
	}
	panic(fmt.Sprintf("attribute %s is of the type %T, which no ephemeral resource knows", name, attribute))
}
