// Package attribute converts nested attributes to and from plain Go values, and keeps the form of a value in the state
// if a server returns the same value in another form.
package attribute

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// Object reads the attributes of an object. Null and unknown attributes read as zero values. The paths of unknown
// attributes are collected in one list for the whole tree of objects.
type Object struct {
	attributes map[string]attr.Value
	at         path.Path
	unknown    *path.Paths
	null       bool
}

// NewObject returns a reader for the object at a path.
func NewObject(attributes map[string]attr.Value, at path.Path) Object {
	return Object{attributes: attributes, at: at, unknown: &path.Paths{}}
}

// Unknown returns the paths of the attributes that were read and are unknown.
func (o Object) Unknown() path.Paths { return *o.unknown }

// IsNull reports whether the object is null or unknown.
func (o Object) IsNull() bool { return o.null }

// IsSet reports whether an attribute is neither null nor unknown.
func (o Object) IsSet(name string) bool { return o.value(name) != nil }

// HasOther reports whether any attribute other than the named one is set.
func (o Object) HasOther(name string) bool {
	for other := range o.attributes {
		if other != name && o.IsSet(other) {
			return true
		}
	}
	return false
}

// value returns an attribute, or nil if it is null or unknown.
func (o Object) value(name string) attr.Value {
	value := o.attributes[name]
	return known(value, o.path(name), o.unknown)
}

func known(value attr.Value, at path.Path, unknown *path.Paths) attr.Value {
	switch {
	case value == nil || value.IsNull():
		return nil
	case value.IsUnknown():
		unknown.Append(at)
		return nil
	}
	return value
}

func (o Object) path(name string) path.Path {
	if o.at.Equal(path.Empty()) {
		return path.Root(name)
	}
	return o.at.AtName(name)
}

// Text reads a string.
func (o Object) Text(name string) string {
	return text(o.value(name))
}

func text(value attr.Value) string {
	if s, ok := value.(interface{ ValueString() string }); ok {
		return s.ValueString()
	}
	return ""
}

// Bool reads a boolean.
func (o Object) Bool(name string) bool {
	b, ok := o.value(name).(basetypes.BoolValue)
	return ok && b.ValueBool()
}

// Number reads a number. It returns nil if the attribute is not set.
func (o Object) Number(name string) *int64 {
	n, ok := o.value(name).(basetypes.Int64Value)
	if !ok {
		return nil
	}
	number := n.ValueInt64()
	return &number
}

// Int reads a number. It returns 0 if the attribute is not set.
func (o Object) Int(name string) int64 {
	if number := o.Number(name); number != nil {
		return *number
	}
	return 0
}

// Bytes reads a byte size. It returns nil if the attribute is not set or is [bytesize.Unlimited].
func (o Object) Bytes(name string) *int64 {
	size, ok := o.value(name).(customtype.ByteSize)
	if !ok || size.Number() == bytesize.Unlimited {
		return nil
	}
	bytes := size.Number()
	return &bytes
}

// Duration reads a duration. It returns 0 if the attribute is not set.
func (o Object) Duration(name string) time.Duration {
	d, ok := o.value(name).(customtype.Duration)
	if !ok {
		return 0
	}
	return time.Duration(d.Number())
}

// Time reads a time. It returns the zero time if the attribute is not set.
func (o Object) Time(name string) time.Time { return timeOf(o.value(name)) }

func timeOf(value attr.Value) time.Time {
	t, ok := value.(customtype.Time)
	if !ok {
		return time.Time{}
	}
	return time.Unix(t.Number(), 0).UTC()
}

// Texts reads a list or set of strings. It returns nil if there are none.
func (o Object) Texts(name string) []string {
	var texts []string
	for _, element := range o.elements(name) {
		texts = append(texts, text(element.value))
	}
	return texts
}

// Times reads a map of times. It returns nil if there are none, and leaves out invalid times.
func (o Object) Times(name string) map[string]time.Time {
	var times map[string]time.Time
	for key, value := range o.mapElements(name) {
		at := timeOf(value.value)
		if at.Unix() <= 0 {
			continue
		}
		if times == nil {
			times = map[string]time.Time{}
		}
		times[key] = at
	}
	return times
}

// TextMap reads a map of strings. It returns nil if the map is empty. Unknown elements are empty strings.
func (o Object) TextMap(name string) map[string]string {
	var texts map[string]string
	for key, value := range o.mapElements(name) {
		if texts == nil {
			texts = map[string]string{}
		}
		texts[key] = text(value.value)
	}
	return texts
}

// Object reads an object.
func (o Object) Object(name string) Object {
	return o.below(element{o.value(name), o.path(name)})
}

// Objects reads a list of objects. Unknown objects are null.
func (o Object) Objects(name string) []Object {
	var objects []Object
	for _, element := range o.elements(name) {
		objects = append(objects, o.below(element))
	}
	return objects
}

// Map reads a map of objects.
func (o Object) Map(name string) map[string]Object {
	objects := map[string]Object{}
	for key, element := range o.mapElements(name) {
		objects[key] = o.below(element)
	}
	return objects
}

// element is a value with its path. The value is nil if it is null or unknown.
type element struct {
	value attr.Value
	at    path.Path
}

func (o Object) below(e element) Object {
	object, ok := e.value.(basetypes.ObjectValue)
	if !ok {
		return Object{at: e.at, unknown: o.unknown, null: true}
	}
	return Object{attributes: object.Attributes(), at: e.at, unknown: o.unknown}
}

func (o Object) elements(name string) []element {
	list, ok := o.value(name).(interface{ Elements() []attr.Value })
	if !ok {
		return nil
	}
	var elements []element
	for i, value := range list.Elements() {
		at := o.path(name).AtListIndex(i)
		elements = append(elements, element{known(value, at, o.unknown), at})
	}
	return elements
}

func (o Object) mapElements(name string) map[string]element {
	values, ok := o.value(name).(basetypes.MapValue)
	if !ok {
		return nil
	}
	elements := map[string]element{}
	for key, value := range values.Elements() {
		at := o.path(name).AtMapKey(key)
		elements[key] = element{known(value, at, o.unknown), at}
	}
	return elements
}
