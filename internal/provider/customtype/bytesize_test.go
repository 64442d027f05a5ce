package customtype

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
)

func sizeOf(text string) ByteSize { return ByteSize{StringValue: basetypes.NewStringValue(text)} }

func TestByteSizeFromTerraform(t *testing.T) {
	for name, c := range map[string]struct {
		value tftypes.Value
		want  attr.Value
		bytes int64
	}{
		"known":   {tftypes.NewValue(tftypes.String, "10GiB"), sizeOf("10GiB"), 10 << 30},
		"null":    {tftypes.NewValue(tftypes.String, nil), ByteSize{StringValue: basetypes.NewStringNull()}, 0},
		"unknown": {tftypes.NewValue(tftypes.String, tftypes.UnknownValue), ByteSize{StringValue: basetypes.NewStringUnknown()}, 0},
	} {
		got, err := ByteSizeType{}.ValueFromTerraform(t.Context(), c.value)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if size, ok := got.(ByteSize); !ok || size.Number() != c.bytes {
			t.Errorf("%s: %T of %v bytes, want %d", name, got, got, c.bytes)
		}
	}
	if _, err := (ByteSizeType{}).ValueFromTerraform(t.Context(), tftypes.NewValue(tftypes.Bool, true)); err == nil {
		t.Error("a boolean became a size")
	}
	if got := sizeOf("-1").Number(); got != bytesize.Unlimited {
		t.Errorf("unlimited is %d", got)
	}
}

func TestByteSizeSemanticEquality(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"10GiB", "10737418240", true},
		{"1.5GiB", "1536MiB", true},
		{"1GB", "1GiB", false},
		{"10G", "10000000000", true},
		{"10Gi", "10GiB", true},
		{"0", "-1", false},
		{"many", "many", false},
		{"0", "many", false},
	} {
		got, diags := sizeOf(c.a).StringSemanticEquals(t.Context(), sizeOf(c.b))
		if diags.HasError() || got != c.want {
			t.Errorf("%s and %s: %t, %v", c.a, c.b, got, diags)
		}
	}
	if sizeOf("1KiB").Equal(sizeOf("1024")) {
		t.Error("Equal does not compare texts")
	}
	if sizeOf("1KiB").Equal(types.StringValue("1KiB")) {
		t.Error("a size equals a value of another type")
	}
	if same, _ := sizeOf("1").StringSemanticEquals(t.Context(), types.StringValue("1")); same {
		t.Error("a size means the same as a value of another type")
	}
}

func TestByteSizeValidation(t *testing.T) {
	at := path.Root("jetstream").AtName("max_file_store")
	for _, c := range []struct {
		value ByteSize
		want  string
	}{
		{sizeOf("10GiB"), ""},
		{sizeOf("-1"), ""},
		{ByteSize{StringValue: basetypes.NewStringNull()}, ""},
		{ByteSize{StringValue: basetypes.NewStringUnknown()}, ""},
		{sizeOf(""), `is "", which is not a size`},
		{sizeOf("10 GiB"), "not a number of bytes"},
		{sizeOf("10G"), ""},
		{sizeOf("10g"), "GiB, TiB"},
	} {
		var resp xattr.ValidateAttributeResponse
		c.value.ValidateAttribute(t.Context(), xattr.ValidateAttributeRequest{Path: at}, &resp)
		if c.want == "" {
			if resp.Diagnostics.HasError() {
				t.Errorf("%s: %v", c.value, resp.Diagnostics)
			}
			continue
		}
		if resp.Diagnostics.ErrorsCount() != 1 || !strings.Contains(resp.Diagnostics[0].Detail(), c.want) {
			t.Errorf("%s: %v, want %q", c.value, resp.Diagnostics, c.want)
			continue
		}
		if found, ok := resp.Diagnostics[0].(diag.DiagnosticWithPath); !ok || !found.Path().Equal(at) {
			t.Errorf("%s: the error is not on %s", c.value, at)
		}
	}
}
