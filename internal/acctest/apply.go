package acctest

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Provider is a configured provider in the test's own process, called by its protocol as a CLI calls it. Each call is one that a CLI makes too,
// without the processor time of a CLI. It knows one instance of a resource at a time, and none of what depends on another.
type Provider struct {
	server  tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
}

// State is what a CLI keeps of a resource. The zero value is that of a resource that is not there.
type State struct {
	value    *tfprotov6.DynamicValue
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

// NewProvider configures a provider, and fails the test if that is refused.
func NewProvider(t *testing.T, config Config) *Provider {
	t.Helper()
	server, schemas := serve(t)
	if found := configure(t, server, schemas, config); len(Failures(found)) > 0 {
		t.Fatalf("the provider is refused: %v", found)
	}
	return &Provider{server, schemas}
}

// Failures are the errors among what a provider says.
func Failures(found []Diagnostic) []Diagnostic {
	return slices.DeleteFunc(slices.Clone(found), func(d Diagnostic) bool { return d.Warning })
}

// Exists tells whether the resource is there.
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

// current is the value of a state, null for a resource that is not there.
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

// Attributes returns the attributes in a state, in the form of a [Config] with maps for its objects, nil for a resource that is not there.
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

// Plan plans a resource to be as configured, nil to destroy it. It tells what the plan would make of the state.
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

// Apply plans a resource to be as configured, nil to destroy it, and applies the plan. After a failure it returns the state that a CLI would keep.
func (p *Provider) Apply(t *testing.T, resource string, s State, config Config) (State, []Diagnostic) {
	t.Helper()
	planned, found := p.Plan(t, resource, s, config)
	if len(Failures(found)) > 0 {
		return s, found
	}
	resp, err := p.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: resource, PriorState: p.current(t, resource, s), PlannedState: planned.value, Config: p.config(t, resource, config),
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
	resp, err := p.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: source, Config: encode(t, of, config)})
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

// proposed is what a CLI proposes: the configuration, and what the provider computes as it was. What is nested is taken as configured.
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

// asConfig makes of an attribute's value what a Config has in its place.
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

// Import imports a resource by its id, and reads it. The state is that of no resource if either fails.
func (p *Provider) Import(t *testing.T, resource, id string) (State, []Diagnostic) {
	t.Helper()
	resp, err := p.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: resource, ID: id})
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
