package claimattr_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

var names = claimattr.Names{"Tiers": "jetstream.tiers", "Mappings[]": "destinations", "Tags#": ""}

func TestPath(t *testing.T) {
	for want, fields := range map[string][]any{
		``:                                     {},
		`public_key`:                           {"PublicKey"},
		`info_url`:                             {"InfoURL"},
		`exports[2].account_token_position`:    {"Exports", 2, "AccountTokenPosition"},
		`jetstream.tiers["R1"].disk_storage`:   {"Tiers", claims.Key("R1"), "DiskStorage"},
		`mappings["a.*"]`:                      {"Mappings", claims.Key("a.*")},
		`mappings["a"].destinations[0].weight`: {"Mappings", claims.Key("a"), 0, "Weight"},
		`tags`:                                 {"Tags", 3},
		`scope.template.permissions.deny[1]`:   {"Scope", "Template", "Permissions", "Deny", 1},
	} {
		if got := names.Path(fields).String(); got != want {
			t.Errorf("path of %v is %s, want %s", fields, got, want)
		}
	}
}

// A problem that an unknown value can decide is not reported.
func TestUndecided(t *testing.T) {
	export := path.Root("exports").AtListIndex(0)
	for _, c := range []struct {
		unknown path.Path
		told    []string
	}{
		{path.Root("description"), []string{"exports[0].subject", "exports[1].subject", "limits.exports"}},
		{export.AtName("type"), []string{"exports[1].subject", "limits.exports"}}, // of the same element
		{path.Root("exports"), []string{"limits.exports"}},
		{path.Root("limits").AtName("data"), []string{"exports[0].subject", "exports[1].subject"}},
	} {
		var diags diag.Diagnostics
		claimattr.AddProblems(&diags, []claims.Problem{
			{Path: []any{"Exports", 0, "Subject"}, Text: "x"}, {Path: []any{"Exports", 1, "Subject"}, Text: "x"}, {Path: []any{"Limits", "Exports"}, Text: "x"},
		}, names, path.Paths{c.unknown})
		var told []string
		for _, d := range diags {
			if at, ok := d.(diag.DiagnosticWithPath); ok {
				told = append(told, at.Path().String())
			}
		}
		if len(told) != len(c.told) {
			t.Errorf("with %s unknown, problems are at %v", c.unknown, told)
			continue
		}
		for i := range told {
			if told[i] != c.told[i] {
				t.Errorf("with %s unknown, problems are at %v, want %v", c.unknown, told, c.told)
			}
		}
	}
}
