package stream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// placementObject is a placement; an empty cluster and no tags are null.
func placementObject(cluster string, tags ...string) types.Object {
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
	return types.ObjectValueMust(placementTypes, values)
}

// A stream moves only to where it is not yet.
func TestMoves(t *testing.T) {
	null, unknown := types.ObjectNull(placementTypes), types.ObjectUnknown(placementTypes)
	unknownCluster := types.ObjectValueMust(placementTypes, map[string]attr.Value{
		"cluster": types.StringUnknown(), "tags": types.SetNull(types.StringType)})
	cases := map[string]struct {
		planned, before types.Object
		want            bool
	}{
		"none":                    {null, null, false},
		"removed":                 {null, placementObject("eu"), false},
		"the same":                {placementObject("us", "a"), placementObject("us", "a"), false},
		"where it is":             {placementObject("eu"), null, false},
		"elsewhere":               {placementObject("us"), null, true},
		"elsewhere than before":   {placementObject("us"), placementObject("eu"), true},
		"tags":                    {placementObject("", "a"), null, true},
		"other tags":              {placementObject("eu", "b"), placementObject("eu", "a"), true},
		"the cluster left out":    {placementObject("", "a"), placementObject("eu", "a"), false},
		"the tags left out":       {placementObject("eu"), placementObject("eu", "a"), false},
		"not known yet":           {unknown, placementObject("eu"), true},
		"a cluster not known yet": {unknownCluster, placementObject("eu"), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			if got := Moves(t.Context(), c.planned, c.before, types.StringValue("eu"), &diags); got != c.want ||
				diags.HasError() {
				t.Errorf("it moves: %t, want %t; %v", got, c.want, diags)
			}
		})
	}
}

func TestPlacement(t *testing.T) {
	var diags diag.Diagnostics
	want := &kine.Placement{Cluster: "eu", Tags: []string{"a", "b"}}
	if diff := cmp.Diff(want, PlacementOf(t.Context(), placementObject("eu", "b", "a"), &diags)); diff != "" {
		t.Errorf("the placement differs:\n%s", diff)
	}
	if place := PlacementOf(t.Context(), types.ObjectNull(placementTypes), &diags); place != nil {
		t.Errorf("none is %v", place)
	}
	for _, c := range []struct{ was, want types.Object }{
		{placementObject("eu", "a"), placementObject("us", "a")},
		{placementObject("us"), placementObject("us")},
		{placementObject("", "a"), placementObject("", "a")},
		{types.ObjectNull(placementTypes), types.ObjectNull(placementTypes)},
	} {
		if got := FoundPlacement(t.Context(), c.was, types.StringValue("us"), &diags); !got.Equal(c.want) {
			t.Errorf("%s in us is found as %s, want %s", c.was, got, c.want)
		}
	}
	ValidatePlacement(t.Context(), placementObject(""), &diags)
	if diags.ErrorsCount() != 1 {
		t.Errorf("a placement that chooses nothing: %v", diags)
	}
	ValidatePlacement(t.Context(), placementObject("eu"), &diags)
	ValidatePlacement(t.Context(), types.ObjectNull(placementTypes), &diags)
	if diags.ErrorsCount() != 1 {
		t.Errorf("one that does: %v", diags)
	}
}
