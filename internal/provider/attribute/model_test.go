package attribute_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

type model struct {
	Name   types.String        `tfsdk:"name"`
	Size   customtype.ByteSize `tfsdk:"size"`
	Tags   types.List          `tfsdk:"tags"`
	Nested types.Object        `tfsdk:"nested"`
}

// goModel has a field that only the framework can fill.
type goModel struct {
	Name   string              `tfsdk:"name"`
	Size   customtype.ByteSize `tfsdk:"size"`
	Tags   []string            `tfsdk:"tags"`
	Nested types.Object        `tfsdk:"nested"`
}

// lacking lacks an attribute.
type lacking struct {
	Name types.String        `tfsdk:"name"`
	Size customtype.ByteSize `tfsdk:"size"`
	Tags types.List          `tfsdk:"tags"`
}

var modelSchema = schema.Schema{Attributes: map[string]schema.Attribute{
	"name": schema.StringAttribute{Required: true},
	"size": schema.StringAttribute{CustomType: customtype.ByteSizeType{}, Optional: true},
	"tags": schema.ListAttribute{ElementType: types.StringType, Optional: true},
	"nested": schema.SingleNestedAttribute{
		Optional: true, Attributes: map[string]schema.Attribute{"number": schema.Int64Attribute{Optional: true}},
	},
}}

// configOf is a configuration of the schema; what is not given is null.
func configOf(values map[string]any) tfsdk.Config {
	object, _ := modelSchema.Type().TerraformType(context.Background()).(tftypes.Object)
	raw := map[string]tftypes.Value{}
	for name, of := range object.AttributeTypes {
		raw[name] = tftypes.NewValue(of, values[name])
	}
	return tfsdk.Config{Schema: modelSchema, Raw: tftypes.NewValue(object, raw)}
}

// Get reads what the framework reads, with the same diagnostics.
func TestGetAsTheFramework(t *testing.T) {
	t.Parallel()
	object, _ := modelSchema.Type().TerraformType(t.Context()).(tftypes.Object)
	nested := map[string]tftypes.Value{"number": tftypes.NewValue(tftypes.Number, 7)}
	for name, config := range map[string]tfsdk.Config{
		"all": configOf(map[string]any{
			"name": "a", "size": "1GiB", "tags": []tftypes.Value{tftypes.NewValue(tftypes.String, "b")}, "nested": nested,
		}),
		"null": configOf(nil),
		"unknown": configOf(map[string]any{"name": tftypes.UnknownValue, "size": tftypes.UnknownValue,
			"nested": tftypes.UnknownValue}),
		"no size": configOf(map[string]any{"name": "a", "size": "five apples"}),
		"nothing": {Schema: modelSchema, Raw: tftypes.NewValue(object, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			equal(t, config, &model{}, &model{})
			equal(t, config, &goModel{}, &goModel{})
			equal(t, config, &lacking{}, &lacking{})
		})
	}
}

func equal[M any](t *testing.T, config tfsdk.Config, got, want *M) {
	t.Helper()
	gotDiags, wantDiags := attribute.Get(t.Context(), config, got), config.Get(t.Context(), want)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("got %+v, and the framework reads %+v", got, want)
	}
	if diff := cmp.Diff(texts(wantDiags), texts(gotDiags)); diff != "" {
		t.Errorf("the diagnostics of %T differ from the framework's:\n%s", got, diff)
	}
}

func texts(diags diag.Diagnostics) []string {
	var all []string
	for _, d := range diags {
		text := d.Severity().String() + ": " + d.Summary() + ": " + d.Detail()
		if at, ok := d.(diag.DiagnosticWithPath); ok {
			text += " at " + at.Path().String()
		}
		all = append(all, text)
	}
	return all
}

// Reading a model is cheaper than the framework does it, or it is not worth its code.
func TestGetIsCheap(t *testing.T) { // not parallel: it counts allocations
	config := configOf(map[string]any{"name": "a", "size": "1GiB"})
	read := func(get func(context.Context, any) diag.Diagnostics) float64 {
		return testing.AllocsPerRun(20, func() {
			var m model
			if diags := get(t.Context(), &m); diags.HasError() {
				t.Error(diags)
			}
		})
	}
	framework := read(config.Get)
	ours := read(func(ctx context.Context, to any) diag.Diagnostics { return attribute.Get(ctx, config, to) })
	if ours > framework/2 {
		t.Errorf("%.0f allocations, and %.0f by the framework", ours, framework)
	}
	t.Logf("%.0f allocations, and %.0f by the framework", ours, framework)
}

