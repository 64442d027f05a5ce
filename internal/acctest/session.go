package acctest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tfsdklog"
)

// Session calls a provider in the test process through its protocol and records everything it reports: diagnostics, its
// log at TRACE, and panics. It does not fail the test for any of them.
type Session struct {
	server     tfprotov6.ProviderServer
	schemas    *tfprotov6.GetProviderSchemaResponse
	identities map[string]*tfprotov6.ResourceIdentitySchema
	ctx        context.Context
	log        *os.File
	said       []Diagnostic
	panicked   []string
}

// callTimeout limits a call, because a provider without a server may wait for one.
const callTimeout = 20 * time.Millisecond

// NewSession starts a session with a provider that is not configured yet. A test with a session cannot run in parallel,
// because the log level is set in the environment.
func NewSession(t *testing.T, server tfprotov6.ProviderServer) *Session {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.log")
	t.Setenv("TF_LOG", "TRACE")
	t.Setenv("TF_LOG_PATH", path)
	ctx := tfsdklog.NewRootSDKLogger(tfsdklog.ContextWithTestLogging(t.Context(), t.Name()))
	s := &Session{server: server, ctx: tfsdklog.NewRootProviderLogger(ctx)}
	var err error
	if s.schemas, err = server.GetProviderSchema(s.ctx, &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	identities, err := server.GetResourceIdentitySchemas(s.ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s.identities = identities.IdentitySchemas
	if s.log, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.log.Close() })
	s.Take(t)
	return s
}

// Take returns what was recorded since its last call: the diagnostics, the log, and the panics.
func (s *Session) Take(t *testing.T) (said []Diagnostic, logged string, panicked []string) {
	t.Helper()
	text, err := io.ReadAll(s.log)
	if err != nil {
		t.Fatal(err)
	}
	said, panicked = s.said, s.panicked
	s.said, s.panicked = nil, nil
	return said, string(text), panicked
}

// Everything is like the function [Everything], for the session's provider.
func (s *Session) Everything() []Served { return everything(s.schemas) }

// Functions returns the provider's functions by name.
func (s *Session) Functions() map[string]*tfprotov6.Function { return s.schemas.Functions }

// Identities returns the identity schemas of resources by type.
func (s *Session) Identities() map[string]*tfprotov6.ResourceIdentitySchema { return s.identities }

// call runs one call and records its diagnostics or panic. It reports whether there was no error.
func (s *Session) call(run func(ctx context.Context) ([]*tfprotov6.Diagnostic, error)) (ok bool) {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			s.panicked, ok = append(s.panicked, fmt.Sprintf("%v\n%s", value, debug.Stack())), false
		}
	}()
	list, err := run(ctx)
	found := diagnostics(list)
	if err != nil {
		found = append(found, Diagnostic{Text: err.Error()})
	}
	s.said = append(s.said, found...)
	return !slices.ContainsFunc(found, func(d Diagnostic) bool { return !d.Warning })
}

// Validate validates a configuration.
func (s *Session) Validate(t *testing.T, of Served, config Config) bool {
	t.Helper()
	value := encode(t, of.Schema.ValueType(), config)
	return s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		switch of.Kind {
		case Resource:
			resp, err := s.server.ValidateResourceConfig(ctx,
				&tfprotov6.ValidateResourceConfigRequest{TypeName: of.Name, Config: value,
					ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true}})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		case DataSource:
			resp, err := s.server.ValidateDataResourceConfig(ctx,
				&tfprotov6.ValidateDataResourceConfigRequest{TypeName: of.Name, Config: value})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		case EphemeralResource:
			resp, err := s.server.ValidateEphemeralResourceConfig(ctx,
				&tfprotov6.ValidateEphemeralResourceConfigRequest{TypeName: of.Name,
					Config: value})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		default:
			resp, err := s.server.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: value})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		}
	})
}

// answer returns the diagnostics of a response, if it has any.
func answer[T any](resp *T, err error, of func() []*tfprotov6.Diagnostic) ([]*tfprotov6.Diagnostic, error) {
	if resp == nil {
		return nil, err
	}
	return of(), err
}

// Configure configures the provider.
func (s *Session) Configure(t *testing.T, config Config) bool {
	t.Helper()
	value := encode(t, s.schemas.Provider.ValueType(), config)
	return s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{Config: value})
		return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
	})
}

