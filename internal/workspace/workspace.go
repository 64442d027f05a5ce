// Package workspace runs Terraform or OpenTofu on a configuration with a provider that was built here, without an
// installation, a registry or an init.
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

// Workspace is a directory with a configuration that a CLI works on.
type Workspace struct {
	// Dir holds the configuration and the state.
	Dir string
	// Env are further variables of the environment, NAME=value.
	Env []string
	// Log, if set, gets a copy of what the CLI prints, while it prints it.
	Log io.Writer

	cli, settings string
}

// New prepares a workspace in the directory dir: cli is the path of the CLI, provider that of the provider's binary, which
// must be called terraform-provider-nats; empty, if each run is told to attach to one that is running. The CLI's settings become
// the file cli.tfrc in dir.
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
		return nil, fmt.Errorf("the provider is not built: %w", err)
	}
	return w, os.WriteFile(w.settings, []byte(settings(filepath.Dir(provider))), 0o600)
}

// settings makes the CLI take the provider from dir, under the address of either registry, without an init.
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

// Run runs the CLI with these arguments, without colour, and returns what it printed, standard output and error together.
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

// Version returns the name and version of the CLI, such as "OpenTofu v1.12.6".
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

// inherited are variables of the caller's environment that would change what the CLI does.
var inherited = []string{"TF_CLI_CONFIG_FILE", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"}

// Command prepares a run of the CLI with these arguments.
func (w *Workspace) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, append([]string{"-chdir=" + w.Dir}, args...)...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(inherited, name) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "TF_CLI_CONFIG_FILE="+w.settings, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "NO_COLOR=1",
		"TF_CLI_ARGS_apply=-no-color", "TF_CLI_ARGS_plan=-no-color", "TF_CLI_ARGS_destroy=-no-color", "TF_CLI_ARGS_import=-no-color")
	cmd.Env = append(cmd.Env, w.Env...)
	return cmd
}
