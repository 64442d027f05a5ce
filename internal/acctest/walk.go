package acctest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Kind is a kind of configuration that the provider accepts.
type Kind string

// The kinds of configuration.
const (
	ProviderBlock     Kind = "provider"
	Resource          Kind = "resource"
	DataSource        Kind = "data source"
	EphemeralResource Kind = "ephemeral resource"
)

// Served is one configuration that the provider accepts, with its schema.
type Served struct {
	Kind Kind
	// Name is the type, for example nats_account. It is empty for the provider block.
	Name   string
	Schema *tfprotov6.Schema
}

// Everything returns the schemas of the provider block and everything that the provider serves, in a fixed order.
func Everything(t *testing.T) []Served {
	t.Helper()
	return everything(Schemas(t))
}

func everything(schemas *tfprotov6.GetProviderSchemaResponse) []Served {
	all := []Served{{Kind: ProviderBlock, Schema: schemas.Provider}}
	add := func(kind Kind, of map[string]*tfprotov6.Schema) {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			all = append(all, Served{Kind: kind, Name: name, Schema: of[name]})
		}
	}
	add(Resource, schemas.ResourceSchemas)
	add(DataSource, schemas.DataSourceSchemas)
	add(EphemeralResource, schemas.EphemeralResourceSchemas)
	return all
}

func (s Served) String() string { return strings.TrimSpace(string(s.Kind) + " " + s.Name) }

// Validate calls the provider to validate a configuration of this schema.
func (s Served) Validate(t *testing.T, config Config) []Diagnostic {
	t.Helper()
	switch s.Kind {
	case Resource:
		return ValidateResource(t, s.Name, config)
	case DataSource:
		return ValidateDataSource(t, s.Name, config)
	case EphemeralResource:
		return ValidateEphemeral(t, s.Name, config)
	default:
		return ValidateProvider(t, config)
	}
}

// Places returns every place in the schema that holds a single value, including computed ones: attributes at any depth,
// elements of lists and sets, and keys and values of maps.
func (s Served) Places() []Place {
	w := walker{}
	w.attributes(nil, s.Schema.Block.Attributes, true)
	return w.places
}

// ArgumentPlaces returns every place in a function's arguments, which a [Config] contains by parameter name.
func ArgumentPlaces(function *tfprotov6.Function) []Place {
	w := walker{}
	for _, parameter := range function.Parameters {
		w.types(steps{attributeStep(parameter.Name)}, parameter.Type, nil, true)
	}
	if variadic := function.VariadicParameter; variadic != nil {
		w.types(steps{attributeStep(variadic.Name)}, tftypes.List{ElementType: variadic.Type}, nil, true)
	}
	return w.places
}

// IdentityPlaces returns every place in an identity schema.
func IdentityPlaces(schema *tfprotov6.ResourceIdentitySchema) []Place {
	w := walker{}
	for _, attribute := range schema.IdentityAttributes {
		w.types(steps{attributeStep(attribute.Name)}, attribute.Type, nil, true)
	}
	return w.places
}

// Complete returns a copy of a configuration in which every required attribute has a value. fill returns the value for
// the attribute's path, in which elements are 0 and "key".
func (s Served) Complete(config Config, fill func(path string, of tftypes.Type) any) Config {
	return complete("", s.Schema.Block.Attributes, config, fill)
}

func complete(
	at string, attributes []*tfprotov6.SchemaAttribute, config Config, fill func(path string, of tftypes.Type) any,
) Config {
	config = maps.Clone(config)
	if config == nil {
		config = Config{}
	}
	for _, a := range attributes {
		name := strings.TrimPrefix(at+"."+a.Name, ".")
		value := config[a.Name]
		switch {
		case value == nil && !a.Required:
			continue
		case a.NestedType == nil:
			if value == nil {
				config[a.Name] = fill(name, a.Type)
			}
			continue
		}
		switch a.NestedType.Nesting {
		case tfprotov6.SchemaObjectNestingModeList, tfprotov6.SchemaObjectNestingModeSet:
			list, _ := value.([]any)
			list = slices.Clone(list)
			for i, element := range list {
				element, _ := element.(Config)
				list[i] = complete(name+".0", a.NestedType.Attributes, element, fill)
			}
			config[a.Name] = list
		case tfprotov6.SchemaObjectNestingModeMap:
			entries, _ := value.(Config)
			entries = maps.Clone(entries)
			for key, entry := range entries {
				entry, _ := entry.(Config)
				entries[key] = complete(name+"."+mapKey, a.NestedType.Attributes, entry, fill)
			}
			config[a.Name] = entries
		default:
			object, _ := value.(Config)
			config[a.Name] = complete(name, a.NestedType.Attributes, object, fill)
		}
	}
	return config
}

// Place is a position in a configuration that holds a single value: a string, a number or a boolean.
type Place struct {
	// Type is the type of the value.
	Type tftypes.Type
	// Attribute is the innermost schema attribute that contains the place. It is nil for arguments and identities.
	Attribute *tfprotov6.SchemaAttribute
	// Configurable reports whether a configuration may set the value. Otherwise only the provider sets it.
	Configurable bool
	// Key reports whether the place is a key of a map, Element whether it is an element of a list, a set or a map. An
	// attribute of a nested object is neither.
	Key, Element bool

	steps steps
}

