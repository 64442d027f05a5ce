package validators_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// A seed that stands among public keys by mistake is an error on the set: the path of the element would show it.
func TestElementsOfSetsAreNotShown(t *testing.T) {
	_, seed, err := claims.NewKey(natsconn.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	var resp validator.SetResponse
	setvalidator.ValueStringsAre(validators.PublicKey(natsconn.OperatorKey)).ValidateSet(t.Context(), validator.SetRequest{
		Path: path.Root("signing_keys"), PathExpression: path.MatchRoot("signing_keys"),
		ConfigValue: types.SetValueMust(types.StringType, []attr.Value{types.StringValue(seed)}),
	}, &resp)
	if len(resp.Diagnostics) != 1 {
		t.Fatalf("%v", resp.Diagnostics)
	}
	d, _ := resp.Diagnostics[0].(interface{ Path() path.Path })
	if text := resp.Diagnostics[0].Detail(); d == nil || !d.Path().Equal(path.Root("signing_keys")) ||
		strings.Contains(text, seed) ||
		!strings.HasPrefix(text, "Attribute signing_keys must be a public key: it is a seed") {
		t.Errorf("%v: %s", d, text)
	}
}
