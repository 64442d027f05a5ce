package kine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Fields of a configuration that this package and package mirror read or set by name.
const (
	fieldName      = "name"
	fieldHistory   = "max_msgs_per_subject"
	fieldReplicas  = "num_replicas"
	fieldSubjects  = "subjects"
	fieldMetadata  = "metadata"
	fieldPlacement = "placement"
	fieldMirror    = "mirror"
	fieldSources   = "sources"
)

// Config is a stream's configuration in the JSON form of the server. It includes fields that this version does not
// know, so that they are compared and preserved.
type Config map[string]json.RawMessage

// NewConfig converts a stream configuration to a Config.
func NewConfig(c jetstream.StreamConfig) Config {
	text, err := json.Marshal(c)
	if err == nil {
		var raw Config
		if err = json.Unmarshal(text, &raw); err == nil {
			return raw
		}
	}
	panic(fmt.Sprintf("a stream's configuration is not JSON: %v", err)) // cannot happen: plain values
}

// spec returns the specification of the bucket that the configuration belongs to.
func (c Config) spec() Spec {
	var stream string
	c.Get(fieldName, &stream)
	spec := Spec{Name: strings.TrimPrefix(stream, streamPrefix)}
	c.Get(fieldHistory, &spec.History)
	c.Get(fieldReplicas, &spec.Replicas)
	return spec
}

// Set sets a field. It panics if value cannot be marshaled to JSON.
func (c Config) Set(field string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%s is not JSON: %v", field, err))
	}
	c[field] = text
}

// Get reads a field. It leaves into unchanged if the field is missing or of another type.
func (c Config) Get(field string, into any) {
	if raw, ok := c[field]; ok {
		_ = json.Unmarshal(raw, into) // see the doc comment
	}
}

// equal reports whether two configurations are equal in every field.
func (c Config) equal(other Config) bool {
	for _, pair := range [][2]Config{{c, other}, {other, c}} {
		for field := range pair[0] {
			if pair[0].value(field) != pair[1].value(field) {
				return false
			}
		}
	}
	return true
}

// serverMetadata is the prefix of metadata that the server adds. Comparisons ignore it.
const serverMetadata = "_nats."

// own returns a field without the metadata that the server adds.
func (c Config) own(field string) (json.RawMessage, bool) {
	raw, ok := c[field]
	metadata := map[string]string{}
	if field != fieldMetadata || json.Unmarshal(raw, &metadata) != nil {
		return raw, ok
	}
	maps.DeleteFunc(metadata, func(key, _ string) bool { return strings.HasPrefix(key, serverMetadata) })
	raw, _ = json.Marshal(metadata) // a map of strings
	return raw, len(metadata) > 0
}

// value returns a field as canonical JSON for comparisons, or "" if it is unset or zero.
func (c Config) value(field string) string {
	raw, ok := c.own(field)
	if !ok {
		return ""
	}
	switch text := canonical(raw); text {
	case "null", "false", "0", `""`, "[]", "{}", `"default"`:
		return ""
	default:
		return text
	}
}

// canonical returns JSON in one canonical form. Encoders differ in white space, in the order of an object's fields and
// in the escaping of characters such as the > of a subject.
func canonical(raw json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return string(raw)
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return string(raw)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// contractDifferences compares a stream's whole configuration with the contract. History and replicas are configurable
// and compared only if exact is set. A fence is not a difference.
func (c Config) contractDifferences(spec Spec, exact bool) []Difference {
	want := contractForm(spec)
	if !exact {
		want.Config[fieldHistory] = c[fieldHistory]
		want.Config[fieldReplicas] = c[fieldReplicas]
	}
	return c.Differences(want)
}

// Differences compares a stream's whole configuration with the wanted form. A fence is not a difference.
func (c Config) Differences(form Form) []Difference {
	want := form.Config
	if c.fenced(form.Name) {
		want = maps.Clone(want)
		want[fieldSubjects] = c[fieldSubjects]
		c = maps.Clone(c)
		c.dropMetadata(isFenceMetadata)
	}
	fields := map[string]struct{}{}
	for field := range want {
		fields[field] = struct{}{}
	}
	for field := range c {
		fields[field] = struct{}{}
	}
	var found []Difference
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if raw, ok := c[field]; ok && bytes.Equal(raw, want[field]) {
			continue // as the server writes most fields
		}
		actual, required := c.value(field), want.value(field)
		if actual == required {
			continue
		}
		found = append(found, Difference{Field: field, Actual: c.show(field), Required: want.show(field)})
	}
	return found
}

// show returns a field as JSON for messages.
func (c Config) show(field string) string {
	raw, ok := c.own(field)
	if !ok {
		return "unset"
	}
	return canonical(raw)
}

// Unplaced is Differences without the placement, which the stream still has if its creation was interrupted. Settle
// clears it.
func (c Config) Unplaced(want Form) []Difference {
	return slices.DeleteFunc(c.Differences(want), func(v Difference) bool { return v.Field == fieldPlacement })
}

// Repaired returns the configuration with every field set to its wanted value and all other fields removed. The
// server's own metadata and a fence are kept.
func (c Config) Repaired(want Form) Config {
	next := maps.Clone(c)
	for _, difference := range c.Differences(want) {
		if difference.Field == fieldMetadata {
			fenced := c.fenced(want.Name)
			next.dropMetadata(func(key string) bool {
				return !strings.HasPrefix(key, serverMetadata) && !(fenced && isFenceMetadata(key))
			})
			continue
		}
		if required, ok := want.Config[difference.Field]; ok {
			next[difference.Field] = required
		} else {
			delete(next, difference.Field)
		}
	}
	return next
}

// dropMetadata removes the metadata whose keys drop selects.
func (c Config) dropMetadata(drop func(key string) bool) {
	metadata := map[string]string{}
	c.Get(fieldMetadata, &metadata)
	maps.DeleteFunc(metadata, func(key, _ string) bool { return drop(key) })
	c.Set(fieldMetadata, metadata)
}
