package functions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/functions"
)

// objects returns the elements of a list that is of the type of an attribute of nats_account.
func objects(t *testing.T, value attr.Value, name string) []map[string]attr.Value {
	t.Helper()
	var schema resource.SchemaResponse
	account.NewResource().Schema(t.Context(), resource.SchemaRequest{}, &schema)
	if want := schema.Schema.Attributes[name].GetType(); !value.Type(t.Context()).Equal(want) {
		t.Fatalf("the type is %s, that of %s is %s", value.Type(t.Context()), name, want)
	}
	list, _ := value.(types.List)
	var elements []map[string]attr.Value
	for _, element := range list.Elements() {
		object, ok := element.(types.Object)
		if !ok {
			t.Fatalf("an element is %T", element)
		}
		elements = append(elements, object.Attributes())
	}
	return elements
}

// refused checks that a function complains about an argument, in these words.
func refused(t *testing.T, err *function.FuncError, argument int64, words string) {
	t.Helper()
	if err == nil || err.FunctionArgument == nil || *err.FunctionArgument != argument ||
		!strings.Contains(err.Text, words) {
		t.Errorf("want a complaint about argument %d that says %q: %v", argument, words, err)
	}
}

// The exports are those that a mirror needs, in the form that nats_account takes.
func TestKINEMirrorExports(t *testing.T) {
	got, funcErr := run(t, functions.NewKINEMirrorExports(), types.StringValue("edge"))
	if funcErr != nil {
		t.Fatal(funcErr)
	}
	exports, want := objects(t, got, "exports"), mirror.Exports("edge")
	if len(exports) != len(want) {
		t.Fatalf("%d exports, want %d", len(exports), len(want))
	}
	for i, e := range exports {
		for name, value := range map[string]attr.Value{
			"subject": types.StringValue(want[i].Subject), "type": types.StringValue(want[i].Type),
			"name":           types.StringValue(want[i].Name),
			"token_required": types.BoolValue(true), "response_type": types.StringNull(),
			"account_token_position": types.Int64Null(),
		} {
			if !e[name].Equal(value) {
				t.Errorf("%s of export %d is %s, want %s", name, i, e[name], value)
			}
		}
	}
	_, funcErr = run(t, functions.NewKINEMirrorExports(), types.StringValue("a.b"))
	refused(t, funcErr, 0, "only letters, digits")
}

// The imports are those for the exports and their tokens, and what is wrong is said of the argument that it is in.
func TestKINEMirrorImports(t *testing.T) {
	source, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	importer, _, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := claims.NewAccountSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	tokens := map[string]attr.Value{}
	for _, e := range mirror.Exports("edge") {
		a := claims.Activation{
			Claims:  claims.Claims{PublicKey: importer},
			Subject: mirror.ActivationSubject(e.Subject, importer), Type: e.Type, IssuerAccount: source,
		}
		token, err := a.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[e.Subject] = types.StringValue(token)
	}
	call := func(bucket, source string, tokens map[string]attr.Value) (attr.Value, *function.FuncError) {
		return run(t, functions.NewKINEMirrorImports(), types.StringValue(bucket), types.StringValue(source),
			types.MapValueMust(types.StringType, tokens))
	}

	got, funcErr := call("edge", source, tokens)
	if funcErr != nil {
		t.Fatal(funcErr)
	}
	imports := objects(t, got, "imports")
	for i, e := range mirror.Exports("edge") {
		subject, local := types.StringValue(e.Subject), types.StringNull()
		switch {
		case e.Type == claims.Stream:
			subject = types.StringValue(mirror.DeliverPrefix("edge", importer, source) + ".>")
		case strings.HasPrefix(e.Subject, "$JS.API"):
			local = types.StringValue(mirror.APIPrefix(source) + strings.TrimPrefix(e.Subject, "$JS.API"))
		}
		for name, value := range map[string]attr.Value{
			"account": types.StringValue(source), "subject": subject, "type": types.StringValue(e.Type), "local_subject": local,
			"token": tokens[e.Subject], "name": types.StringValue(e.Name), "share": types.BoolNull(), "to": types.StringNull(),
		} {
			if !imports[i][name].Equal(value) {
				t.Errorf("%s of import %d is %s, want %s", name, i, imports[i][name], value)
			}
		}
	}

	_, funcErr = call("a.b", source, tokens)
	refused(t, funcErr, 0, "only letters, digits")
	_, funcErr = call("edge", seed, tokens)
	refused(t, funcErr, 1, "it is a seed, which is secret")
	if strings.Contains(funcErr.Text, seed) {
		t.Errorf("the seed is shown: %s", funcErr.Text)
	}
	_, funcErr = call("edge", importer, tokens)
	refused(t, funcErr, 2, "not issued by the exporting account")
	_, funcErr = call("kine", source, tokens)
	refused(t, funcErr, 2, `"$JS.API.CONSUMER.CREATE.KV_kine": The token is missing.`)
	_, funcErr = call("edge", source, nil)
	refused(t, funcErr, 2, `"$JS.FC.KV_edge.>": The token is missing.`)
	tokens["$JS.FC.KV_edge.>"] = types.StringNull()
	_, funcErr = call("edge", source, tokens)
	refused(t, funcErr, 2, `"$JS.FC.KV_edge.>": The token is missing.`)
}
