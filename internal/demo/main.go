// Demo shows the provider's main task on this machine, using only software built from source: an embedded NATS
// server, a bucket and an endpoint that a real CLI applies from examples/quickstart, the bundled KINE on that
// endpoint, and an etcd client that checks what Kubernetes needs. Everything is removed at the end unless -keep is
// set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// limit is the timeout of the whole demo, which takes seconds.
const limit = 5 * time.Minute

func main() {
	if err := start(); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func start() error {
	cli := flag.String("cli", "", "`path` of OpenTofu or Terraform")
	provider := flag.String("provider", "", "`path` of the provider's binary")
	keep := flag.Bool("keep", false, "leave the NATS server running, with the bucket on it")
	serve := flag.String("serve", "", "run a NATS server with its files in this `directory` (used by -keep)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case *serve != "":
		return serveForever(ctx, *serve)
	case *cli == "" || *provider == "":
		return errors.New("-cli and -provider are required; run the demo with make demo")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return run(ctx, *cli, *provider, *keep)
}

// moduleVersion returns the version of a module that is part of this program.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "(unknown version)"
}

// say prints one line of the demo's report.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// indented prints text, indented, below a line of the report.
func indented(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(os.Stdout, "    %s\n", strings.TrimRight(line, "\n"))
	}
}
