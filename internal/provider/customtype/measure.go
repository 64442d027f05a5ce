// Package customtype holds attribute types that several schemas share.
package customtype

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// unit is the unit of a [Measure].
type unit interface {
	// names returns the name of the unit in summaries, for example "Byte Size", and a description of valid strings.
	names() (title, what string)
	// parse parses a string as a number. Its error completes a sentence.
	parse(text string) (int64, error)
}

// MeasureType is the type of a [Measure]. A string attribute with this CustomType also accepts numbers.
type MeasureType[U unit] struct{ basetypes.StringType }

// Measure is a string that represents a number, for example "10GiB". Two strings for the same number are semantically
// equal, so the state keeps the string of the configuration.
type Measure[U unit] struct{ basetypes.StringValue }

// Number returns the number that the string represents. It returns 0 if the value is null, unknown or invalid;
// validation rejects an invalid value before.
func (v Measure[U]) Number() int64 {
	var u U
	n, err := u.parse(v.ValueString())
	if err != nil {
		return 0
	}
	return n
}

// String implements [attr.Type].
func (t MeasureType[U]) String() string { return fmt.Sprintf("%T", t) }

// Equal implements [attr.Type].
func (MeasureType[U]) Equal(other attr.Type) bool {
	_, ok := other.(MeasureType[U])
	return ok
}

// ValueType implements [attr.Type].
func (MeasureType[U]) ValueType(context.Context) attr.Value { return Measure[U]{} }

// ValueFromString implements [basetypes.StringTypable].
func (MeasureType[U]) ValueFromString(
	_ context.Context, value basetypes.StringValue,
) (basetypes.StringValuable, diag.Diagnostics) {
	return Measure[U]{StringValue: value}, nil
}

// ValueFromTerraform implements [attr.Type].
func (t MeasureType[U]) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	text, err := t.StringType.ValueFromTerraform(ctx, value)
	if err != nil {
		return nil, err
	}
	s, ok := text.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("a measure is a string, not %T", text)
	}
	return Measure[U]{StringValue: s}, nil
}

// Type implements [attr.Value].
func (Measure[U]) Type(context.Context) attr.Type { return MeasureType[U]{} }

// Equal implements [attr.Value]. It compares the strings.
func (v Measure[U]) Equal(other attr.Value) bool {
	o, ok := other.(Measure[U])
	return ok && v.StringValue.Equal(o.StringValue)
}

// StringSemanticEquals reports whether both strings represent the same number.
func (v Measure[U]) StringSemanticEquals(_ context.Context, other basetypes.StringValuable) (bool, diag.Diagnostics) {
	o, ok := other.(Measure[U])
	if !ok {
		return false, nil
	}
	var u U
	a, err := u.parse(v.ValueString())
	if err != nil {
		return false, nil // an invalid string equals no other value
	}
	b, err := u.parse(o.ValueString())
	return err == nil && a == b, nil
}

// ValidateAttribute rejects an invalid string.
func (v Measure[U]) ValidateAttribute(
	_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse,
) {
	if v.IsNull() || v.IsUnknown() {
		return
	}
	var u U
	if _, err := u.parse(v.ValueString()); err != nil {
		title, what := u.names()
		// The CLI does not show the path of a nested attribute, so the detail names it.
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+title,
			secret.Sprintf("Attribute %s is %q, which is not %s: %s.", req.Path, v.ValueString(), what, err))
	}
}
