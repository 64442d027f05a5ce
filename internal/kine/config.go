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

// The fields of a configuration that this package and package mirror read or set by themselves.
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

// Config is a stream's configuration as the server sends it, so that fields which this version does not know are seen,
// compared and kept.
type Config map[string]json.RawMessage

// NewConfig returns a configuration in the form that the server sends.
func NewConfig(c jetstream.StreamConfig) Config {
	text, err := json.Marshal(c)
	if err == nil {
		var raw Config
		if err = json.Unmarshal(text, &raw); err == nil {
			return raw
		}
	}
	panic(fmt.Sprintf("a stream's configuration is not JSON: %v", err)) // plain values: it cannot fail at run time
}

// spec reads the configuration as that of a bucket.
func (c Config) spec() Spec {
	var stream string
	c.Get(fieldName, &stream)
	spec := Spec{Name: strings.TrimPrefix(stream, streamPrefix)}
	c.Get(fieldHistory, &spec.History)
	c.Get(fieldReplicas, &spec.Replicas)
	return spec
}

// Set writes a value that is known to become JSON.
func (c Config) Set(field string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%s is not JSON: %v", field, err))
	}
	c[field] = text
}

// Get reads a field; one that is missing or of another type leaves into as it is.
func (c Config) Get(field string, into any) {
	if raw, ok := c[field]; ok {
		_ = json.Unmarshal(raw, into) // the server's own types: see the comment above
	}
}

// equal tells whether two configurations are the same in every field.
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

// serverMetadata is the prefix of metadata that the server adds by itself, and that no comparison counts.
const serverMetadata = "_nats."

// own returns a field without what the server adds to it by itself.
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

// value returns a field in a form that compares: "" for what is unset or zero, else canonical JSON.
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

// canonical returns JSON in one of the many forms in which it can be written: white space, the order of an object's
// fields and the escaping of characters such as the > of a subject differ from writer to writer.
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

// contractDifferences compares a stream's whole configuration with the contract. History and replicas are a choice, not part of
// it, and are compared only if exact is set. On a fenced stream the fence is no difference.
func (c Config) contractDifferences(spec Spec, exact bool) []Difference {
	want := contractForm(spec)
	if !exact {
		want.Config[fieldHistory] = c[fieldHistory]
		want.Config[fieldReplicas] = c[fieldReplicas]
	}
	return c.Differences(want)
}

// Differences compares a stream's whole configuration with what it should be. A fence is none.
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
		actual, required := c.value(field), want.value(field)
		if actual == required {
			continue
		}
		found = append(found, Difference{Field: field, Actual: c.show(field), Required: want.show(field)})
	}
	return found
}

// show returns a field as JSON, for people to read.
func (c Config) show(field string) string {
	raw, ok := c.own(field)
	if !ok {
		return "unset"
	}
	return canonical(raw)
}

// Unplaced is Differences without the placement, which the stream of a creation that was cut short still has. Settling it
// sees to that.
func (c Config) Unplaced(want Form) []Difference {
	return slices.DeleteFunc(c.Differences(want), func(v Difference) bool { return v.Field == fieldPlacement })
}

// Repaired returns the configuration with every field that is wanted set to what is wanted, and every other one removed. The
// server's own metadata stays, as does a fence.
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
