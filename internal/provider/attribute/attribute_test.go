package attribute_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// inner and outer are the types of an object with all that can be read.
var (
	inner = map[string]attr.Type{"text": types.StringType, "on": types.BoolType}
	outer = map[string]attr.Type{
		"text": types.StringType, "on": types.BoolType, "number": types.Int64Type, "bytes": customtype.ByteSizeType{},
		"duration": customtype.DurationType{}, "time": customtype.TimeType{},
		"texts": types.ListType{ElemType: types.StringType},
		"set":   types.SetType{ElemType: types.StringType}, "times": types.MapType{ElemType: customtype.TimeType{}},
		"object": types.ObjectType{AttrTypes: inner}, "objects": types.ListType{ElemType: types.ObjectType{AttrTypes: inner}},
		"map": types.MapType{ElemType: types.ObjectType{AttrTypes: inner}},
	}
)

func full() attribute.Fields {
	bytes := int64(10 << 30)
	return attribute.Fields{
		"text": "a", "on": true, "number": 0, "bytes": &bytes, "duration": 90 * time.Second, "time": time.Unix(1893456000, 0),
		"texts": []string{"b", "c"}, "set": []string{"d"}, "times": map[string]time.Time{"k": time.Unix(1, 0)},
		"object": attribute.Fields{"text": "e"}, "objects": []attribute.Fields{{"text": "f"}, {"on": true}},
		"map": map[string]attribute.Fields{"k": {"text": "g"}},
	}
}

func value(t *testing.T, fields attribute.Fields) types.Object {
	t.Helper()
	object, ok := attribute.Value(t.Context(), types.ObjectType{AttrTypes: outer}, fields).(types.Object)
	if !ok {
		t.Fatal("no object")
	}
	return object
}

// What was written reads as it was.
func TestValueAndReader(t *testing.T) {
	object := value(t, full())
	if text := object.Attributes()["bytes"].String(); text != `"10GiB"` {
		t.Errorf("a size is written as %s", text)
	}
	o := attribute.NewObject(object.Attributes(), path.Empty())
	got := attribute.Fields{
		"text": o.Text("text"), "on": o.Bool("on"), "number": int(o.Int("number")), "bytes": o.Bytes("bytes"),
		"duration": o.Duration("duration"),
		"time":     o.Time("time").Local(), "texts": o.Texts("texts"), "set": o.Texts("set"),
		"times":  map[string]time.Time{"k": o.Times("times")["k"].Local()},
		"object": attribute.Fields{"text": o.Object("object").Text("text")},
		"objects": []attribute.Fields{{"text": o.Objects("objects")[0].Text("text")},
			{"on": o.Objects("objects")[1].Bool("on")}},
		"map": map[string]attribute.Fields{"k": {"text": o.Map("map")["k"].Text("text")}},
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Error(diff)
	}
	if len(o.Unknown()) > 0 {
		t.Errorf("unknown: %v", o.Unknown())
	}
}

// What is null or unknown reads as nothing, and what is unknown is told with its path.
func TestUnknown(t *testing.T) {
	attributes := value(t, nil).Attributes()
	if len(attributes) != 0 {
		t.Fatalf("null has %v", attributes)
	}
	attributes = map[string]attr.Value{
		"text": types.StringUnknown(), "number": types.Int64Null(),
		"texts": types.ListValueMust(types.StringType, []attr.Value{types.StringValue("a"), types.StringUnknown()}),
		"objects": types.ListValueMust(types.ObjectType{AttrTypes: inner}, []attr.Value{
			types.ObjectValueMust(inner, map[string]attr.Value{"text": types.StringUnknown(), "on": types.BoolValue(true)}),
			types.ObjectUnknown(inner),
		}),
	}
	o := attribute.NewObject(attributes, path.Root("top"))
	if o.Text("text") != "" || o.Number("number") != nil || o.IsSet("text") || o.IsSet("number") {
		t.Error("what is not there reads as something")
	}
	if only := attribute.NewObject(map[string]attr.Value{"a": types.BoolValue(true), "b": types.BoolNull()},
		path.Empty()); only.HasOther("a") ||
		!only.HasOther("b") {
		t.Error("HasOther does not tell what else has a value")
	}
	if texts := o.Texts("texts"); !slices.Equal(texts, []string{"a", ""}) {
		t.Errorf("texts: %v", texts)
	}
	objects := o.Objects("objects")
	if len(objects) != 2 || objects[0].Text("text") != "" || !objects[0].Bool("on") || !objects[1].IsNull() {
		t.Errorf("objects: %v", objects)
	}
	want := []string{`top.text`, `top.texts[1]`, `top.objects[1]`, `top.objects[0].text`}
	for _, at := range want {
		if !slices.ContainsFunc(o.Unknown(), func(p path.Path) bool { return p.String() == at }) {
			t.Errorf("%s is not among the unknown: %v", at, o.Unknown())
		}
	}
}

