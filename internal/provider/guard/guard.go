// Package guard wraps the provider's protocol server. It removes secrets from all diagnostics, including those of the
// framework, of library validators and of the operating system. It also rejects a secret in an attribute that is not
// meant for secrets, because the value would appear in the state, in plans and in logs.
package guard

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/input"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

type server struct {
	input.Server

	schemas func() (*tfprotov6.GetProviderSchemaResponse, error)
}

// New returns a server that wraps another one and removes secrets from its diagnostics.
func New(of input.Server) tfprotov6.ProviderServer {
	return &server{Server: of, schemas: sync.OnceValues(func() (*tfprotov6.GetProviderSchemaResponse, error) {
		return of.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	})}
}

// scrubbed removes the secrets from diagnostics.
func scrubbed(diagnostics []*tfprotov6.Diagnostic) {
	for _, d := range diagnostics {
		d.Summary, d.Detail, d.Attribute = secret.Scrub(d.Summary), secret.Scrub(d.Detail), shownPath(d.Attribute)
	}
}

// shownPath returns the path up to the first map key or set element that is a secret.
func shownPath(path *tftypes.AttributePath) *tftypes.AttributePath {
	steps := path.Steps()
	for i, step := range steps {
		key := ""
		switch step := step.(type) {
		case tftypes.ElementKeyString:
			key = string(step)
		case tftypes.ElementKeyValue:
			if err := tftypes.Value(step).As(&key); err != nil {
				continue
			}
		}
		if secret.What(key) != "" {
			return tftypes.NewAttributePathWithSteps(steps[:i])
		}
	}
	return path
}

func (s *server) ValidateProviderConfig(
	ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	found := s.misplaced(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.Provider
	})
	if found.asKey {
		return &tfprotov6.ValidateProviderConfigResponse{Diagnostics: found.diagnostics}, nil
	}
	resp, err := s.Server.ValidateProviderConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = found.beside(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ConfigureProvider(
	ctx context.Context, req *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	resp, err := s.Server.ConfigureProvider(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	found := s.misplaced(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.ResourceSchemas[req.TypeName]
	})
	if found.asKey {
		return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: found.diagnostics}, nil
	}
	resp, err := s.Server.ValidateResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = found.beside(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	resp, err := s.Server.UpgradeResourceState(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) UpgradeResourceIdentity(
	ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest,
) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	resp, err := s.Server.UpgradeResourceIdentity(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ReadResource(
	ctx context.Context, req *tfprotov6.ReadResourceRequest,
) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.Server.ReadResource(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.Server.PlanResourceChange(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.Server.ApplyResourceChange(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ImportResourceState(
	ctx context.Context, req *tfprotov6.ImportResourceStateRequest,
) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := s.Server.ImportResourceState(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) MoveResourceState(
	ctx context.Context, req *tfprotov6.MoveResourceStateRequest,
) (*tfprotov6.MoveResourceStateResponse, error) {
	resp, err := s.Server.MoveResourceState(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateDataResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	found := s.misplaced(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.DataSourceSchemas[req.TypeName]
	})
	if found.asKey {
		return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: found.diagnostics}, nil
	}
	resp, err := s.Server.ValidateDataResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = found.beside(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ReadDataSource(
	ctx context.Context, req *tfprotov6.ReadDataSourceRequest,
) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := s.Server.ReadDataSource(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) CallFunction(
	ctx context.Context, req *tfprotov6.CallFunctionRequest,
) (*tfprotov6.CallFunctionResponse, error) {
	resp, err := s.Server.CallFunction(ctx, req)
	if resp != nil && resp.Error != nil {
		resp.Error.Text = secret.Scrub(resp.Error.Text)
	}
	return resp, err
}

func (s *server) ValidateEphemeralResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateEphemeralResourceConfigRequest,
) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	found := s.misplaced(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.EphemeralResourceSchemas[req.TypeName]
	})
	if found.asKey {
		return &tfprotov6.ValidateEphemeralResourceConfigResponse{Diagnostics: found.diagnostics}, nil
	}
	resp, err := s.Server.ValidateEphemeralResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = found.beside(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) OpenEphemeralResource(
	ctx context.Context, req *tfprotov6.OpenEphemeralResourceRequest,
) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	resp, err := s.Server.OpenEphemeralResource(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) RenewEphemeralResource(
	ctx context.Context, req *tfprotov6.RenewEphemeralResourceRequest,
) (*tfprotov6.RenewEphemeralResourceResponse, error) {
	resp, err := s.Server.RenewEphemeralResource(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) CloseEphemeralResource(
	ctx context.Context, req *tfprotov6.CloseEphemeralResourceRequest,
) (*tfprotov6.CloseEphemeralResourceResponse, error) {
	resp, err := s.Server.CloseEphemeralResource(ctx, req)
	if resp != nil {
		scrubbed(resp.Diagnostics)
	}
	return resp, err
}
