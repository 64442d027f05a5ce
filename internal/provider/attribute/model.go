package attribute

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Data is what a request has of a resource.
type Data interface {
	tfsdk.Config | tfsdk.Plan | tfsdk.State
}

// Get reads all of a configuration, plan or state into the model that target points to, as the method Get of each does. The framework compiles a
// regular expression for each field of a model, each time, and goes through the whole schema; this remembers both. What is out of the
// ordinary, an error included, is left to the framework.
func Get[D Data](ctx context.Context, from D, target any) diag.Diagnostics {
	var raw tftypes.Value
	var schema func() attr.Type
	var framework func(context.Context, any) diag.Diagnostics
	switch from := any(from).(type) {
	case tfsdk.Config:
		raw, schema, framework = from.Raw, from.Schema.Type, from.Get
	case tfsdk.Plan:
		raw, schema, framework = from.Raw, from.Schema.Type, from.Get
	case tfsdk.State:
		raw, schema, framework = from.Raw, from.Schema.Type, from.Get
	}
	var values map[string]tftypes.Value
	if raw.IsNull() || !raw.IsKnown() || raw.As(&values) != nil {
		return framework(ctx, target)
	}
	diags, ok := layoutOf(reflect.TypeOf(target), schema).fill(ctx, values, reflect.ValueOf(target))
	if !ok {
		return framework(ctx, target)
	}
	return diags
}

// SetChanged writes a model to the plan if it differs from what was read from there before.
func SetChanged[M any](ctx context.Context, plan *tfsdk.Plan, before, model *M) diag.Diagnostics {
	if reflect.DeepEqual(before, model) {
		return nil
	}
	return plan.Set(ctx, model)
}

// layouts are the layouts of the models that were asked for, by the types of pointers to them.
var layouts sync.Map

// layout is how the attributes of a schema lie in a model. It is nil for a model that is not made of values of the framework alone.
type layout map[string]field

type field struct {
	index []int
	of    attr.Type
}

func layoutOf(model reflect.Type, schema func() attr.Type) layout {
	if known, ok := layouts.Load(model); ok {
		return known.(layout) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	made := newLayout(model, schema())
	layouts.Store(model, made)
	return made
}

func newLayout(model reflect.Type, schema attr.Type) layout {
	object, ok := schema.(attr.TypeWithAttributeTypes)
	if !ok || model.Kind() != reflect.Pointer || model.Elem().Kind() != reflect.Struct {
		return nil
	}
	made := layout{}
	if !made.add(model.Elem(), nil, object.AttributeTypes()) {
		return nil
	}
	return made
}

// add adds the fields of a struct, and those of the structs that it embeds. It reports whether all of them are values of the framework.
func (l layout) add(model reflect.Type, at []int, types map[string]attr.Type) bool {
	for i := range model.NumField() {
		in, index := model.Field(i), append(slices.Clone(at), i)
		name, tagged := in.Tag.Lookup("tfsdk")
		if in.Anonymous && !tagged && in.Type.Kind() == reflect.Struct {
			if !l.add(in.Type, index, types) {
				return false
			}
			continue
		}
		of, ok := types[name]
		if !ok || !in.IsExported() || reflect.TypeOf(of.ValueType(context.Background())) != in.Type {
			return false
		}
		l[name] = field{index, of}
	}
	return true
}

// fill sets the fields of a model. It reports whether it did, and otherwise leaves the model as it was.
func (l layout) fill(ctx context.Context, values map[string]tftypes.Value, target reflect.Value) (diags diag.Diagnostics, ok bool) {
	if l == nil || len(values) != len(l) {
		return nil, false
	}
	model := reflect.New(target.Type().Elem()).Elem()
	for name, field := range l {
		value, ok := values[name]
		if !ok {
			return nil, false
		}
		read, err := field.of.ValueFromTerraform(ctx, value)
		if err != nil || reflect.TypeOf(read) != model.FieldByIndex(field.index).Type() {
			return nil, false
		}
		found := validate(ctx, field.of, value, read, path.Root(name))
		if found.HasError() {
			return nil, false
		}
		diags.Append(found...)
		model.FieldByIndex(field.index).Set(reflect.ValueOf(read))
	}
	target.Elem().Set(model)
	return diags, true
}

// validate has a value checked by itself, or else by its type.
func validate(ctx context.Context, of attr.Type, value tftypes.Value, read attr.Value, at path.Path) diag.Diagnostics {
	if checked, ok := read.(xattr.ValidateableAttribute); ok {
		var resp xattr.ValidateAttributeResponse
		checked.ValidateAttribute(ctx, xattr.ValidateAttributeRequest{Path: at}, &resp)
		return resp.Diagnostics
	}
	if checked, ok := of.(xattr.TypeWithValidate); ok { //nolint:staticcheck // the framework's own types still have it
		return checked.Validate(ctx, value, at)
	}
	return nil
}