// Use does what an apply does with a configuration: it plans and creates a resource, reads a data source, or opens an
// ephemeral resource. It stops at the first step that fails.
func (s *Session) Use(t *testing.T, of Served, config Config) bool {
	t.Helper()
	value := encode(t, of.Schema.ValueType(), config)
	switch of.Kind {
	case Resource:
		return s.create(t, of, config)
	case DataSource:
		return s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
			resp, err := s.server.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: of.Name, Config: value})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		})
	case EphemeralResource:
		return s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
			resp, err := s.server.OpenEphemeralResource(ctx,
				&tfprotov6.OpenEphemeralResourceRequest{TypeName: of.Name, Config: value})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		})
	default:
		return s.Configure(t, config)
	}
}

func (s *Session) create(t *testing.T, of Served, config Config) bool {
	t.Helper()
	typ := of.Schema.ValueType()
	nothing, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, nil))
	if err != nil {
		t.Fatal(err)
	}
	value := encode(t, typ, config)
	var planned *tfprotov6.PlanResourceChangeResponse
	ok := s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		var err error
		planned, err = s.server.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
			TypeName: of.Name, PriorState: &nothing, ProposedNewState: value, Config: value})
		return answer(planned, err, func() []*tfprotov6.Diagnostic { return planned.Diagnostics })
	})
	return ok && s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.server.ApplyResourceChange(ctx,
			&tfprotov6.ApplyResourceChangeRequest{TypeName: of.Name, PriorState: &nothing,
				PlannedState: planned.PlannedState, Config: value, PlannedPrivate: planned.PlannedPrivate,
				PlannedIdentity: planned.PlannedIdentity})
		return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
	})
}

// Refresh refreshes a resource with this state, then plans its update to a configuration and its destruction.
func (s *Session) Refresh(t *testing.T, of Served, state, config Config) {
	t.Helper()
	typ := of.Schema.ValueType()
	prior, wanted := encode(t, typ, state), encode(t, typ, config)
	nothing, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, nil))
	if err != nil {
		t.Fatal(err)
	}
	s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: of.Name, CurrentState: prior})
		return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
	})
	for _, proposed := range []*tfprotov6.DynamicValue{wanted, &nothing} {
		s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
			resp, err := s.server.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
				TypeName: of.Name, PriorState: prior, ProposedNewState: proposed, Config: proposed})
			return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
		})
	}
}

// Call calls a function with arguments by parameter name.
func (s *Session) Call(t *testing.T, name string, arguments Config) bool {
	t.Helper()
	function := s.schemas.Functions[name]
	var values []*tfprotov6.DynamicValue
	add := func(of tftypes.Type, argument any) {
		value, err := tfprotov6.NewDynamicValue(of, toValue(t, of, argument))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, &value)
	}
	for _, parameter := range function.Parameters {
		add(parameter.Type, arguments[parameter.Name])
	}
	if variadic := function.VariadicParameter; variadic != nil {
		list, _ := arguments[variadic.Name].([]any)
		for _, argument := range list {
			add(variadic.Type, argument)
		}
	}
	return s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.server.CallFunction(ctx, &tfprotov6.CallFunctionRequest{Name: name, Arguments: values})
		if resp == nil || resp.Error == nil {
			return nil, err
		}
		return []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: resp.Error.Text}}, err
	})
}

// Import imports a resource by its ID and reads it.
func (s *Session) Import(t *testing.T, of Served, id string) bool {
	t.Helper()
	return s.importBy(t, of, &tfprotov6.ImportResourceStateRequest{TypeName: of.Name, ID: id})
}

// ImportByIdentity imports a resource by its identity and reads it.
func (s *Session) ImportByIdentity(t *testing.T, of Served, identity Config) bool {
	t.Helper()
	data := encode(t, s.identities[of.Name].ValueType(), identity)
	return s.importBy(t, of, &tfprotov6.ImportResourceStateRequest{TypeName: of.Name,
		Identity: &tfprotov6.ResourceIdentityData{IdentityData: data}})
}

func (s *Session) importBy(t *testing.T, of Served, req *tfprotov6.ImportResourceStateRequest) bool {
	t.Helper()
	var imported *tfprotov6.ImportResourceStateResponse
	ok := s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		var err error
		imported, err = s.server.ImportResourceState(ctx, req)
		return answer(imported, err, func() []*tfprotov6.Diagnostic { return imported.Diagnostics })
	})
	return ok && s.call(func(ctx context.Context) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.server.ReadResource(ctx,
			&tfprotov6.ReadResourceRequest{TypeName: of.Name, CurrentState: imported.ImportedResources[0].State,
				CurrentIdentity: imported.ImportedResources[0].Identity, Private: imported.ImportedResources[0].Private})
		return answer(resp, err, func() []*tfprotov6.Diagnostic { return resp.Diagnostics })
	})
}