// IsText reports whether the place holds a string.
func (p Place) IsText() bool { return p.Type.Is(tftypes.String) }

// String returns the path of the place as in diagnostics: [0] for an element of a list or set, ["key"] for a value of a
// map, and [key] for a key.
func (p Place) String() string { return p.steps.String() }

// In returns a copy of a configuration with this value at the place. Existing objects on the path keep their other
// attributes. Lists, sets and maps on the path keep only their first element, so that the value occurs once.
func (p Place) In(base Config, value any) Config {
	config, _ := p.steps.put(base, value).(Config)
	return config
}

// mapKey is the key of a map on the path of a place.
const mapKey = "key"

type (
	steps         []any
	attributeStep string
	elementStep   struct{}
	entryStep     struct{}
	keyStep       struct{ of tftypes.Type }
)

func (s steps) String() string {
	var b strings.Builder
	for _, step := range s {
		switch step := step.(type) {
		case attributeStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(step))
		case elementStep:
			b.WriteString("[0]")
		case entryStep:
			fmt.Fprintf(&b, "[%q]", mapKey)
		case keyStep:
			b.WriteString("[key]")
		}
	}
	return b.String()
}

// put returns the configuration at these steps with the value set in it.
func (s steps) put(base, value any) any {
	if len(s) == 0 {
		return value
	}
	switch step := s[0].(type) {
	case elementStep:
		var first any
		if list, _ := base.([]any); len(list) > 0 {
			first = list[0]
		}
		return []any{s[1:].put(first, value)}
	case entryStep:
		entry := firstEntry(base)
		return Config{mapKey: s[1:].put(entry, value)}
	case keyStep:
		key, _ := value.(string)
		entry := firstEntry(base)
		if entry == nil {
			entry = plain(step.of)
		}
		return Config{key: entry}
	case attributeStep:
		config, _ := base.(Config)
		config = maps.Clone(config)
		if config == nil {
			config = Config{}
		}
		name := string(step)
		config[name] = s[1:].put(config[name], value)
		return config
	}
	return nil
}

// firstEntry returns the first value of a map in key order, or nil if the map is empty.
func firstEntry(value any) any {
	config, _ := value.(Config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		return config[key]
	}
	return nil
}

// plain returns a value of a type, to accompany the key of a map.
func plain(of tftypes.Type) any {
	switch of.(type) {
	case tftypes.Object, tftypes.Map:
		return Config{}
	case tftypes.List, tftypes.Set:
		return []any{}
	}
	switch {
	case of.Is(tftypes.Number):
		return 1
	case of.Is(tftypes.Bool):
		return true
	}
	return "value"
}

type walker struct{ places []Place }

func (w *walker) attributes(at steps, attributes []*tfprotov6.SchemaAttribute, configurable bool) {
	for _, a := range attributes {
		at, configurable := append(slices.Clone(at), attributeStep(a.Name)), configurable && (a.Required || a.Optional)
		if a.NestedType == nil {
			w.types(at, a.Type, a, configurable)
			continue
		}
		switch a.NestedType.Nesting {
		case tfprotov6.SchemaObjectNestingModeList, tfprotov6.SchemaObjectNestingModeSet:
			at = append(at, elementStep{})
		case tfprotov6.SchemaObjectNestingModeMap:
			w.add(append(slices.Clone(at), keyStep{of: tftypes.Object{}}), tftypes.String, a, configurable)
			at = append(at, entryStep{})
		}
		w.attributes(at, a.NestedType.Attributes, configurable)
	}
}

func (w *walker) types(at steps, of tftypes.Type, attribute *tfprotov6.SchemaAttribute, configurable bool) {
	at = slices.Clone(at)
	switch of := of.(type) {
	case tftypes.Object:
		for _, name := range slices.Sorted(maps.Keys(of.AttributeTypes)) {
			w.types(append(at, attributeStep(name)), of.AttributeTypes[name], attribute, configurable)
		}
	case tftypes.List:
		w.types(append(at, elementStep{}), of.ElementType, attribute, configurable)
	case tftypes.Set:
		w.types(append(at, elementStep{}), of.ElementType, attribute, configurable)
	case tftypes.Map:
		w.add(append(slices.Clone(at), keyStep{of: of.ElementType}), tftypes.String, attribute, configurable)
		w.types(append(at, entryStep{}), of.ElementType, attribute, configurable)
	default:
		w.add(at, of, attribute, configurable)
	}
}

func (w *walker) add(at steps, of tftypes.Type, attribute *tfprotov6.SchemaAttribute, configurable bool) {
	place := Place{Type: of, Attribute: attribute, Configurable: configurable, steps: at}
	switch at[len(at)-1].(type) {
	case keyStep:
		place.Key = true
	case elementStep, entryStep:
		place.Element = true
	}
	w.places = append(w.places, place)
}
