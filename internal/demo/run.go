package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/workspace"
)

// example is the configuration to apply.
const example = "examples/quickstart/main.tf"

// run runs the whole demo. The directory with all of its files is removed at the end unless the server is kept.
func run(ctx context.Context, cli, provider string, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "nats-k3s-demo-")
	if err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()

	if keep {
		server, err := startDetached(ctx, dir)
		if err != nil {
			return err
		}
		defer func() {
			if !kept {
				server.stop()
			}
		}()
		say("NATS server %s on %s, process %d", moduleVersion(natsServer), server.url, server.pid)
		endpoint, err := prove(ctx, dir, cli, provider, server.url, true)
		if err != nil {
			return err
		}
		kept = true
		explainKept(dir, endpoint, server)
		return nil
	}

	server, err := natslab.Start(ctx, serverOptions(dir))
	if err != nil {
		return err
	}
	defer server.Stop()
	say("NATS server %s on %s, in this process", moduleVersion(natsServer), server.ClientURL())
	if _, err := prove(ctx, dir, cli, provider, server.ClientURL(), false); err != nil {
		return err
	}
	say("\nThe server is stopped and its files are removed.")
	return nil
}

// Modules whose versions are part of the report.
const (
	natsServer = "github.com/nats-io/nats-server/v2"
	kineModule = "github.com/k3s-io/kine"
)

// prove applies the example, runs KINE and the checks on the resulting endpoint, and destroys the example unless keep
// is set.
func prove(ctx context.Context, dir, cli, provider, server string, keep bool) (endpoint string, err error) {
	w, err := workspace.New(dir, cli, provider)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(example)
	if err != nil {
		return "", fmt.Errorf("run the demo in the root of the repository: %w", err)
	}
	if err = w.Write("main.tf", string(text)); err != nil {
		return "", err
	}
	product, err := w.Version(ctx)
	if err != nil {
		return "", err
	}

	servers := fmt.Sprintf("-var=servers=[%q]", server)
	if err := step(ctx, w, product+": apply "+filepath.Dir(example), "apply", "-auto-approve", servers); err != nil {
		return "", err
	}
	endpoint, err = w.Output(ctx, "datastore_endpoint")
	if err != nil {
		return "", err
	}
	say("    the provider has already run KINE on the bucket to verify the endpoint (verify = \"etcd\")")
	say("    --datastore-endpoint=%s", endpoint)

	began := time.Now()
	kine, err := kinelab.Start(ctx, kinelab.Config{Endpoint: endpoint})
	if err != nil {
		return "", err
	}
	say("KINE %s, as bundled with k3s, started on it in %s", moduleVersion(kineModule),
		time.Since(began).Round(time.Millisecond))
	say("An etcd client checks what Kubernetes needs:\n")
	results := etcdtest.Suite(ctx, kine.Endpoint())
	var table strings.Builder
	if err := errors.Join(etcdtest.WriteTable(&table, results), kine.Stop()); err != nil {
		return "", err
	}
	indented(table.String())
	if failed := etcdtest.Failed(results); len(failed) > 0 {
		return "", fmt.Errorf("%d of %d checks failed", len(failed), len(results))
	}
	say("\nAll %d checks passed on the bucket created by %s.", len(results), strings.Fields(product)[0])
	if keep {
		return endpoint, nil
	}

	say("")
	if err := refused(ctx, w, servers); err != nil {
		return "", err
	}
	unprotected := "-var=deletion_protection=false"
	if err := step(ctx, w, "apply: lift the protection", "apply", "-auto-approve", servers, unprotected); err != nil {
		return "", err
	}
	return endpoint, step(ctx, w, "destroy", "destroy", "-auto-approve", servers, unprotected)
}

// step runs the CLI and reports the result.
func step(ctx context.Context, w *workspace.Workspace, what string, args ...string) error {
	began := time.Now()
	out, err := w.Run(ctx, args...)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, out)
	}
	say("%s: %s in %s", what, lastResult(out), time.Since(began).Round(10*time.Millisecond))
	return nil
}

// lastResult finds the CLI's own summary in its output.
func lastResult(out string) string {
	result := "done"
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(line, "Apply complete! Resources: "); ok {
			result = strings.TrimSuffix(strings.TrimSpace(text), ".")
		}
		if text, ok := strings.CutPrefix(line, "Destroy complete! Resources: "); ok {
			result = strings.TrimSuffix(strings.TrimSpace(text), ".")
		}
	}
	return result
}

// refused shows that a protected bucket cannot be destroyed by mistake.
func refused(ctx context.Context, w *workspace.Workspace, servers string) error {
	out, err := w.Run(ctx, "destroy", "-auto-approve", servers)
	if err == nil || !strings.Contains(out, "Is Protected") {
		return fmt.Errorf("destroying a protected bucket was not refused:\n%s", out)
	}
	say("destroy with deletion_protection enabled: refused in the plan")
	return nil
}
