package acctest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// The walk reaches every depth of a schema and changes one value of a configuration.
func TestPlaces(t *testing.T) {
	t.Parallel()
	text := func(name string) *tfprotov6.SchemaAttribute {
		return &tfprotov6.SchemaAttribute{Name: name, Type: tftypes.String, Optional: true}
	}
	nested := func(name string, nesting tfprotov6.SchemaObjectNestingMode, attributes ...*tfprotov6.SchemaAttribute) *tfprotov6.SchemaAttribute {
		return &tfprotov6.SchemaAttribute{Name: name, Optional: true,
			NestedType: &tfprotov6.SchemaObject{Nesting: nesting, Attributes: attributes}}
	}
	served := acctest.Served{Schema: &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: []*tfprotov6.SchemaAttribute{
		text("name"),
		{Name: "computed", Type: tftypes.Number, Computed: true},
		{Name: "tags", Type: tftypes.Set{ElementType: tftypes.String}, Optional: true},
		{Name: "labels", Type: tftypes.Map{ElementType: tftypes.String}, Optional: true},
		nested("tls", tfprotov6.SchemaObjectNestingModeSingle, text("ca"), text("key")),
		nested("exports", tfprotov6.SchemaObjectNestingModeList, text("subject")),
		nested("keys", tfprotov6.SchemaObjectNestingModeMap, text("role")),
	}}}}
	base := acctest.Config{"name": "a", "tls": acctest.Config{"ca": "x"},
		"exports": []any{acctest.Config{}, acctest.Config{}}}
	with := func(attribute string, value any) acctest.Config {
		config := acctest.Config{"name": "a", "tls": base["tls"], "exports": base["exports"]}
		config[attribute] = value
		return config
	}
	want := map[string]acctest.Config{
		"name":               with("name", "S"),
		"tags[0]":            with("tags", []any{"S"}),
		"labels[key]":        with("labels", acctest.Config{"S": "value"}),
		`labels["key"]`:      with("labels", acctest.Config{"key": "S"}),
		"tls.ca":             with("tls", acctest.Config{"ca": "S"}),
		"tls.key":            with("tls", acctest.Config{"ca": "x", "key": "S"}),
		"exports[0].subject": with("exports", []any{acctest.Config{"subject": "S"}}),
		"keys[key]":          with("keys", acctest.Config{"S": acctest.Config{}}),
		`keys["key"].role`:   with("keys", acctest.Config{"key": acctest.Config{"role": "S"}}),
	}
	got := map[string]acctest.Config{}
	for _, p := range served.Places() {
		if p.Configurable != (p.String() != "computed") || p.IsText() != p.Configurable {
			t.Errorf("%s: configurable %t, a text %t", p, p.Configurable, p.IsText())
		}
		if p.Configurable {
			got[p.String()] = p.In(base, "S")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every served schema has places, and the provider can validate a configuration with a value at each of them.
func TestEverything(t *testing.T) {
	t.Parallel()
	kinds := map[acctest.Kind]int{}
	for _, s := range acctest.Everything(t) {
		places := s.Places()
		kinds[s.Kind] += len(places)
		if len(places) == 0 {
			t.Errorf("%s has no attributes", s)
			continue
		}
		s.Validate(t, places[0].In(acctest.Config{}, nil))
	}
	if len(kinds) != 4 {
		t.Errorf("places by kind: %v", kinds)
	}
}
