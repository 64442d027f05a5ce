package input

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// walk walks over a configuration and collects errors.
type walk struct {
	schema schema
	found  []*tfprotov6.Diagnostic
}

// place is the location of a value in a configuration.
type place struct {
	// at is the attribute path of errors. An error on a set element has the path of the set, because the path of the
	// element contains its value, which may be a secret. The same applies to a map element whose key looks like a secret.
	at *tftypes.AttributePath
	// name is the attribute in text form, for example "imports[0].subject".
	name string
	// element is true for an element of a list, set or map.
	element bool
	// inSet is true for a set element that at and name do not include.
	inSet bool
}

// String returns the beginning of a sentence about the place.
func (p place) String() string {
	switch {
	case p.inSet:
		return "An element of " + p.name
	case p.element:
		return "Element " + p.name
	}
	return "Attribute " + p.name
}

// below returns the place of an attribute of an object.
func (p place) below(name string) place {
	in := p.name + "."
	if p.name == "" {
		in = ""
	}
	return place{at: p.at.WithAttributeName(name), name: in + name}
}

// value checks the value at a path. An empty path is the whole configuration.
func (w *walk) value(ctx context.Context, of attr.Type, value tftypes.Value, at *tftypes.AttributePath) {
	w.at(ctx, of, value, place{at: at})
}

func (w *walk) at(ctx context.Context, of attr.Type, value tftypes.Value, in place) {
	switch {
	case value.IsNull():
		if in.element {
			w.add(in, "Null Element",
				fmt.Sprintf("%s is null. Set it to a value or remove it. The function compact removes null elements "+
					"from a list of strings.", in))
		}
		return
	case !value.IsKnown():
		return
	}
	switch of := of.(type) {
	case attr.TypeWithAttributeTypes:
		var attributes map[string]tftypes.Value
		if value.As(&attributes) != nil {
			return
		}
		var names []string // of what is not null, which is little of most configurations
		for name, attribute := range attributes {
			if !attribute.IsNull() {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		types := of.AttributeTypes()
		for _, name := range names {
			if attribute, ok := types[name]; ok {
				w.at(ctx, attribute, attributes[name], in.below(name))
			}
		}
	case attr.TypeWithElementType:
		w.elements(ctx, of.ElementType(), value, in)
	default:
		w.leaf(ctx, of, value, in)
	}
}

// keepers is an attribute whose values have no meaning other than a change. They may be null or empty, for example as
// defaults of variables.
const keepers = "keepers"

// elements checks the elements of a list, set or map.
func (w *walk) elements(ctx context.Context, of attr.Type, value tftypes.Value, in place) {
	if in.at.Equal(tftypes.NewAttributePath().WithAttributeName(keepers)) {
		return
	}
	if value.Type().Is(tftypes.Map{}) {
		var entries map[string]tftypes.Value
		if value.As(&entries) != nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if key == "" {
				w.add(place{at: in.at.WithElementKeyString("")}, "Empty Key",
					fmt.Sprintf("Attribute %s has an empty key. Set the key or remove the element.", in.name))
				continue
			}
			at := place{at: in.at.WithElementKeyString(key), name: secret.Sprintf("%s[%q]", in.name, key), element: true}
			if secret.What(key) != "" {
				at.at = in.at
			}
			w.at(ctx, of, entries[key], at)
		}
		return
	}
	var elements []tftypes.Value
	if value.As(&elements) != nil {
		return
	}
	for i, element := range elements {
		at := place{at: in.at.WithElementKeyInt(i), name: fmt.Sprintf("%s[%d]", in.name, i), element: true}
		if value.Type().Is(tftypes.Set{}) {
			at.at, at.name, at.inSet = in.at, in.name, true
		}
		w.at(ctx, of, element, at)
	}
}

// leaf checks a string or a number.
func (w *walk) leaf(ctx context.Context, of attr.Type, value tftypes.Value, in place) {
	switch {
	case value.Type().Is(tftypes.String):
		var text string
		if value.As(&text) == nil && text == "" {
			w.empty(ctx, in)
			return
		}
	case value.Type().Is(tftypes.Number):
		var number big.Float
		if _, whole := of.(basetypes.Int64Typable); whole && value.As(&number) == nil && !isInt64(&number) {
			w.add(in, "Not a Whole Number", w.wholeNumber(ctx, in, &number))
			return
		}
	}
	w.validate(ctx, of, value, in)
}

// empty rejects an empty string. Only null leaves an attribute out, so that an empty variable is not mistaken for a
// value.
func (w *walk) empty(ctx context.Context, in place) {
	const summary = "Empty String"
	required, ok := w.attribute(ctx, in).(interface{ IsRequired() bool })
	switch {
	case in.element:
		w.add(in, summary, fmt.Sprintf("%s is an empty string. Set it to a value or remove the element.", in))
	case ok && required.IsRequired():
		w.add(in, summary, fmt.Sprintf("%s is an empty string. It must have a value.", in))
	default:
		w.add(in, summary,
			fmt.Sprintf("%s is an empty string, which is not the same as null. Set it to a value, leave it out or set it "+
				"to null. If it is set from a variable, the default of the variable must be null, not \"\".", in))
	}
}

// attribute returns the attribute at a place, or nil.
func (w *walk) attribute(ctx context.Context, in place) any {
	attribute, err := w.schema.config.Schema.AttributeAtTerraformPath(ctx, in.at)
	if err != nil {
		return nil
	}
	return attribute
}

// isInt64 reports whether a number is an integer of at most 64 bits.
func isInt64(number *big.Float) bool {
	_, accuracy := number.Int64()
	return accuracy == big.Exact
}

// wholeNumber returns the detail of an error for a number that is not an integer or is out of range.
func (w *walk) wholeNumber(ctx context.Context, in place, number *big.Float) string {
	text := fmt.Sprintf("%s must be a whole number, got: %s.", in, number.Text('g', 20))
	if number.IsInt() {
		text = fmt.Sprintf("%s is %s, which is out of range.", in, number.Text('g', 20))
	}
	if checked, ok := w.attribute(ctx, in).(interface{ Int64Validators() []validator.Int64 }); ok {
		for _, v := range checked.Int64Validators() {
			description := v.Description(ctx)
			if description != "" {
				text += " " + strings.ToUpper(description[:1]) + description[1:] + "."
			}
		}
	}
	return text
}

// validate validates the value with the attribute's type. The framework does this only after all other checks, and not
// at all for elements.
func (w *walk) validate(ctx context.Context, of attr.Type, value tftypes.Value, in place) {
	read, err := of.ValueFromTerraform(ctx, value)
	if err != nil {
		return
	}
	checked, ok := read.(xattr.ValidateableAttribute)
	if !ok {
		return
	}
	var resp xattr.ValidateAttributeResponse
	checked.ValidateAttribute(ctx, xattr.ValidateAttributeRequest{Path: attribute.Path(in.at)}, &resp)
	for _, d := range resp.Diagnostics.Errors() {
		w.add(in, d.Summary(), d.Detail())
	}
}

func (w *walk) add(in place, summary, detail string) {
	w.found = append(w.found, &tfprotov6.Diagnostic{
		Severity: tfprotov6.DiagnosticSeverityError, Summary: summary, Detail: detail, Attribute: in.at,
	})
}
