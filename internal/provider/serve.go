package provider

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/guard"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/input"
)

// NewServer returns a function that creates the protocol server of the provider. [input] checks every configuration
// before the framework reads it, and [guard] removes secrets from the diagnostics of every response.
func NewServer(version string) func() (tfprotov6.ProviderServer, error) {
	return func() (tfprotov6.ProviderServer, error) {
		server, err := input.NewServer(New(version)())
		if err != nil {
			return nil, err
		}
		return guard.New(server), nil
	}
}

// Serve serves the provider until the CLI stops it. With debug, the provider runs as a standalone process with all logs
// and prints the value of TF_REATTACH_PROVIDERS.
func Serve(version string, debug bool) error {
	paceCollector()
	quiet := false
	if !debug {
		var err error
		if quiet, err = quietLogs(); err != nil {
			return err
		}
	}
	server, err := NewServer(version)()
	if err != nil {
		return err
	}
	if quiet {
		if server, err = withoutLoggers(server); err != nil {
			return err
		}
	}
	var options []tf6server.ServeOpt
	if debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	return tf6server.Serve(Address, func() tfprotov6.ProviderServer { return server }, options...)
}
