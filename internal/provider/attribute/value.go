package attribute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
)

// Fields are the attributes of an object as plain Go values: see [Value].
type Fields map[string]any

// OrNil returns nil if no field says anything, so that the object is null.
func (f Fields) OrNil() Fields {
	for _, field := range f {
		if !says(field) {
			continue
		}
		return f
	}
	return nil
}

func says(field any) bool {
	switch field := field.(type) {
	case nil:
		return false
	case Fields:
		return field != nil
	case *int64:
		return field != nil
	case string:
		return field != ""
	case bool:
		return field
	case time.Time:
		return !field.IsZero()
	case time.Duration:
		return field != 0
	case []string:
		return len(field) > 0
	case []Fields:
		return len(field) > 0
	case map[string]Fields:
		return len(field) > 0
	case map[string]time.Time:
		return len(field) > 0
	}
	return true
}

// Text returns a text, null for an empty one.
func Text(text string) basetypes.StringValue {
	if text == "" {
		return basetypes.NewStringNull()
	}
	return basetypes.NewStringValue(text)
}

// Value makes a value of a type out of a plain Go value: a string, bool, int, int64 or *int64, [time.Time], [time.Duration],
// [Fields], or a slice or map of those. What says nothing (an empty text, false, a zero time, a nil pointer) becomes null; a
// number is never null. A Go value that does not fit the type is a bug, and panics.
func Value(ctx context.Context, of attr.Type, from any) attr.Value {
	null := !says(from)
	switch of := of.(type) {
	case basetypes.ObjectType:
		fields, _ := from.(Fields)
		if null {
			return basetypes.NewObjectNull(of.AttrTypes)
		}
		values := map[string]attr.Value{}
		for name, attributeType := range of.AttrTypes {
			values[name] = Value(ctx, attributeType, fields[name])
		}
		return basetypes.NewObjectValueMust(of.AttrTypes, values)
	case basetypes.ListType:
		if null {
			return basetypes.NewListNull(of.ElemType)
		}
		return basetypes.NewListValueMust(of.ElemType, elementsOf(ctx, of.ElemType, from))
	case basetypes.SetType:
		if null {
			return basetypes.NewSetNull(of.ElemType)
		}
		return basetypes.NewSetValueMust(of.ElemType, elementsOf(ctx, of.ElemType, from))
	case basetypes.MapType:
		if null {
			return basetypes.NewMapNull(of.ElemType)
		}
		return basetypes.NewMapValueMust(of.ElemType, entriesOf(ctx, of.ElemType, from))
	case basetypes.BoolType:
		if null {
			return basetypes.NewBoolNull()
		}
		return basetypes.NewBoolValue(true)
	case basetypes.Int64Type:
		if null {
			return basetypes.NewInt64Null()
		}
		return basetypes.NewInt64Value(number(from))
	case basetypes.StringTypable:
		text := basetypes.NewStringNull()
		if !null {
			text = basetypes.NewStringValue(textOf(from))
		}
		value, diags := of.ValueFromString(ctx, text)
		if diags.HasError() {
			panic(fmt.Sprintf("%v does not fit %s: %v", from, of, diags))
		}
		return value
	}
	panic(fmt.Sprintf("no value of the type %s is made of %T", of, from))
}

func number(from any) int64 {
	switch n := from.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case *int64:
		return *n
	}
	panic(fmt.Sprintf("%T is no number", from))
}

func textOf(from any) string {
	switch from := from.(type) {
	case string:
		return from
	case time.Time:
		return from.UTC().Format(time.RFC3339)
	case time.Duration:
		return from.String()
	case *int64:
		return bytesize.Format(*from)
	}
	panic(fmt.Sprintf("%T is no text", from))
}

func elementsOf(ctx context.Context, of attr.Type, from any) []attr.Value {
	var elements []attr.Value
	switch from := from.(type) {
	case []string:
		for _, element := range from {
			elements = append(elements, Value(ctx, of, element))
		}
	case []Fields:
		for _, element := range from {
			elements = append(elements, Value(ctx, of, element))
		}
	default:
		panic(fmt.Sprintf("%T is no list", from))
	}
	return elements
}

func entriesOf(ctx context.Context, of attr.Type, from any) map[string]attr.Value {
	entries := map[string]attr.Value{}
	switch from := from.(type) {
	case map[string]time.Time:
		for _, key := range slices.Sorted(maps.Keys(from)) {
			entries[key] = Value(ctx, of, from[key])
		}
	case map[string]Fields:
		for _, key := range slices.Sorted(maps.Keys(from)) {
			entries[key] = Value(ctx, of, from[key])
		}
	default:
		panic(fmt.Sprintf("%T is no map", from))
	}
	return entries
}
