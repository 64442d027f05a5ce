package acctest

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Config is a configuration as a CLI passes it to the provider: strings, numbers, booleans, lists and sets ([]any), and
// objects and maps (Config) by attribute or key. Missing values are null.
type Config map[string]any

// Unknown is a value in a Config that is not known yet.
type Unknown struct{}

// Diagnostic is a diagnostic of the provider.
type Diagnostic struct {
	// Path is the path of the attribute, for example "servers[1]" or "tls.ca_file".
	Path string
	// Text is the summary and the detail.
	Text    string
	Warning bool
}

// ValidateProvider calls the provider to validate its own configuration, as every plan does first.
func ValidateProvider(t *testing.T, config Config) []Diagnostic {
	t.Helper()
	server, schemas := serve(t)
	resp, err := server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{
		Config: encode(t, schemas.Provider.ValueType(), config),
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// ValidateResource calls the provider to validate the configuration of a resource, as every plan does first.
func ValidateResource(t *testing.T, resource string, config Config) []Diagnostic {
	t.Helper()
	server, schemas := serve(t)
	resp, err := server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName:           resource,
		Config:             encode(t, schemas.ResourceSchemas[resource].ValueType(), config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// ValidateEphemeral calls the provider to validate the configuration of an ephemeral resource, as every plan does
// first.
func ValidateEphemeral(t *testing.T, resource string, config Config) []Diagnostic {
	t.Helper()
	server, schemas := serve(t)
	resp, err := server.ValidateEphemeralResourceConfig(t.Context(), &tfprotov6.ValidateEphemeralResourceConfigRequest{
		TypeName: resource,
		Config:   encode(t, schemas.EphemeralResourceSchemas[resource].ValueType(), config),
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// OpenEphemeral opens an ephemeral resource with an unconfigured provider and closes it immediately. It returns the
// attributes in the form of [ImportResource], and the private data that a CLI would store in between.
func OpenEphemeral(
	t *testing.T, resource string, config Config,
) (attributes map[string]any, private []byte, found []Diagnostic) {
	t.Helper()
	server, schemas := serve(t)
	of := schemas.EphemeralResourceSchemas[resource].ValueType()
	opened, err := server.OpenEphemeralResource(t.Context(),
		&tfprotov6.OpenEphemeralResourceRequest{TypeName: resource, Config: encode(t, of, config)})
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.Diagnostics) > 0 {
		return nil, nil, diagnostics(opened.Diagnostics)
	}
	value, err := opened.Result.Unmarshal(of)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := server.CloseEphemeralResource(t.Context(),
		&tfprotov6.CloseEphemeralResourceRequest{TypeName: resource, Private: opened.Private})
	if err != nil {
		t.Fatal(err)
	}
	attributes, _ = fromValue(t, value).(map[string]any)
	return attributes, opened.Private, diagnostics(closed.Diagnostics)
}

// Configured returns the data that the configured provider passes to its resources, and its diagnostics.
func Configured(t *testing.T, config Config) (*connection.Data, []Diagnostic) {
	t.Helper()
	p := provider.New("test")()
	var schema frameworkprovider.SchemaResponse
	p.Schema(t.Context(), frameworkprovider.SchemaRequest{}, &schema)
	raw := toValue(t, schema.Schema.Type().TerraformType(t.Context()), config)
	var resp frameworkprovider.ConfigureResponse
	p.Configure(t.Context(),
		frameworkprovider.ConfigureRequest{Config: tfsdk.Config{Schema: schema.Schema, Raw: raw}}, &resp)
	var found []Diagnostic
	for _, d := range resp.Diagnostics {
		found = append(found,
			Diagnostic{Text: d.Summary() + "\n" + d.Detail(), Warning: d.Severity() == diag.SeverityWarning})
	}
	data, _ := resp.ResourceData.(*connection.Data)
	return data, found
}

// ValidateDataSource calls the provider to validate the configuration of a data source, as every plan does first.
func ValidateDataSource(t *testing.T, source string, config Config) []Diagnostic {
	t.Helper()
	server, schemas := serve(t)
	resp, err := server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{
		TypeName: source,
		Config:   encode(t, schemas.DataSourceSchemas[source].ValueType(), config),
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// ReadDataSource reads a data source with a provider that is configured only by the environment. It returns the
// attributes in the form of [ImportResource].
func ReadDataSource(t *testing.T, source string, config Config) (map[string]any, []Diagnostic) {
	t.Helper()
	server, schemas := serve(t)
	configured := configure(t, server, schemas, Config{})
	of := schemas.DataSourceSchemas[source].ValueType()
	resp, err := server.ReadDataSource(t.Context(),
		&tfprotov6.ReadDataSourceRequest{TypeName: source, Config: encode(t, of, config)})
	if err != nil {
		t.Fatal(err)
	}
	state, err := resp.State.Unmarshal(of)
	if err != nil {
		t.Fatal(err)
	}
	attributes, ok := fromValue(t, state).(map[string]any)
	if !ok && len(resp.Diagnostics) == 0 {
		t.Fatalf("the state is %s", state)
	}
	return attributes, append(configured, diagnostics(resp.Diagnostics)...)
}

// configure configures the provider.
func configure(
	t *testing.T, server tfprotov6.ProviderServer, schemas *tfprotov6.GetProviderSchemaResponse, config Config,
) []Diagnostic {
	t.Helper()
	resp, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
		Config: encode(t, schemas.Provider.ValueType(), config),
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// ReadResource configures the provider and refreshes a resource with this state.
func ReadResource(t *testing.T, provider Config, resource string, state Config) []Diagnostic {
	t.Helper()
	server, schemas := serve(t)
	configured := configure(t, server, schemas, provider)
	read, err := server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName:     resource,
		CurrentState: encode(t, schemas.ResourceSchemas[resource].ValueType(), state),
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(configured, diagnostics(read.Diagnostics)...)
}

// PlanResource configures the provider and plans a change of a resource from this state to this configuration, which
// includes the computed attributes. It returns the attributes that require a replacement.
func PlanResource(
	t *testing.T, provider Config, resource string, state, config Config,
) (replaces []string, found []Diagnostic) {
	t.Helper()
	server, schemas := serve(t)
	configured := configure(t, server, schemas, provider)
	of := schemas.ResourceSchemas[resource].ValueType()
	proposed := encode(t, of, config)
	resp, err := server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: resource, PriorState: encode(t, of, state), ProposedNewState: proposed, Config: proposed,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range resp.RequiresReplace {
		replaces = append(replaces, attribute.Path(at).String())
	}
	return replaces, append(configured, diagnostics(resp.Diagnostics)...)
}

// Schemas returns the schemas of everything that the provider serves.
func Schemas(t *testing.T) *tfprotov6.GetProviderSchemaResponse {
	t.Helper()
	_, schemas := serve(t)
	return schemas
}

func serve(t *testing.T) (tfprotov6.ProviderServer, *tfprotov6.GetProviderSchemaResponse) {
	t.Helper()
	server, err := Factories["nats"]()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return server, schemas
}

func diagnostics(list []*tfprotov6.Diagnostic) []Diagnostic {
	found := make([]Diagnostic, len(list))
	for i, d := range list {
		found[i] = Diagnostic{
			Path: attribute.Path(d.Attribute).String(), Text: d.Summary + "\n" + d.Detail,
			Warning: d.Severity == tfprotov6.DiagnosticSeverityWarning,
		}
	}
	slices.SortFunc(found, func(a, b Diagnostic) int { return strings.Compare(a.Path, b.Path) })
	return found
}

func encode(t *testing.T, of tftypes.Type, config Config) *tfprotov6.DynamicValue {
	t.Helper()
	value, err := tfprotov6.NewDynamicValue(of, toValue(t, of, config))
	if err != nil {
		t.Fatal(err)
	}
	return &value
}

// toValue converts a value of a Config to a type.
func toValue(t *testing.T, of tftypes.Type, value any) tftypes.Value {
	t.Helper()
	switch value.(type) {
	case nil:
		return tftypes.NewValue(of, nil)
	case Unknown:
		return tftypes.NewValue(of, tftypes.UnknownValue)
	}
	switch of := of.(type) {
	case tftypes.Object:
		attributes := map[string]tftypes.Value{}
		config, _ := value.(Config)
		for name, attribute := range of.AttributeTypes {
			attributes[name] = toValue(t, attribute, config[name])
		}
		for name := range config {
			if _, ok := of.AttributeTypes[name]; !ok {
				t.Fatalf("there is no attribute %s", name)
			}
		}
		return tftypes.NewValue(of, attributes)
	case tftypes.List:
		return tftypes.NewValue(of, toValues(t, of.ElementType, value))
	case tftypes.Set:
		return tftypes.NewValue(of, toValues(t, of.ElementType, value))
	case tftypes.Map:
		entries := map[string]tftypes.Value{}
		config, _ := value.(Config)
		for key, entry := range config {
			entries[key] = toValue(t, of.ElementType, entry)
		}
		return tftypes.NewValue(of, entries)
	}
	if n, ok := value.(int); ok {
		value = big.NewFloat(float64(n))
	}
	return tftypes.NewValue(of, value)
}

func toValues(t *testing.T, of tftypes.Type, value any) []tftypes.Value {
	t.Helper()
	list, _ := value.([]any)
	elements := make([]tftypes.Value, len(list))
	for i, element := range list {
		elements[i] = toValue(t, of, element)
	}
	return elements
}

// ImportByIdentity imports a resource by its identity, as an import block does, and returns the diagnostics.
func ImportByIdentity(t *testing.T, resource string, identity Config) []Diagnostic {
	t.Helper()
	server, _ := serve(t)
	schemas, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{
		TypeName: resource,
		Identity: &tfprotov6.ResourceIdentityData{IdentityData: encode(t, schemas.IdentitySchemas[resource].ValueType(),
			identity)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// ImportResource imports a resource by its ID, as `import` does before it reads the resource. It returns the imported
// attributes in the form of a [Config] with maps for objects, or nil if the provider refuses the ID.
func ImportResource(t *testing.T, resource, id string) (map[string]any, []Diagnostic) {
	t.Helper()
	server, schemas := serve(t)
	resp, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: resource, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.ImportedResources) == 0 {
		return nil, diagnostics(resp.Diagnostics)
	}
	state, err := resp.ImportedResources[0].State.Unmarshal(schemas.ResourceSchemas[resource].ValueType())
	if err != nil {
		t.Fatal(err)
	}
	attributes, ok := fromValue(t, state).(map[string]any)
	if !ok {
		t.Fatalf("the state is %s", state)
	}
	return attributes, diagnostics(resp.Diagnostics)
}

// fromValue is the reverse of toValue. Null becomes nil, and numbers become integers.
func fromValue(t *testing.T, value tftypes.Value) any {
	t.Helper()
	if value.IsNull() {
		return nil
	}
	var err error
	switch value.Type().(type) {
	case tftypes.Object, tftypes.Map:
		values := map[string]tftypes.Value{}
		err = value.As(&values)
		object := map[string]any{}
		for name, v := range values {
			object[name] = fromValue(t, v)
		}
		return check(t, object, err)
	case tftypes.List, tftypes.Set:
		var values []tftypes.Value
		err = value.As(&values)
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = fromValue(t, v)
		}
		return check(t, list, err)
	}
	switch {
	case value.Type().Is(tftypes.String):
		var text string
		err = value.As(&text)
		return check(t, text, err)
	case value.Type().Is(tftypes.Bool):
		var yes bool
		err = value.As(&yes)
		return check(t, yes, err)
	}
	var number big.Float
	err = value.As(&number)
	n, _ := number.Int64()
	return check(t, int(n), err)
}

func check(t *testing.T, value any, err error) any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}
