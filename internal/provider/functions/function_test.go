package functions_test

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/functions"
)

// run calls a function as the framework does.
func run(t *testing.T, f function.Function, arguments ...attr.Value) (attr.Value, *function.FuncError) {
	t.Helper()
	var definition function.DefinitionResponse
	f.Definition(t.Context(), function.DefinitionRequest{}, &definition)
	result, err := definition.Definition.Return.NewResultData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp := function.RunResponse{Result: result}
	f.Run(t.Context(), function.RunRequest{Arguments: function.NewArgumentsData(arguments)}, &resp)
	return resp.Result.Value(), resp.Error
}

// Null and unknown never come to a function: the framework answers for it, unless a parameter says otherwise.
func TestParameters(t *testing.T) {
	for _, f := range []function.Function{
		functions.NewK3sTokenHash(), functions.NewDatastoreEndpointParse(), functions.NewNKeyPublic(),
		functions.NewJWTDecode(),
		functions.NewKINEPermissions(), functions.NewKINEMirrorExports(), functions.NewKINEMirrorImports(),
	} {
		var definition function.DefinitionResponse
		f.Definition(t.Context(), function.DefinitionRequest{}, &definition)
		for _, p := range definition.Definition.Parameters {
			if p.GetAllowNullValue() || p.GetAllowUnknownValues() {
				t.Errorf("parameter %s takes null or unknown, which the function does not expect", p.GetName())
			}
		}
	}
}

func TestK3sTokenHash(t *testing.T) {
	got, err := run(t, functions.NewK3sTokenHash(), types.StringValue("password"))
	if want := types.StringValue("5e884898da28"); err != nil || !got.Equal(want) { // echo -n password | sha256sum
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	_, err = run(t, functions.NewK3sTokenHash(), types.StringValue(""))
	if err == nil || err.FunctionArgument == nil || *err.FunctionArgument != 0 {
		t.Errorf("of an empty token is said: %v", err)
	}
}

func TestDatastoreEndpointParse(t *testing.T) {
	got, err := run(t, functions.NewDatastoreEndpointParse(),
		types.StringValue("nats://k3s:s3cr3t@a:4222,nats://b?bucket=x,&slowMethod=1s"))
	if err != nil {
		t.Fatal(err)
	}
	object, ok := got.(types.Object)
	if !ok {
		t.Fatalf("got %T", got)
	}
	if text := object.Attributes()["error"]; text.IsNull() || object.Attributes()["bucket"].IsNull() {
		t.Errorf("got %s", got)
	}
	got, err = run(t, functions.NewDatastoreEndpointParse(),
		types.StringValue("nats://t0ken@a:4223?bucket=x&revHistory=20&noEmbed"))
	if err != nil {
		t.Fatal(err)
	}
	object, ok = got.(types.Object)
	if !ok {
		t.Fatalf("got %T", got)
	}
	for name, want := range map[string]attr.Value{
		"error": types.StringNull(), "bucket": types.StringValue("x"), "history": types.Int64Value(20),
		"replicas":       types.Int64Value(1),
		"authentication": types.StringValue("token"), "user": types.StringNull(), "slow_method": types.StringValue("500ms"),
		"url_redacted":     types.StringValue("nats://xxxxx@a:4223?bucket=x&revHistory=20&noEmbed"),
		"credentials_file": types.StringNull(),
	} {
		if value := object.Attributes()[name]; !value.Equal(want) {
			t.Errorf("%s is %s, want %s", name, value, want)
		}
	}
	if warnings, ok := object.Attributes()["warnings"].(types.List); !ok || warnings.IsNull() ||
		len(warnings.Elements()) != 0 {
		t.Errorf("the warnings are %s", object.Attributes()["warnings"])
	}
}

// The permissions are those that KINE needs, in the form that nats_user takes.
func TestKINEPermissions(t *testing.T) {
	got, funcErr := run(t, functions.NewKINEPermissions(), types.StringValue("edge"))
	if funcErr != nil {
		t.Fatal(funcErr)
	}
	object, ok := got.(types.Object)
	if !ok {
		t.Fatalf("got %T", got)
	}
	granted := claimattr.Permissions(attribute.NewObject(object.Attributes(), path.Empty()))
	publish, subscribe := kine.Permissions("edge")
	if !slices.Equal(granted.Publish.Allow, publish) || !slices.Equal(granted.Subscribe.Allow, subscribe) ||
		granted.Responses != nil ||
		len(granted.Publish.Deny)+len(granted.Subscribe.Deny) > 0 {
		t.Errorf("granted is %+v", granted)
	}
	if !slices.Contains(publish, "$KV.edge.>") || slices.ContainsFunc(publish, func(s string) bool { return s == ">" || s == "$JS.API.>" }) {
		t.Errorf("KINE may publish to %v", publish)
	}
	_, funcErr = run(t, functions.NewKINEPermissions(), types.StringValue("a.b"))
	if funcErr == nil || funcErr.FunctionArgument == nil || *funcErr.FunctionArgument != 0 {
		t.Errorf("of a bucket with a dot is said: %v", funcErr)
	}
}
