package acctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Workspace is a directory with a configuration that a real CLI works on, with the provider as the binary that users get.
type Workspace struct {
	// Dir holds the configuration and the state.
	Dir string
	// Env are further variables of the environment, NAME=value.
	Env []string

	cli string
}

// Outcome is what a run of the CLI came to.
type Outcome struct {
	// Output is what it printed, standard output and error together.
	Output string
	// Err is nil if it succeeded.
	Err error
}

// NewWorkspace builds the provider and lays out a workspace. It skips the test unless acceptance tests are on.
func NewWorkspace(t *testing.T, config string) *Workspace {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("Acceptance tests skipped unless env 'TF_ACC' set")
	}
	cli, err := findCLI()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "terraform-provider-nats"),
		"github.com/nats-k3s/terraform-provider-nats")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the provider: %v\n%s", err, out)
	}
	w := &Workspace{Dir: t.TempDir(), cli: cli}
	rc := filepath.Join(bin, "cli.tfrc")
	w.Env = []string{"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "XDG_CONFIG_HOME=" + t.TempDir(), "TF_IN_AUTOMATION=1"}
	write(t, rc, fmt.Sprintf(`provider_installation {
  dev_overrides {
    "registry.terraform.io/nats-k3s/nats" = %[1]q
    "registry.opentofu.org/nats-k3s/nats" = %[1]q
  }
  direct {}
}
`, bin))
	w.Configure(t, config)
	return w
}

// findCLI returns the CLI that acceptance tests run on.
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

// Configure replaces the configuration. The requirement of the provider is added.
func (w *Workspace) Configure(t *testing.T, config string) {
	t.Helper()
	write(t, filepath.Join(w.Dir, "main.tf"), `terraform {
  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}
`+config)
}

// Run runs the CLI with these arguments, without colour and prompts.
func (w *Workspace) Run(ctx context.Context, args ...string) Outcome {
	cmd := exec.CommandContext(ctx, w.cli, append([]string{"-chdir=" + w.Dir}, args...)...)
	cmd.Env = append(os.Environ(), append([]string{"TF_CLI_ARGS=-no-color"}, w.Env...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return Outcome{Output: out.String(), Err: err}
}

// Must runs the CLI and fails the test if that fails.
func (w *Workspace) Must(t *testing.T, args ...string) string {
	t.Helper()
	o := w.Run(t.Context(), args...)
	if o.Err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), o.Err, o.Output)
	}
	return o.Output
}

// Apply applies the configuration without asking.
func (w *Workspace) Apply(t *testing.T) string {
	t.Helper()
	return w.Must(t, "apply", "-auto-approve", "-input=false")
}

// AssertEmptyPlan fails the test if a plan shows any change.
func (w *Workspace) AssertEmptyPlan(t *testing.T) {
	t.Helper()
	if o := w.Run(t.Context(), "plan", "-detailed-exitcode", "-input=false"); o.Err != nil {
		t.Fatalf("the plan is not empty: %v\n%s", o.Err, o.Output)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
