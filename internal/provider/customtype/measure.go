// Package customtype holds types of attributes that several schemas of the provider share.
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

// unit is what a [Measure] is in.
type unit interface {
	// names are the name of the attribute's kind in a summary, such as "Byte Size", and what a text must be.
	names() (title, what string)
	// parse reads a text as a number; its error completes a sentence.
	parse(text string) (int64, error)
}

// MeasureType is the type of a [Measure]. Give it as CustomType of a string attribute, which then also takes numbers.
type MeasureType[U unit] struct{ basetypes.StringType }

// Measure is a text that stands for a number, such as "10GiB". Two texts for the same number are equal to Terraform: a state keeps
// the one that the configuration has.
type Measure[U unit] struct{ basetypes.StringValue }

// Number returns the number that the text stands for: 0 for what is null, unknown, or cannot be read, which validation refuses
// before anything asks.
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
func (MeasureType[U]) ValueFromString(_ context.Context, value basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
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

// Equal implements [attr.Value]: it compares the texts.
func (v Measure[U]) Equal(other attr.Value) bool {
	o, ok := other.(Measure[U])
	return ok && v.StringValue.Equal(o.StringValue)
}

// StringSemanticEquals tells whether both stand for the same number.
func (v Measure[U]) StringSemanticEquals(_ context.Context, other basetypes.StringValuable) (bool, diag.Diagnostics) {
	o, ok := other.(Measure[U])
	if !ok {
		return false, nil
	}
	var u U
	a, err := u.parse(v.ValueString())
	if err != nil {
		return false, nil // what cannot be read differs from all else
	}
	b, err := u.parse(o.ValueString())
	return err == nil && a == b, nil
}

// ValidateAttribute refuses a text that cannot be read.
func (v Measure[U]) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if v.IsNull() || v.IsUnknown() {
		return
	}
	var u U
	if _, err := u.parse(v.ValueString()); err != nil {
		title, what := u.names()
		// A CLI shows the resource and not the attribute, if that is a nested one.
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+title,
			secret.Sprintf("Attribute %s is %q, which is not %s: %s.", req.Path, v.ValueString(), what, err))
	}
}
