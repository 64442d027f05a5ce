package provider

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/guard"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/input"
)

// NewServer returns the provider of that version as a CLI talks to it: every configuration is checked by [input] first, and no answer passes
// [guard] with a secret in its diagnostics.
func NewServer(version string) func() (tfprotov6.ProviderServer, error) {
	return func() (tfprotov6.ProviderServer, error) {
		server, err := input.NewServer(New(version)())
		if err != nil {
			return nil, err
		}
		return guard.New(server), nil
	}
}

// Serve serves the provider of that version until the CLI ends it. With debug, it runs on its own, with all of its logs, and prints what the
// CLI needs to attach.
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
