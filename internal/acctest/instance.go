package acctest

import (
	"context"
	"maps"
	"slices"
	"testing"

	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Instance is one instance of a resource with the state that a CLI would store. It calls the provider through its
// protocol, without a CLI, which takes milliseconds, and every request to a server comes from this instance.
type Instance struct {
	resource string
	of       tftypes.Type
	schema   *tfprotov6.SchemaBlock

	state    tftypes.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData
	// Tainted is true if a creation failed and left something behind.
	Tainted bool
	// Planned, unless nil, is called between a plan and its apply, before the apply's provider starts.
	Planned func()
}

// The actions of a plan.
const (
	ActionNone    = "none"
	ActionCreate  = "create"
	ActionUpdate  = "update"
	ActionReplace = "replace"
	ActionDelete  = "delete"
)

// remembering is the provider, together with the data that it passes to its resources.
type remembering struct {
	frameworkprovider.Provider
	data *connection.Data
}

func (r *remembering) Configure(
	ctx context.Context, req frameworkprovider.ConfigureRequest, resp *frameworkprovider.ConfigureResponse,
) {
	r.Provider.Configure(ctx, req, resp)
	r.data, _ = resp.ResourceData.(*connection.Data)
}

// start starts and configures a provider. Its connections end with stop, as with a process.
func start(t *testing.T, config Config) (server tfprotov6.ProviderServer, found []Diagnostic, stop func()) {
	t.Helper()
	p := &remembering{Provider: provider.New("test")()}
	server, err := providerserver.NewProtocol6WithError(p)()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found = configure(t, server, schemas, config)
	return server, found, func() {
		if p.data != nil {
			p.data.Close()
		}
	}
}

// NewInstance returns an instance that does not exist yet.
func NewInstance(t *testing.T, resource string) *Instance {
	t.Helper()
	schema := Schemas(t).ResourceSchemas[resource]
	if schema == nil {
		t.Fatalf("there is no resource %s", resource)
	}
	of := schema.ValueType()
	return &Instance{resource: resource, of: of, schema: schema.Block, state: tftypes.NewValue(of, nil)}
}

// Exists reports whether the state has the instance.
func (i *Instance) Exists() bool { return !i.state.IsNull() }

// Attributes returns the state in the form of [ImportResource].
func (i *Instance) Attributes(t *testing.T) Attributes {
	t.Helper()
	attributes, _ := fromValue(t, i.state).(map[string]any)
	return attributes
}

// Refresh reads the instance with a newly started provider.
func (i *Instance) Refresh(t *testing.T, provider Config) []Diagnostic {
	t.Helper()
	server, found, stop := start(t, provider)
	defer stop()
	return append(found, i.refresh(t, server)...)
}

func (i *Instance) refresh(t *testing.T, server tfprotov6.ProviderServer) []Diagnostic {
	t.Helper()
	if !i.Exists() {
		return nil
	}
	resp, err := server.ReadResource(context.WithoutCancel(t.Context()), &tfprotov6.ReadResourceRequest{
		TypeName: i.resource, CurrentState: i.dynamic(t, i.state), Private: i.private, CurrentIdentity: i.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	if Failed(diagnostics(resp.Diagnostics)) {
		return diagnostics(resp.Diagnostics)
	}
	i.state, i.private, i.identity = i.value(t, resp.NewState), resp.Private, resp.NewIdentity
	return diagnostics(resp.Diagnostics)
}

// Plan refreshes the instance and returns the action that an apply of the configuration, or a destroy if it is nil,
// would take.
func (i *Instance) Plan(t *testing.T, provider, config Config) (action string, found []Diagnostic) {
	t.Helper()
	server, found, stop := start(t, provider)
	defer stop()
	if found = append(found, i.refresh(t, server)...); Failed(found) {
		return "", found
	}
	action, _, told := i.plan(t, server, config)
	return action, append(found, told...)
}

// Apply refreshes and plans as a CLI does, and applies the plan with another provider, also as a CLI does. It destroys
// the instance if config is nil.
func (i *Instance) Apply(t *testing.T, provider, config Config) []Diagnostic {
	t.Helper()
	planner, found, stop := start(t, provider)
	defer stop()
	if found = append(found, i.refresh(t, planner)...); Failed(found) {
		return found
	}
	action, planned, told := i.plan(t, planner, config)
	found = append(found, told...)
	switch {
	case Failed(found) || action == ActionNone:
		return found
	case action == ActionReplace:
		if found = append(found, i.change(t, provider, nil, nil)...); Failed(found) {
			return found
		}
		return append(found, i.Apply(t, provider, config)...)
	}
	return append(found, i.change(t, provider, config, planned)...)
}

// change applies a plan.
func (i *Instance) change(
	t *testing.T, provider, config Config, planned *tfprotov6.PlanResourceChangeResponse,
) []Diagnostic {
	t.Helper()
	if i.Planned != nil {
		i.Planned()
	}
	server, found, stop := start(t, provider)
	defer stop()
	request := &tfprotov6.ApplyResourceChangeRequest{
		TypeName: i.resource, PriorState: i.dynamic(t, i.state), Config: i.config(t, config),
		PlannedState:   i.dynamic(t, tftypes.NewValue(i.of, nil)),
		PlannedPrivate: i.private, PlannedIdentity: i.identity,
	}
	if planned != nil {
		request.PlannedState, request.PlannedPrivate, request.PlannedIdentity = planned.PlannedState, planned.PlannedPrivate, planned.PlannedIdentity
	}
	resp, err := server.ApplyResourceChange(context.WithoutCancel(t.Context()), request)
	if err != nil {
		t.Fatal(err)
	}
	told := diagnostics(resp.Diagnostics)
	created := !i.Exists()
	i.state, i.private, i.identity = i.value(t, resp.NewState), resp.Private, resp.NewIdentity
	i.Tainted = i.Exists() && (i.Tainted || created && Failed(told))
	return append(found, told...)
}

// plan plans without a refresh.
func (i *Instance) plan(
	t *testing.T, server tfprotov6.ProviderServer, config Config,
) (string, *tfprotov6.PlanResourceChangeResponse, []Diagnostic) {
	t.Helper()
	if config == nil && !i.Exists() {
		return ActionNone, nil, nil
	}
	prior := i.state
	if i.Tainted {
		return ActionReplace, nil, nil
	}
	configured := tftypes.NewValue(i.of, nil)
	if config != nil {
		configured = toValue(t, i.of, config)
	}
	resp, err := server.PlanResourceChange(context.WithoutCancel(t.Context()), &tfprotov6.PlanResourceChangeRequest{
		TypeName: i.resource, PriorState: i.dynamic(t, prior),
		ProposedNewState: i.dynamic(t, proposed(t, i.schema.Attributes, prior, configured)),
		Config:           i.dynamic(t, configured), PriorPrivate: i.private, PriorIdentity: i.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	found := diagnostics(resp.Diagnostics)
	if Failed(found) {
		return "", nil, found
	}
	planned := i.value(t, resp.PlannedState)
	switch {
	case config == nil:
		return ActionDelete, resp, found
	case !i.Exists():
		return ActionCreate, resp, found
	case planned.Equal(prior):
		return ActionNone, resp, found
	case len(resp.RequiresReplace) > 0:
		return ActionReplace, resp, found
	}
	return ActionUpdate, resp, found
}

// proposed merges a configuration with the prior state as a CLI does: computed attributes that are not configured keep
// their values.
func proposed(t *testing.T, attributes []*tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	t.Helper()
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	var was, is map[string]tftypes.Value
	if prior.IsKnown() && !prior.IsNull() {
		if err := prior.As(&was); err != nil {
			t.Fatal(err)
		}
	}
	if err := config.As(&is); err != nil {
		t.Fatal(err)
	}
	next := maps.Clone(is)
	for _, a := range attributes {
		before, known := was[a.Name]
		switch nested := a.NestedType; {
		case a.WriteOnly:
			next[a.Name] = tftypes.NewValue(is[a.Name].Type(), nil)
		case a.Computed && is[a.Name].IsNull() && known:
			next[a.Name] = before
		case nested != nil && nested.Nesting == tfprotov6.SchemaObjectNestingModeSingle && !is[a.Name].IsNull():
			if !known {
				before = tftypes.NewValue(is[a.Name].Type(), nil)
			}
			next[a.Name] = proposed(t, nested.Attributes, before, is[a.Name])
		}
	}
	return tftypes.NewValue(config.Type(), next)
}

func (i *Instance) config(t *testing.T, config Config) *tfprotov6.DynamicValue {
	t.Helper()
	if config == nil {
		return i.dynamic(t, tftypes.NewValue(i.of, nil))
	}
	return encode(t, i.of, config)
}

func (i *Instance) dynamic(t *testing.T, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	dynamic, err := tfprotov6.NewDynamicValue(i.of, value)
	if err != nil {
		t.Fatal(err)
	}
	return &dynamic
}

func (i *Instance) value(t *testing.T, dynamic *tfprotov6.DynamicValue) tftypes.Value {
	t.Helper()
	value, err := dynamic.Unmarshal(i.of)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Failed reports whether an error is among diagnostics.
func Failed(found []Diagnostic) bool {
	return slices.ContainsFunc(found, func(d Diagnostic) bool { return !d.Warning })
}

// ReadDataSourceWith is [ReadDataSource] with this provider configuration.
func ReadDataSourceWith(t *testing.T, provider Config, source string, config Config) (map[string]any, []Diagnostic) {
	t.Helper()
	server, found, stop := start(t, provider)
	defer stop()
	of := Schemas(t).DataSourceSchemas[source].ValueType()
	resp, err := server.ReadDataSource(t.Context(),
		&tfprotov6.ReadDataSourceRequest{TypeName: source, Config: encode(t, of, config)})
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, diagnostics(resp.Diagnostics)...)
	state, err := resp.State.Unmarshal(of)
	if err != nil {
		t.Fatal(err)
	}
	attributes, _ := fromValue(t, state).(map[string]any)
	return attributes, found
}
