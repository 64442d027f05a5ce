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

// Fields holds the attributes of an object as plain Go values: see [Value].
type Fields map[string]any

// OrNil returns nil if all fields are empty, so that the object is null.
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

// Text returns a string value, or null for an empty string.
func Text(text string) basetypes.StringValue {
	if text == "" {
		return basetypes.NewStringNull()
	}
	return basetypes.NewStringValue(text)
}

// Value converts a plain Go value to a value of a type: a string, bool, int, int64 or *int64, [time.Time],
// [time.Duration], [Fields], or a slice or map of those. An empty string, false, a zero time, an empty collection and a
// nil pointer become null. A number is never null. Value panics if the Go value does not fit the type.
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
	panic(fmt.Sprintf("cannot convert %T to the type %s", from, of))
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
	panic(fmt.Sprintf("%T is not a number", from))
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
	panic(fmt.Sprintf("%T is not a string", from))
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
		panic(fmt.Sprintf("%T is not a list", from))
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
		panic(fmt.Sprintf("%T is not a map", from))
	}
	return entries
}
