package attribute

import (
	"fmt"
	"strings"

	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	ephemeral "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	resource "github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// Ephemeral returns the attributes of a resource for the ephemeral resource of the same name. It leaves out write-only
// attributes and their versions, because an ephemeral resource has no state, and defaults and plan modifiers, because
// it has no plan. It panics if an attribute has an unsupported type.
func Ephemeral(of map[string]resource.Attribute) map[string]ephemeral.Attribute {
	return twins(of, ephemeralTwin)
}

// DataSource returns the attributes of a resource as computed attributes for its data source, without write-only
// attributes and their versions. It panics if an attribute has an unsupported type.
func DataSource(of map[string]resource.Attribute) map[string]datasource.Attribute {
	return twins(of, dataTwin)
}

// twins walks over the attributes of a resource and converts each with twin. Nested holds the converted attributes
// inside it.
func twins[A any](
	of map[string]resource.Attribute, twin func(name string, of resource.Attribute, nested map[string]A) A,
) map[string]A {
	all := make(map[string]A, len(of))
	for name, a := range of {
		if a.IsWriteOnly() || isVersion(name, of) {
			continue
		}
		all[name] = twin(name, a, twins(nested(a), twin))
	}
	return all
}

// isVersion reports whether an attribute is the version of a write-only attribute.
func isVersion(name string, of map[string]resource.Attribute) bool {
	secret, ok := strings.CutSuffix(name, "_version")
	return ok && of[secret] != nil && of[secret].IsWriteOnly()
}

// nested returns the attributes inside an attribute.
func nested(a resource.Attribute) map[string]resource.Attribute {
	switch a := a.(type) {
	case resource.SingleNestedAttribute:
		return a.Attributes
	case resource.ListNestedAttribute:
		return a.NestedObject.Attributes
	case resource.MapNestedAttribute:
		return a.NestedObject.Attributes
	}
	return nil
}

// unknownType returns the message of the panic for an attribute of an unsupported type.
func unknownType(name string, a resource.Attribute) string {
	return fmt.Sprintf("attribute %s has the unsupported type %T", name, a)
}

// ephemeralTwin converts an attribute for an ephemeral resource. An attribute with a default is computed in a resource
// only.
func ephemeralTwin(name string, of resource.Attribute, nested map[string]ephemeral.Attribute) ephemeral.Attribute {
	switch a := of.(type) {
	case resource.StringAttribute:
		return ephemeral.StringAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required,
			Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Sensitive: a.Sensitive, CustomType: a.CustomType, Validators: a.Validators}
	case resource.Int64Attribute:
		return ephemeral.Int64Attribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required,
			Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Validators: a.Validators}
	case resource.BoolAttribute:
		return ephemeral.BoolAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Validators: a.Validators}
	case resource.ListAttribute:
		return ephemeral.ListAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, ElementType: a.ElementType, Validators: a.Validators}
	case resource.SetAttribute:
		return ephemeral.SetAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, ElementType: a.ElementType, Validators: a.Validators}
	case resource.MapAttribute:
		return ephemeral.MapAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
			Computed: a.Computed && a.Default == nil, Sensitive: a.Sensitive, ElementType: a.ElementType,
			Validators: a.Validators}
	case resource.SingleNestedAttribute:
		return ephemeral.SingleNestedAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required,
			Optional:   a.Optional,
			Attributes: nested, Validators: a.Validators}
	case resource.ListNestedAttribute:
		return ephemeral.ListNestedAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required,
			Optional:     a.Optional,
			NestedObject: ephemeral.NestedAttributeObject{Attributes: nested}, Validators: a.Validators}
	}
	panic(unknownType(name, of))
}

// dataTwin converts an attribute for a data source.
func dataTwin(name string, of resource.Attribute, nested map[string]datasource.Attribute) datasource.Attribute {
	switch a := of.(type) {
	case resource.StringAttribute:
		return datasource.StringAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
			CustomType: a.CustomType}
	case resource.Int64Attribute:
		return datasource.Int64Attribute{MarkdownDescription: a.MarkdownDescription, Computed: true}
	case resource.BoolAttribute:
		return datasource.BoolAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true}
	case resource.ListAttribute:
		return datasource.ListAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
			ElementType: a.ElementType}
	case resource.SetAttribute:
		return datasource.SetAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, ElementType: a.ElementType}
	case resource.MapAttribute:
		return datasource.MapAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true, ElementType: a.ElementType}
	case resource.SingleNestedAttribute:
		return datasource.SingleNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
			Attributes: nested}
	case resource.ListNestedAttribute:
		return datasource.ListNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
			NestedObject: datasource.NestedAttributeObject{Attributes: nested}}
	case resource.MapNestedAttribute:
		return datasource.MapNestedAttribute{MarkdownDescription: a.MarkdownDescription, Computed: true,
			NestedObject: datasource.NestedAttributeObject{Attributes: nested}}
	}
	panic(unknownType(name, of))
}
