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

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
)

var (
	_ basetypes.StringTypable                    = ByteSizeType{}
	_ basetypes.StringValuableWithSemanticEquals = ByteSize{}
	_ xattr.ValidateableAttribute                = ByteSize{}
)

// ByteSizeType is the type of [ByteSize]. Give it as CustomType of a string attribute, which then also takes numbers.
type ByteSizeType struct{ basetypes.StringType }

// String implements [attr.Type].
func (ByteSizeType) String() string { return "customtype.ByteSizeType" }

// Equal implements [attr.Type].
func (ByteSizeType) Equal(other attr.Type) bool {
	_, ok := other.(ByteSizeType)
	return ok
}

// ValueType implements [attr.Type].
func (ByteSizeType) ValueType(context.Context) attr.Value { return ByteSize{} }

// ValueFromString implements [basetypes.StringTypable].
func (ByteSizeType) ValueFromString(_ context.Context, value basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return ByteSize{StringValue: value}, nil
}

// ValueFromTerraform implements [attr.Type].
func (t ByteSizeType) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	text, err := t.StringType.ValueFromTerraform(ctx, value)
	if err != nil {
		return nil, err
	}
	s, ok := text.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("a byte size is a string, not %T", text)
	}
	return ByteSize{StringValue: s}, nil
}

// ByteSize is a number of bytes as the configuration has it, such as "10GiB" or "10737418240". Two texts for one size are equal.
type ByteSize struct{ basetypes.StringValue }

// NewByteSize returns a known size. [bytesize.Unlimited] is written "-1".
func NewByteSize(size int64) ByteSize { return NewByteSizeText(bytesize.Format(size)) }

// NewByteSizeText returns a known size with a text of the caller's.
func NewByteSizeText(text string) ByteSize {
	return ByteSize{StringValue: basetypes.NewStringValue(text)}
}

// NewByteSizeNull returns a size that is null.
func NewByteSizeNull() ByteSize { return ByteSize{StringValue: basetypes.NewStringNull()} }

// NewByteSizeUnknown returns a size that is not known yet.
func NewByteSizeUnknown() ByteSize { return ByteSize{StringValue: basetypes.NewStringUnknown()} }

// ValueBytes returns the number of bytes: -1 is [bytesize.Unlimited]. It is 0 for what is null, unknown, or no size, which
// validation refuses before anything reads it.
func (v ByteSize) ValueBytes() int64 {
	size, err := bytesize.Parse(v.ValueString())
	if err != nil {
		return 0
	}
	return size
}

// Type implements [attr.Value].
func (ByteSize) Type(context.Context) attr.Type { return ByteSizeType{} }

// Equal implements [attr.Value]: it compares the texts.
func (v ByteSize) Equal(other attr.Value) bool {
	o, ok := other.(ByteSize)
	return ok && v.StringValue.Equal(o.StringValue)
}

// StringSemanticEquals tells whether both are the same number of bytes.
func (v ByteSize) StringSemanticEquals(_ context.Context, other basetypes.StringValuable) (bool, diag.Diagnostics) {
	o, ok := other.(ByteSize)
	if !ok {
		return false, diag.Diagnostics{diag.NewErrorDiagnostic("Unable to Compare Byte Sizes",
			fmt.Sprintf("A byte size was compared with a %T. This is a bug of the provider: please report it.", other))}
	}
	a, err := bytesize.Parse(v.ValueString())
	if err != nil {
		return false, nil // what no longer is a size differs from any
	}
	b, err := bytesize.Parse(o.ValueString())
	return err == nil && a == b, nil
}

// ValidateAttribute refuses a text that is no size.
func (v ByteSize) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if v.IsNull() || v.IsUnknown() {
		return
	}
	if _, err := bytesize.Parse(v.ValueString()); err != nil {
		// A CLI shows the resource and not the attribute, if that is a nested one.
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Byte Size",
			fmt.Sprintf("Attribute %s is %q, which is not a size: %s.", req.Path, v.ValueString(), err))
	}
}
