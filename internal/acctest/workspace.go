package acctest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/workspace"
)

// Workspace is a configuration that a real CLI applies, with the provider as the released binary or in process.
type Workspace struct {
	*workspace.Workspace

	cli, provider string
	factories     map[string]Factory // of the providers in process, nil for the binary
	sink          *testing.T         // what those log for
}

// buildProvider builds the provider once for all tests of a package, and the package's [Main] removes it. To avoid
// linking it for each of many packages, build it first and set ACCTEST_PROVIDER to its path.
var buildProvider = sync.OnceValues(func() (string, error) {
	if provider := os.Getenv("ACCTEST_PROVIDER"); provider != "" {
		return provider, nil
	}
	dir, err := os.MkdirTemp("", "nats-k3s-provider-")
	if err != nil {
		return "", err
	}
	providerDir = dir
	provider := filepath.Join(dir, "terraform-provider-nats")
	build := exec.Command("go", "build", "-o", provider, "github.com/nats-k3s/terraform-provider-nats")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the provider: %w\n%s", err, out)
	}
	return provider, nil
})

// providerDir is the directory of the built provider, or "" if it was not built.
var providerDir string

func removeProvider() error {
	if providerDir == "" {
		return nil
	}
	return os.RemoveAll(providerDir)
}

// NewWorkspace builds the provider and creates a workspace. It skips the test unless acceptance tests are enabled.
func NewWorkspace(t *testing.T, config string) *Workspace {
	t.Helper()
	w := &Workspace{cli: requireCLI(t)}
	var err error
	if w.provider, err = buildProvider(); err != nil {
		t.Fatal(err)
	}
	return w.Another(t, config)
}

// Another creates another workspace with the same provider.
func (w *Workspace) Another(t *testing.T, config string) *Workspace {
	t.Helper()
	inner, err := workspace.New(t.TempDir(), w.cli, w.provider)
	if err != nil {
		t.Fatal(err)
	}
	other := &Workspace{Workspace: inner, cli: w.cli, provider: w.provider, factories: w.factories, sink: t}
	other.Configure(t, config)
	return other
}

// requireCLI skips the test unless acceptance tests are enabled, and returns the CLI.
func requireCLI(t *testing.T) string {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("Acceptance tests skipped unless env 'TF_ACC' set")
	}
	cli, err := findCLI()
	if err != nil {
		t.Fatal(err)
	}
	return cli
}

// findCLI returns the CLI for acceptance tests.
func findCLI() (string, error) {
	if cli := os.Getenv("TF_ACC_TERRAFORM_PATH"); cli != "" {
		return cli, nil
	}
	for _, name := range []string{"terraform", "tofu"} {
		if cli, err := exec.LookPath(name); err == nil {
			return cli, nil
		}
	}
	return "", errors.New("no CLI: set TF_ACC_TERRAFORM_PATH, or put terraform or tofu on the PATH")
}

// Configure replaces the configuration. It adds the provider requirement.
func (w *Workspace) Configure(t *testing.T, config string) {
	t.Helper()
	err := w.Write("main.tf", `terraform {
  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}
`+config)
	if err != nil {
		t.Fatal(err)
	}
}

// Must runs the CLI and fails the test if the CLI fails.
func (w *Workspace) Must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.Run(t.Context(), args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Apply applies the configuration without confirmation.
func (w *Workspace) Apply(t *testing.T) string {
	t.Helper()
	return w.Must(t, "apply", "-auto-approve")
}

// AssertEmptyPlan fails the test if a plan has any change.
func (w *Workspace) AssertEmptyPlan(t *testing.T) {
	t.Helper()
	if out, err := w.Run(t.Context(), "plan", "-detailed-exitcode"); err != nil {
		t.Fatalf("the plan is not empty: %v\n%s", err, out)
	}
}
