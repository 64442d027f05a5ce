package attribute_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

// An object is decoded by the struct's tags; one that does not fit panics, so that no misspelt name reads as null.
func TestDecode(t *testing.T) {
	t.Parallel()
	of := map[string]attr.Type{"cluster": types.StringType}
	object := types.ObjectValueMust(of, map[string]attr.Value{"cluster": types.StringValue("eu")})
	var fits struct {
		Cluster types.String `tfsdk:"cluster"`
	}
	attribute.Decode(t.Context(), object, &fits)
	if fits.Cluster.ValueString() != "eu" {
		t.Errorf("the cluster is %s", fits.Cluster)
	}
	for _, none := range []types.Object{types.ObjectNull(of), types.ObjectUnknown(of)} {
		if attribute.Decode(t.Context(), none, &fits); fits.Cluster.ValueString() != "eu" {
			t.Errorf("%s is decoded as %s", none, fits.Cluster)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a misspelt name is decoded")
		}
	}()
	var misspelt struct {
		Cluster types.String `tfsdk:"clutser"`
	}
	attribute.Decode(t.Context(), object, &misspelt)
}
