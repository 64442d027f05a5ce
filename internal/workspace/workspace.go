// Package workspace runs Terraform or OpenTofu on a configuration with a locally built provider, without an
// installation, a registry or init.
package workspace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Workspace is a directory with a configuration for a CLI.
type Workspace struct {
	// Dir contains the configuration and the state.
	Dir string
	// Env are additional environment variables, NAME=value.
	Env []string
	// Log, if set, receives a copy of the CLI's output as it is printed.
	Log io.Writer

	cli, settings string
}

// New prepares a workspace in dir. cli is the path of the CLI. provider is the path of the provider's binary, which
// must be named terraform-provider-nats, or empty if each run attaches to a running provider. The CLI's settings are
// written to cli.tfrc in dir.
func New(dir, cli, provider string) (*Workspace, error) {
	cli, err := filepath.Abs(cli)
	if err != nil {
		return nil, err
	}
	w := &Workspace{Dir: dir, cli: cli, settings: filepath.Join(dir, "cli.tfrc")}
	if provider == "" {
		return w, os.WriteFile(w.settings, nil, 0o600)
	}
	provider, err = filepath.Abs(provider)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(provider); err != nil {
		return nil, fmt.Errorf("the provider has not been built: %w", err)
	}
	return w, os.WriteFile(w.settings, []byte(settings(filepath.Dir(provider))), 0o600)
}

// settings returns CLI settings that use the provider in dir for the addresses of both registries, without init.
func settings(dir string) string {
	dir = filepath.ToSlash(dir)
	// In HCL, unlike in Go, ${ and %{ in a string start a template.
	dir = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `${`, `$${`, `%{`, `%%{`).Replace(dir)
	return fmt.Sprintf(`provider_installation {
  dev_overrides {
    "registry.terraform.io/nats-k3s/nats" = "%[1]s"
    "registry.opentofu.org/nats-k3s/nats" = "%[1]s"
  }
  direct {}
}
`, dir)
}

// Write writes a file of the configuration.
func (w *Workspace) Write(name, text string) error {
	return os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600)
}

// Run runs the CLI with these arguments, without color, and returns its standard output and standard error combined.
func (w *Workspace) Run(ctx context.Context, args ...string) (string, error) {
	var all bytes.Buffer
	both := w.tee(&all)
	cmd := w.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = both, both
	err := cmd.Run()
	return all.String(), err
}

// Output returns the value of an output of the configuration.
func (w *Workspace) Output(ctx context.Context, name string) (string, error) {
	var out, diagnostics bytes.Buffer
	cmd := w.Command(ctx, "output", "-raw", name)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("output %s: %w\n%s", name, err, diagnostics.String())
	}
	return out.String(), nil
}

// Version returns the name and version of the CLI, for example "OpenTofu v1.12.6".
func (w *Workspace) Version(ctx context.Context) (string, error) {
	out, err := w.Command(ctx, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", w.cli, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

func (w *Workspace) tee(buffer *bytes.Buffer) io.Writer {
	if w.Log == nil {
		return buffer
	}
	return io.MultiWriter(buffer, w.Log)
}

// inherited are environment variables that would change the behavior of the CLI and are not inherited.
var inherited = []string{"TF_CLI_CONFIG_FILE", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"}

// Command returns a command that runs the CLI with these arguments.
func (w *Workspace) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, append([]string{"-chdir=" + w.Dir}, args...)...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(inherited, name) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "TF_CLI_CONFIG_FILE="+w.settings, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"NO_COLOR=1",
		"TF_CLI_ARGS_apply=-no-color", "TF_CLI_ARGS_plan=-no-color", "TF_CLI_ARGS_destroy=-no-color",
		"TF_CLI_ARGS_import=-no-color")
	cmd.Env = append(cmd.Env, w.Env...)
	return cmd
}
