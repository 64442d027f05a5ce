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

// walk goes through a configuration and collects what is wrong with it.
type walk struct {
	schema schema
	found  []*tfprotov6.Diagnostic
}

// place is where a value stands in a configuration.
type place struct {
	// at is the attribute that an error is on. An element of a set is on the set, since its own path is the value itself, which may be a
	// secret; so is an element of a map whose key looks like one.
	at *tftypes.AttributePath
	// name is the attribute in words, such as "imports[0].subject".
	name string
	// element is whether the value is an element of a list, set or map.
	element bool
	// inSet is whether the set that the value is an element of stands in for it.
	inSet bool
}

// String names the place at the beginning of a sentence.
func (p place) String() string {
	switch {
	case p.inSet:
		return "An element of " + p.name
	case p.element:
		return "Element " + p.name
	}
	return "Attribute " + p.name
}

// below is an attribute of an object.
func (p place) below(name string) place {
	in := p.name + "."
	if p.name == "" {
		in = ""
	}
	return place{at: p.at.WithAttributeName(name), name: in + name}
}

// value checks a value, which is not that of a configuration as a whole if it stands somewhere.
func (w *walk) value(ctx context.Context, of attr.Type, value tftypes.Value, at *tftypes.AttributePath) {
	w.at(ctx, of, value, place{at: at})
}

func (w *walk) at(ctx context.Context, of attr.Type, value tftypes.Value, in place) {
	switch {
	case value.IsNull():
		if in.element {
			w.add(in, "Null Element", fmt.Sprintf("%s is null. Give it a value, or leave it out: the function compact drops null elements from a list of texts.", in))
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

// keepers is the attribute that holds any texts: only whether they change matters, and the default of a variable may well be one of them.
const keepers = "keepers"

// elements checks those of a list, set or map.
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
					fmt.Sprintf("Attribute %s has an empty key. Give the key a text, or leave the element out.", in.name))
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

// leaf checks a text or a number.
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

// empty refuses an empty text: null is the one way to leave an attribute out, so that an empty variable is not taken for a value.
func (w *walk) empty(ctx context.Context, in place) {
	const summary = "Empty Text"
	required, ok := w.attribute(ctx, in).(interface{ IsRequired() bool })
	switch {
	case in.element:
		w.add(in, summary, fmt.Sprintf("%s is an empty text. Give it a value, or leave the element out.", in))
	case ok && required.IsRequired():
		w.add(in, summary, fmt.Sprintf("%s is an empty text. It needs a value.", in))
	default:
		w.add(in, summary, fmt.Sprintf("%s is an empty text, which is not the same as null. Give it a value, or leave it out or set it to "+
			"null. The default of a variable that stands for it must be null, not \"\".", in))
	}
}

// attribute returns the attribute at a place, nil if there is none.
func (w *walk) attribute(ctx context.Context, in place) any {
	attribute, err := w.schema.config.Schema.AttributeAtTerraformPath(ctx, in.at)
	if err != nil {
		return nil
	}
	return attribute
}

// isInt64 reports whether a number is whole and fits into 64 bits.
func isInt64(number *big.Float) bool {
	_, accuracy := number.Int64()
	return accuracy == big.Exact
}

// wholeNumber describes a number that is not one of the whole numbers that an attribute takes.
func (w *walk) wholeNumber(ctx context.Context, in place, number *big.Float) string {
	text := fmt.Sprintf("%s must be a whole number, and is %s.", in, number.Text('g', 20))
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

// validate has the attribute's type check the value, as the framework does after everything else: what a text means is only looked at
// if it means something. The framework does not validate the types of elements at all.
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