// Set writes what the framework writes, with the same diagnostics.
func TestSetAsTheFramework(t *testing.T) {
	t.Parallel()
	nested := types.ObjectValueMust(map[string]attr.Type{"number": types.Int64Type},
		map[string]attr.Value{"number": types.Int64Value(7)})
	nothing := types.ObjectNull(map[string]attr.Type{"number": types.Int64Type})
	tags := types.ListValueMust(types.StringType, []attr.Value{types.StringValue("b"), types.StringUnknown()})
	size := customtype.ByteSize{StringValue: types.StringValue("1GiB")}
	for name, written := range map[string]any{
		"all":            &model{types.StringValue("a"), size, tags, nested},
		"not by pointer": model{types.StringValue("a"), size, tags, nested},
		"little":         &model{types.StringUnknown(), customtype.ByteSize{}, types.ListNull(types.StringType), nothing},
		"no size": &model{
			types.StringValue("a"), customtype.ByteSize{StringValue: types.StringValue("five apples")}, tags, nested,
		},
		"another type": &model{types.StringValue("a"), size, types.ListNull(types.BoolType), nested},
		"no type":      &model{Name: types.StringValue("a")},
		"of Go":        &goModel{"a", size, []string{"b"}, nested},
		"lacking":      &lacking{types.StringValue("a"), size, tags},
		"no struct":    "a",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := tfsdk.State(configOf(nil)), tfsdk.State(configOf(nil))
			gotDiags, wantDiags := attribute.Set(t.Context(), &got, written), want.Set(t.Context(), written)
			if diff := cmp.Diff(texts(wantDiags), texts(gotDiags)); diff != "" {
				t.Errorf("the diagnostics differ from the framework's:\n%s", diff)
			}
			if !got.Raw.Equal(want.Raw) {
				t.Errorf("got %s, and the framework writes %s", got.Raw, want.Raw)
			}
		})
	}
}

// Writing a model is cheaper than the framework does it, or it is not worth its code.
func TestSetIsCheap(t *testing.T) { // not parallel: it counts allocations
	state := tfsdk.State(configOf(map[string]any{"name": "a", "size": "1GiB"}))
	var m model
	if diags := state.Get(t.Context(), &m); diags.HasError() {
		t.Fatal(diags)
	}
	write := func(set func(context.Context, any) diag.Diagnostics) float64 {
		return testing.AllocsPerRun(20, func() {
			if diags := set(t.Context(), &m); diags.HasError() {
				t.Error(diags)
			}
		})
	}
	framework := write(state.Set)
	ours := write(func(ctx context.Context, from any) diag.Diagnostics { return attribute.Set(ctx, &state, from) })
	if ours > framework/2 {
		t.Errorf("%.0f allocations, and %.0f by the framework", ours, framework)
	}
	t.Logf("%.0f allocations, and %.0f by the framework", ours, framework)
}

func TestSetChangedLeavesAnUnchangedPlan(t *testing.T) {
	t.Parallel()
	config := configOf(map[string]any{"name": "a"})
	plan := tfsdk.Plan(config)
	var before, after model
	if diags := attribute.Get(t.Context(), plan, &before); diags.HasError() {
		t.Fatal(diags)
	}
	after = before
	if diags := attribute.SetChanged(t.Context(), &plan, &before, &after); diags.HasError() ||
		!plan.Raw.Equal(config.Raw) {
		t.Errorf("an unchanged model: %v, %v", plan.Raw, diags)
	}
	after.Name = types.StringValue("b")
	if diags := attribute.SetChanged(t.Context(), &plan, &before, &after); diags.HasError() || plan.Raw.Equal(config.Raw) {
		t.Errorf("a changed model: %v, %v", plan.Raw, diags)
	}
}