// A state keeps its own form of what means the same, and takes over what does not.
func TestKeep(t *testing.T) {
	list := func(elements ...string) types.List {
		values := []attr.Value{}
		for _, element := range elements {
			values = append(values, types.StringValue(element))
		}
		return types.ListValueMust(types.StringType, values)
	}
	object := func(text types.String, on types.Bool) types.Object {
		return types.ObjectValueMust(inner, map[string]attr.Value{"text": text, "on": on})
	}
	size := func(text string) customtype.ByteSize {
		return customtype.ByteSize{StringValue: types.StringValue(text)}
	}
	nullSize := customtype.ByteSize{StringValue: types.StringNull()}
	for name, c := range map[string]struct{ prior, fresh, want attr.Value }{
		"empty list and null":        {list(), types.ListNull(types.StringType), list()},
		"false and null":             {types.BoolValue(false), types.BoolNull(), types.BoolValue(false)},
		"true and null":              {types.BoolValue(true), types.BoolNull(), types.BoolNull()},
		"zero and null":              {types.Int64Value(0), types.Int64Null(), types.Int64Null()},
		"equal sizes":                {size("1024"), size("1KiB"), size("1024")},
		"other sizes":                {size("1024"), size("2KiB"), size("2KiB")},
		"no limit and null":          {size("-1"), nullSize, size("-1")},
		"zero size and null":         {size("0"), nullSize, nullSize},
		"null and a value":           {types.StringNull(), types.StringValue("x"), types.StringValue("x")},
		"unknown and a value":        {types.StringUnknown(), types.StringValue("x"), types.StringValue("x")},
		"object that says nothing":   {object(types.StringNull(), types.BoolValue(false)), types.ObjectNull(inner), object(types.StringNull(), types.BoolValue(false))},
		"object that says something": {object(types.StringValue("x"), types.BoolNull()), types.ObjectNull(inner), types.ObjectNull(inner)},
		"object in part": {
			object(types.StringValue("x"), types.BoolValue(false)), object(types.StringValue("y"), types.BoolNull()),
			object(types.StringValue("y"), types.BoolValue(false)),
		},
		"longer list": {list("a"), list("a", "b"), list("a", "b")},
		"map": {
			types.MapValueMust(types.BoolType, map[string]attr.Value{"a": types.BoolValue(false)}),
			types.MapValueMust(types.BoolType, map[string]attr.Value{"a": types.BoolNull(), "b": types.BoolValue(true)}),
			types.MapValueMust(types.BoolType, map[string]attr.Value{"a": types.BoolValue(false), "b": types.BoolValue(true)}),
		},
	} {
		if got := attribute.Keep(t.Context(), c.prior, c.fresh); !got.Equal(c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestInOrder(t *testing.T) {
	same := func(s string) string { return s }
	got := attribute.InOrder([]string{"a", "b", "c", "b", "d"}, []string{"d", "b", "x", "b"}, same)
	if !slices.Equal(got, []string{"d", "b", "b", "a", "c"}) {
		t.Errorf("got %v", got)
	}
}
