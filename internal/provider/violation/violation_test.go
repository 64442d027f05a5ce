package violation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// What is put into the list comes out of it.
func TestList(t *testing.T) {
	mirror := kine.Violation{Field: "mirror", Actual: `{"name":"KV_x"}`, Required: "unset"}
	want := []kine.Violation{{Field: "max_age", Actual: "1", Required: "0"}, mirror}
	list, diags := List(t.Context(), want)
	if diff := cmp.Diff(want, Of(t.Context(), list, &diags)); diff != "" || diags.HasError() {
		t.Errorf("the violations differ: %v\n%s", diags, diff)
	}
	if diff := cmp.Diff([]kine.Violation{mirror}, Unrepairable(t.Context(), list, &diags)); diff != "" {
		t.Errorf("the unrepairable ones differ:\n%s", diff)
	}
	for _, none := range []types.List{None(), types.ListNull(objectType), types.ListUnknown(objectType)} {
		var diags diag.Diagnostics
		if got := Of(t.Context(), none, &diags); len(got) > 0 || diags.HasError() {
			t.Errorf("%s has %v: %v", none, got, diags)
		}
	}
}
