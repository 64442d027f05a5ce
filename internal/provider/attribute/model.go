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

// Get reads all of a configuration, plan or state into the model that target points to, as the method Get of each does.
// The framework compiles a regular expression for each field of a model, each time, and goes through the whole schema;
// this remembers both. What is out of the ordinary, an error included, is left to the framework.
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
	return Set(ctx, plan, model)
}

// target is what a model can be written to.
type target interface {
	*tfsdk.Plan | *tfsdk.State | *tfsdk.ResourceIdentity
}

// Set writes a model to a plan, state or identity, as the method Set of each does, with the layout that [Get]
// remembers. model is a struct or a pointer to one. Errors are left to the framework.
func Set[T target](ctx context.Context, to T, model any) diag.Diagnostics {
	var raw *tftypes.Value
	var schema func() attr.Type
	var framework func(context.Context, any) diag.Diagnostics
	switch to := any(to).(type) {
	case *tfsdk.Plan:
		raw, schema, framework = &to.Raw, to.Schema.Type, to.Set
	case *tfsdk.State:
		raw, schema, framework = &to.Raw, to.Schema.Type, to.Set
	case *tfsdk.ResourceIdentity:
		raw, schema, framework = &to.Raw, to.Schema.Type, to.Set
	}
	from := reflect.ValueOf(model)
	if from.Kind() == reflect.Pointer {
		from = from.Elem()
	}
	if from.Kind() != reflect.Struct {
		return framework(ctx, model)
	}
	value, diags, ok := layoutOf(reflect.PointerTo(from.Type()), schema).value(ctx, from)
	if !ok {
		return framework(ctx, model)
	}
	*raw = value
	return diags
}

// layouts are the layouts of the models that were asked for, by the types of pointers to them.
var layouts sync.Map

// layout is how the attributes of a schema lie in a model. It is nil for a model that is not made of values of the
// framework alone.
type layout struct {
	fields map[string]field
	object tftypes.Object
}

type field struct {
	index []int
	of    attr.Type
}

func layoutOf(model reflect.Type, schema func() attr.Type) *layout {
	if known, ok := layouts.Load(model); ok {
		return known.(*layout) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	made := newLayout(model, schema())
	layouts.Store(model, made)
	return made
}

func newLayout(model reflect.Type, schema attr.Type) *layout {
	object, ok := schema.(attr.TypeWithAttributeTypes)
	if !ok || model.Kind() != reflect.Pointer || model.Elem().Kind() != reflect.Struct {
		return nil
	}
	made := &layout{fields: map[string]field{}}
	if !made.add(model.Elem(), nil, object.AttributeTypes()) {
		return nil
	}
	made.object, ok = schema.TerraformType(context.Background()).(tftypes.Object)
	if !ok {
		return nil
	}
	return made
}

// add adds the fields of a struct, and those of the structs that it embeds. It reports whether all of them are values
// of the framework.
func (l *layout) add(model reflect.Type, at []int, types map[string]attr.Type) bool {
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
		l.fields[name] = field{index, of}
	}
	return true
}

// fill sets the fields of a model. It reports whether it did, and otherwise leaves the model as it was.
func (l *layout) fill(
	ctx context.Context, values map[string]tftypes.Value, target reflect.Value,
) (diags diag.Diagnostics, ok bool) {
	if l == nil || len(values) != len(l.fields) {
		return nil, false
	}
	model := reflect.New(target.Type().Elem()).Elem()
	for name, field := range l.fields {
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

// value returns the object that a model describes. It reports whether it could.
func (l *layout) value(
	ctx context.Context, model reflect.Value,
) (object tftypes.Value, diags diag.Diagnostics, ok bool) {
	if l == nil || len(l.fields) != len(l.object.AttributeTypes) {
		return object, nil, false
	}
	values := make(map[string]tftypes.Value, len(l.fields))
	for name, field := range l.fields {
		read, ok := reflect.TypeAssert[attr.Value](model.FieldByIndex(field.index))
		if !ok || !field.of.Equal(read.Type(ctx)) {
			return object, nil, false
		}
		value, err := read.ToTerraformValue(ctx)
		if err != nil {
			return object, nil, false
		}
		found := validate(ctx, field.of, value, read, path.Root(name))
		if found.HasError() {
			return object, nil, false
		}
		diags.Append(found...)
		values[name] = value
	}
	return tftypes.NewValue(l.object, values), diags, true
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
