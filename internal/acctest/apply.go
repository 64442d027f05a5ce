package acctest

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Provider is a configured provider in the test process, called through its protocol as a CLI calls it but without the
// processor time of a CLI. It handles one instance of a resource at a time and no dependencies.
type Provider struct {
	server  tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
}

// State is what a CLI stores of a resource. The zero value is the state of a resource that does not exist.
type State struct {
	value    *tfprotov6.DynamicValue
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

// NewProvider configures a provider and fails the test on an error.
func NewProvider(t *testing.T, config Config) *Provider {
	t.Helper()
	server, schemas := serve(t)
	if found := configure(t, server, schemas, config); len(Failures(found)) > 0 {
		t.Fatalf("the provider's configuration is refused: %v", found)
	}
	return &Provider{server, schemas}
}

// Failures returns the errors among diagnostics.
func Failures(found []Diagnostic) []Diagnostic {
	return slices.DeleteFunc(slices.Clone(found), func(d Diagnostic) bool { return d.Warning })
}

// Exists reports whether the resource exists.
func (s State) Exists() bool {
	if s.value == nil {
		return false
	}
	null, err := s.value.IsNull()
	return err == nil && !null
}

func (p *Provider) typeOf(resource string) tftypes.Type {
	return p.schemas.ResourceSchemas[resource].ValueType()
}

// current returns the value of a state, which is null for a resource that does not exist.
func (p *Provider) current(t *testing.T, resource string, s State) *tfprotov6.DynamicValue {
	t.Helper()
	if s.value != nil {
		return s.value
	}
	null, err := tfprotov6.NewDynamicValue(p.typeOf(resource), tftypes.NewValue(p.typeOf(resource), nil))
	if err != nil {
		t.Fatal(err)
	}
	return &null
}

// Attributes returns the attributes in a state in the form of a [Config] with maps for objects, or nil if the resource
// does not exist.
func (p *Provider) Attributes(t *testing.T, resource string, s State) map[string]any {
	t.Helper()
	value, err := p.current(t, resource, s).Unmarshal(p.typeOf(resource))
	if err != nil {
		t.Fatal(err)
	}
	attributes, _ := fromValue(t, value).(map[string]any)
	return attributes
}

// Read refreshes a resource.
func (p *Provider) Read(t *testing.T, resource string, s State) (State, []Diagnostic) {
	t.Helper()
	resp, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: resource, CurrentState: p.current(t, resource, s), Private: s.private, CurrentIdentity: s.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return State{resp.NewState, resp.Private, resp.NewIdentity}, diagnostics(resp.Diagnostics)
}

// Plan plans a change to a configuration, or a destruction if it is nil, and returns the planned state.
func (p *Provider) Plan(t *testing.T, resource string, s State, config Config) (planned State, found []Diagnostic) {
	t.Helper()
	resp, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: resource, PriorState: p.current(t, resource, s), ProposedNewState: p.proposed(t, resource, s, config),
		Config: p.config(t, resource, config), PriorPrivate: s.private, PriorIdentity: s.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return State{resp.PlannedState, resp.PlannedPrivate, resp.PlannedIdentity}, diagnostics(resp.Diagnostics)
}

// Apply plans a change to a configuration, or a destruction if it is nil, and applies the plan. After a failure it
// returns the state that a CLI would store.
func (p *Provider) Apply(t *testing.T, resource string, s State, config Config) (State, []Diagnostic) {
	t.Helper()
	planned, found := p.Plan(t, resource, s, config)
	if len(Failures(found)) > 0 {
		return s, found
	}
	resp, err := p.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: resource, PriorState: p.current(t, resource, s), PlannedState: planned.value,
		Config:         p.config(t, resource, config),
		PlannedPrivate: planned.private, PlannedIdentity: planned.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return State{resp.NewState, resp.Private, resp.NewIdentity}, append(found, diagnostics(resp.Diagnostics)...)
}

// ReadData reads a data source.
func (p *Provider) ReadData(t *testing.T, source string, config Config) (map[string]any, []Diagnostic) {
	t.Helper()
	of := p.schemas.DataSourceSchemas[source].ValueType()
	resp, err := p.server.ReadDataSource(t.Context(),
		&tfprotov6.ReadDataSourceRequest{TypeName: source, Config: encode(t, of, config)})
	if err != nil {
		t.Fatal(err)
	}
	value, err := resp.State.Unmarshal(of)
	if err != nil {
		t.Fatal(err)
	}
	attributes, _ := fromValue(t, value).(map[string]any)
	return attributes, diagnostics(resp.Diagnostics)
}

func (p *Provider) config(t *testing.T, resource string, config Config) *tfprotov6.DynamicValue {
	t.Helper()
	if config == nil {
		return p.current(t, resource, State{})
	}
	return encode(t, p.typeOf(resource), config)
}

// proposed returns the state that a CLI proposes: the configuration, with the previous values of computed attributes.
// Nested attributes are used as configured.
func (p *Provider) proposed(t *testing.T, resource string, s State, config Config) *tfprotov6.DynamicValue {
	t.Helper()
	if config == nil {
		return p.current(t, resource, State{})
	}
	prior := p.Attributes(t, resource, s)
	proposed := Config{}
	for _, attribute := range p.schemas.ResourceSchemas[resource].Block.Attributes {
		switch value, configured := config[attribute.Name]; {
		case configured && value != nil:
			proposed[attribute.Name] = value
		case attribute.Computed && s.Exists():
			proposed[attribute.Name] = asConfig(prior[attribute.Name])
		case attribute.Computed:
			proposed[attribute.Name] = Unknown{}
		}
	}
	return encode(t, p.typeOf(resource), proposed)
}

// asConfig converts the value of an attribute to the form of a Config.
func asConfig(value any) any {
	switch value := value.(type) {
	case map[string]any:
		config := Config{}
		for name, v := range value {
			config[name] = asConfig(v)
		}
		return config
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = asConfig(v)
		}
		return list
	}
	return value
}

// Import imports a resource by its ID and reads it. The state is empty if either fails.
func (p *Provider) Import(t *testing.T, resource, id string) (State, []Diagnostic) {
	t.Helper()
	resp, err := p.server.ImportResourceState(t.Context(),
		&tfprotov6.ImportResourceStateRequest{TypeName: resource, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	found := diagnostics(resp.Diagnostics)
	if len(resp.ImportedResources) != 1 || len(Failures(found)) > 0 {
		return State{}, found
	}
	imported := resp.ImportedResources[0]
	state, more := p.Read(t, resource, State{imported.State, imported.Private, imported.Identity})
	return state, append(found, more...)
}
