// Package input rejects configured values that no attribute of the provider accepts: an empty string, a null element, a
// fraction for an integer, and a string that the custom type of its attribute rejects.
//
// The framework converts a configuration to Go values before its validators run. A value that cannot be converted
// causes an error that blames the provider, and a value that was replaced by a default causes a second, wrong error on
// another attribute. Therefore this package checks every configuration before the framework does.
package input

import (
	"context"
	"errors"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Server lists all services of the framework's server. A service that is missing here would be hidden from the CLI.
type Server interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

// server checks configurations before the framework does.
type server struct {
	Server
	provider provider.Provider

	mu sync.Mutex
	// names holds the types of the provider by name. It is filled on first use.
	names map[kind]map[string]func(context.Context) (tfsdk.Config, error)
	// schemas caches the schemas that have been used.
	schemas map[schemaKey]schema
}

// kind is the kind of object that a schema belongs to.
type kind int

const (
	ofProvider kind = iota
	ofResource
	ofDataSource
	ofEphemeralResource
)

type schemaKey struct {
	kind kind
	name string
}

// schema is a schema with its types, which are expensive to build.
type schema struct {
	config    tfsdk.Config
	types     attr.Type
	terraform tftypes.Type
}

// NewServer returns the protocol server of a provider. It checks configurations before the framework does.
func NewServer(p provider.Provider) (Server, error) {
	framework, ok := providerserver.NewProtocol6(p)().(Server)
	if !ok {
		return nil, errors.New("the framework's server lacks a part of the protocol")
	}
	return &server{Server: framework, provider: p, schemas: map[schemaKey]schema{}}, nil
}

// ValidateProviderConfig implements [tfprotov6.ProviderServer].
func (s *server) ValidateProviderConfig(
	ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	if found := s.check(ctx, schemaKey{kind: ofProvider}, req.Config); len(found) > 0 {
		return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config, Diagnostics: found}, nil
	}
	return s.Server.ValidateProviderConfig(ctx, req)
}

// ValidateResourceConfig implements [tfprotov6.ProviderServer].
func (s *server) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	if found := s.check(ctx, schemaKey{ofResource, req.TypeName}, req.Config); len(found) > 0 {
		return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: found}, nil
	}
	return s.Server.ValidateResourceConfig(ctx, req)
}

// ValidateDataResourceConfig implements [tfprotov6.ProviderServer].
func (s *server) ValidateDataResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	if found := s.check(ctx, schemaKey{ofDataSource, req.TypeName}, req.Config); len(found) > 0 {
		return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: found}, nil
	}
	return s.Server.ValidateDataResourceConfig(ctx, req)
}

// ValidateEphemeralResourceConfig implements [tfprotov6.ProviderServer].
func (s *server) ValidateEphemeralResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateEphemeralResourceConfigRequest,
) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	if found := s.check(ctx, schemaKey{ofEphemeralResource, req.TypeName}, req.Config); len(found) > 0 {
		return &tfprotov6.ValidateEphemeralResourceConfigResponse{Diagnostics: found}, nil
	}
	return s.Server.ValidateEphemeralResourceConfig(ctx, req)
}

// UpgradeResourceState implements [tfprotov6.ProviderServer]. The CLI asks for an upgrade of every resource in the
// state. If the version of the schema is the same, the answer is the state without unknown attributes, as the framework
// returns it after it has visited each attribute.
func (s *server) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	of, err := s.schema(ctx, schemaKey{ofResource, req.TypeName})
	if err == nil && req.RawState != nil && req.Version == of.config.Schema.GetVersion() &&
		len(of.config.Schema.GetBlocks()) == 0 {
		if state, err := current(req.RawState, of.terraform); err == nil {
			return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: state}, nil
		}
	}
	return s.Server.UpgradeResourceState(ctx, req)
}

// current returns a stored state as a value of the type, without the attributes that the type does not have.
func current(stored *tfprotov6.RawState, of tftypes.Type) (*tfprotov6.DynamicValue, error) {
	value, err := stored.UnmarshalWithOpts(of, tfprotov6.UnmarshalOpts{
		ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true},
	})
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(of, value)
	return &state, err
}

