package placement

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// object is a placement; an empty cluster and no tags are null.
func object(cluster string, tags ...string) types.Object {
	values := map[string]attr.Value{"cluster": types.StringNull(), "tags": types.SetNull(types.StringType)}
	if cluster != "" {
		values["cluster"] = types.StringValue(cluster)
	}
	if len(tags) > 0 {
		elements := make([]attr.Value, len(tags))
		for i, tag := range tags {
			elements[i] = types.StringValue(tag)
		}
		values["tags"] = types.SetValueMust(types.StringType, elements)
	}
	return types.ObjectValueMust(AttributeTypes, values)
}

// A stream moves only to where it is not yet.
func TestMoves(t *testing.T) {
	null, unknown := types.ObjectNull(AttributeTypes), types.ObjectUnknown(AttributeTypes)
	unknownCluster := types.ObjectValueMust(AttributeTypes, map[string]attr.Value{
		"cluster": types.StringUnknown(), "tags": types.SetNull(types.StringType)})
	cases := map[string]struct {
		planned, before types.Object
		want            bool
	}{
		"none":                    {null, null, false},
		"removed":                 {null, object("eu"), false},
		"the same":                {object("us", "a"), object("us", "a"), false},
		"where it is":             {object("eu"), null, false},
		"elsewhere":               {object("us"), null, true},
		"elsewhere than before":   {object("us"), object("eu"), true},
		"tags":                    {object("", "a"), null, true},
		"other tags":              {object("eu", "b"), object("eu", "a"), true},
		"the cluster left out":    {object("", "a"), object("eu", "a"), false},
		"the tags left out":       {object("eu"), object("eu", "a"), false},
		"not known yet":           {unknown, object("eu"), true},
		"a cluster not known yet": {unknownCluster, object("eu"), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			if got := Moves(t.Context(), c.planned, c.before, types.StringValue("eu"), &diags); got != c.want || diags.HasError() {
				t.Errorf("it moves: %t, want %t; %v", got, c.want, diags)
			}
		})
	}
}

func TestOfAndFound(t *testing.T) {
	var diags diag.Diagnostics
	want := &kine.Placement{Cluster: "eu", Tags: []string{"a", "b"}}
	if diff := cmp.Diff(want, Of(t.Context(), object("eu", "b", "a"), &diags)); diff != "" {
		t.Errorf("the placement differs:\n%s", diff)
	}
	if place := Of(t.Context(), types.ObjectNull(AttributeTypes), &diags); place != nil {
		t.Errorf("none is %v", place)
	}
	for _, c := range []struct{ was, want types.Object }{
		{object("eu", "a"), object("us", "a")},
		{object("us"), object("us")},
		{object("", "a"), object("", "a")},
		{types.ObjectNull(AttributeTypes), types.ObjectNull(AttributeTypes)},
	} {
		if got := Found(t.Context(), c.was, types.StringValue("us"), &diags); !got.Equal(c.want) {
			t.Errorf("%s in us is found as %s, want %s", c.was, got, c.want)
		}
	}
	Validate(object(""), &diags)
	if diags.ErrorsCount() != 1 {
		t.Errorf("a placement that chooses nothing: %v", diags)
	}
	Validate(object("eu"), &diags)
	Validate(types.ObjectNull(AttributeTypes), &diags)
	if diags.ErrorsCount() != 1 {
		t.Errorf("one that does: %v", diags)
	}
}
