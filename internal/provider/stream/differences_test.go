package stream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// What is put into the list comes out of it.
func TestDifferences(t *testing.T) {
	mirror := kine.Difference{Field: "mirror", Actual: `{"name":"KV_x"}`, Required: "unset"}
	want := []kine.Difference{{Field: "max_age", Actual: "1", Required: "0"}, mirror}
	list, diags := DifferencesList(t.Context(), want)
	if diff := cmp.Diff(want, DifferencesOf(t.Context(), list, &diags)); diff != "" || diags.HasError() {
		t.Errorf("the differences differ: %v\n%s", diags, diff)
	}
	if diff := cmp.Diff([]kine.Difference{mirror}, Unrepairable(t.Context(), list, &diags)); diff != "" {
		t.Errorf("the unrepairable ones differ:\n%s", diff)
	}
	for _, none := range []types.List{NoDifferences(), types.ListNull(differenceType), types.ListUnknown(differenceType)} {
		var diags diag.Diagnostics
		if got := DifferencesOf(t.Context(), none, &diags); len(got) > 0 || diags.HasError() {
			t.Errorf("%s has %v: %v", none, got, diags)
		}
	}
}