// ImportResourceState implements [tfprotov6.ProviderServer]. It rejects an empty ID, which the framework would treat as
// an identity without attributes.
func (s *server) ImportResourceState(
	ctx context.Context, req *tfprotov6.ImportResourceStateRequest,
) (*tfprotov6.ImportResourceStateResponse, error) {
	if req.ID == "" && (req.Identity == nil || req.Identity.IdentityData == nil) {
		return &tfprotov6.ImportResourceStateResponse{Diagnostics: []*tfprotov6.Diagnostic{{
			Severity: tfprotov6.DiagnosticSeverityError, Summary: "Invalid Import ID",
			Detail: "The ID to import " + req.TypeName +
				" is empty. Use an ID as described in the documentation of the resource, or an " +
				"identity in an import block.",
		}}}, nil
	}
	return s.Server.ImportResourceState(ctx, req)
}

// check returns the errors of a configuration. It ignores a configuration that cannot be decoded; the framework rejects
// it.
func (s *server) check(ctx context.Context, key schemaKey, config *tfprotov6.DynamicValue) []*tfprotov6.Diagnostic {
	of, err := s.schema(ctx, key)
	if err != nil || config == nil {
		return nil
	}
	value, err := config.Unmarshal(of.terraform)
	if err != nil {
		return nil
	}
	w := walk{schema: of}
	w.value(ctx, of.types, value, tftypes.NewAttributePath())
	return w.found
}

// schema returns a schema, from the cache if possible.
func (s *server) schema(ctx context.Context, key schemaKey) (schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.schemas[key]; ok {
		return found, nil
	}
	if s.names == nil {
		s.names = s.list(ctx)
	}
	read, ok := s.names[key.kind][key.name]
	if !ok {
		return schema{}, errors.New("unknown type")
	}
	config, err := read(ctx)
	if err != nil {
		return schema{}, err
	}
	made := schema{config: config, types: config.Schema.Type()}
	made.terraform = made.types.TerraformType(ctx)
	s.schemas[key] = made
	return made, nil
}

// list returns the schemas of all types that the provider serves.
func (s *server) list(ctx context.Context) map[kind]map[string]func(context.Context) (tfsdk.Config, error) {
	var meta provider.MetadataResponse
	s.provider.Metadata(ctx, provider.MetadataRequest{}, &meta)
	names := map[kind]map[string]func(context.Context) (tfsdk.Config, error){
		ofProvider: {"": func(ctx context.Context) (tfsdk.Config, error) {
			var resp provider.SchemaResponse
			s.provider.Schema(ctx, provider.SchemaRequest{}, &resp)
			return tfsdk.Config{Schema: resp.Schema}, failed(resp.Diagnostics.HasError())
		}},
		ofResource: {}, ofDataSource: {}, ofEphemeralResource: {},
	}
	for _, newOne := range s.provider.Resources(ctx) {
		r := newOne()
		var resp resource.MetadataResponse
		r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
		names[ofResource][resp.TypeName] = func(ctx context.Context) (tfsdk.Config, error) {
			var resp resource.SchemaResponse
			r.Schema(ctx, resource.SchemaRequest{}, &resp)
			return tfsdk.Config{Schema: resp.Schema}, failed(resp.Diagnostics.HasError())
		}
	}
	for _, newOne := range s.provider.DataSources(ctx) {
		d := newOne()
		var resp datasource.MetadataResponse
		d.Metadata(ctx, datasource.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
		names[ofDataSource][resp.TypeName] = func(ctx context.Context) (tfsdk.Config, error) {
			var resp datasource.SchemaResponse
			d.Schema(ctx, datasource.SchemaRequest{}, &resp)
			return tfsdk.Config{Schema: resp.Schema}, failed(resp.Diagnostics.HasError())
		}
	}
	if p, ok := s.provider.(provider.ProviderWithEphemeralResources); ok {
		for _, newOne := range p.EphemeralResources(ctx) {
			e := newOne()
			var resp ephemeral.MetadataResponse
			e.Metadata(ctx, ephemeral.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
			names[ofEphemeralResource][resp.TypeName] = func(ctx context.Context) (tfsdk.Config, error) {
				var resp ephemeral.SchemaResponse
				e.Schema(ctx, ephemeral.SchemaRequest{}, &resp)
				return tfsdk.Config{Schema: resp.Schema}, failed(resp.Diagnostics.HasError())
			}
		}
	}
	return names
}

func failed(has bool) error {
	if has {
		return errors.New("the schema has an error")
	}
	return nil
}
