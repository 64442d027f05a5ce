// Terraform provider for NATS-backed k3s.
package main

import (
	"flag"
	"log"

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

	if err := provider.Serve(version, *debug); err != nil {
		log.Fatal(err)
	}
}
