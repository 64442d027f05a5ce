package provider

import (
	"context"
	"errors"
	"reflect"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// protocolServer is the whole protocol. Embedding less would hide the rest of it.
type protocolServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

// quietServer hides the loggers from the requests that every resource makes. A logger that writes nothing still copies
// its fields for each attribute that the framework visits.
type quietServer struct{ protocolServer }

// withoutLoggers returns a server that answers as another one does, and logs nothing about resources.
func withoutLoggers(server tfprotov6.ProviderServer) (tfprotov6.ProviderServer, error) {
	whole, ok := server.(protocolServer)
	if !ok {
		return nil, errors.New("the server does not implement the whole protocol")
	}
	return quietServer{whole}, nil
}

func (s quietServer) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return s.protocolServer.ValidateResourceConfig(quietContext{ctx}, req)
}

func (s quietServer) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return s.protocolServer.UpgradeResourceState(quietContext{ctx}, req)
}

func (s quietServer) ReadResource(
	ctx context.Context, req *tfprotov6.ReadResourceRequest,
) (*tfprotov6.ReadResourceResponse, error) {
	return s.protocolServer.ReadResource(quietContext{ctx}, req)
}

func (s quietServer) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	return s.protocolServer.PlanResourceChange(quietContext{ctx}, req)
}

func (s quietServer) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return s.protocolServer.ApplyResourceChange(quietContext{ctx}, req)
}

// loggingPackage is the package of the keys of the loggers in a context.
const loggingPackage = "github.com/hashicorp/terraform-plugin-log/internal/logging"

// quietContext is a context without the loggers in it.
type quietContext struct{ context.Context }

// Value implements [context.Context].
func (c quietContext) Value(key any) any {
	if reflect.TypeOf(key).PkgPath() == loggingPackage {
		return nil
	}
	return c.Context.Value(key)
}
