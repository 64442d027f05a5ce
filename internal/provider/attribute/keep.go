package attribute

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// Keep returns the value of the state after a read. Fresh is the value from a server, and prior is the previous value
// in the state. Every part of fresh that means the same as in prior keeps the form of prior. A configuration
// distinguishes null from empty, and "1h" from "60m"; a server does not.
//
// Fresh must be in its simplest form: null for everything that is empty, false or has its default. Its lists must be in
// the order of prior: see [InOrder].
func Keep(ctx context.Context, prior, fresh attr.Value) attr.Value {
	switch {
	case prior == nil || prior.IsUnknown():
		return fresh
	case fresh.IsNull() && isBlank(prior), prior.Equal(fresh):
		return prior
	}
	switch fresh := fresh.(type) {
	case basetypes.StringValuableWithSemanticEquals:
		if prior, ok := prior.(basetypes.StringValuableWithSemanticEquals); ok {
			if same, _ := prior.StringSemanticEquals(ctx, fresh); same {
				return prior
			}
		}
	case basetypes.ObjectValue:
		return keepObject(ctx, prior, fresh)
	case basetypes.ListValue:
		return keepList(ctx, prior, fresh)
	case basetypes.MapValue:
		return keepMap(ctx, prior, fresh)
	}
	return fresh
}

func keepObject(ctx context.Context, prior attr.Value, fresh basetypes.ObjectValue) attr.Value {
	before, ok := prior.(basetypes.ObjectValue)
	if !ok || before.IsNull() || fresh.IsNull() {
		return fresh
	}
	attributes := fresh.Attributes()
	for name, value := range attributes {
		attributes[name] = Keep(ctx, before.Attributes()[name], value)
	}
	return basetypes.NewObjectValueMust(fresh.AttributeTypes(ctx), attributes)
}

func keepList(ctx context.Context, prior attr.Value, fresh basetypes.ListValue) attr.Value {
	before, ok := prior.(basetypes.ListValue)
	if !ok || before.IsNull() || fresh.IsNull() {
		return fresh
	}
	elements := fresh.Elements()
	for i, element := range elements {
		if i < len(before.Elements()) {
			elements[i] = Keep(ctx, before.Elements()[i], element)
		}
	}
	return basetypes.NewListValueMust(fresh.ElementType(ctx), elements)
}

func keepMap(ctx context.Context, prior attr.Value, fresh basetypes.MapValue) attr.Value {
	before, ok := prior.(basetypes.MapValue)
	if !ok || before.IsNull() || fresh.IsNull() {
		return fresh
	}
	elements := fresh.Elements()
	for key, element := range elements {
		elements[key] = Keep(ctx, before.Elements()[key], element)
	}
	return basetypes.NewMapValueMust(fresh.ElementType(ctx), elements)
}

// isBlank reports whether a value is null, empty, false, an unlimited size, or consists only of such values.
func isBlank(value attr.Value) bool {
	if value.IsNull() {
		return true
	}
	switch value := value.(type) {
	case basetypes.BoolValue:
		return !value.IsUnknown() && !value.ValueBool()
	case basetypes.StringValue:
		return !value.IsUnknown() && value.ValueString() == ""
	case customtype.ByteSize:
		return !value.IsUnknown() && value.Number() == bytesize.Unlimited
	case basetypes.ListValue:
		return !value.IsUnknown() && len(value.Elements()) == 0
	case basetypes.SetValue:
		return !value.IsUnknown() && len(value.Elements()) == 0
	case basetypes.MapValue:
		return !value.IsUnknown() && len(value.Elements()) == 0
	case basetypes.ObjectValue:
		for _, attribute := range value.Attributes() {
			if !isBlank(attribute) {
				return false
			}
		}
		return !value.IsUnknown()
	}
	return false
}

// InOrder sorts fresh elements in the order of the prior keys. Elements without a prior key come last, in their
// original order.
func InOrder[T any](fresh []T, prior []string, key func(T) string) []T {
	sorted := make([]T, 0, len(fresh))
	taken := make([]bool, len(fresh))
	for _, wanted := range prior {
		for i, element := range fresh {
			if !taken[i] && key(element) == wanted {
				sorted = append(sorted, element)
				taken[i] = true
				break
			}
		}
	}
	for i, element := range fresh {
		if !taken[i] {
			sorted = append(sorted, element)
		}
	}
	return sorted
}
