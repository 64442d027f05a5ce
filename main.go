// Terraform provider for NATS-backed k3s.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/parent"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
)

// version is set by the linker when a release is built.
var version = "dev"

func main() {
	preflight.RunChild()
	debug := flag.Bool("debug", false, "serve for a debugger, and print what the CLI needs to attach")
	flag.Parse()
	if !*debug {
		parent.Follow()
	}

	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: provider.Address,
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
