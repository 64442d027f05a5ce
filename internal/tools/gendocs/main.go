// Command gendocs writes docs/ from the provider's schema, templates/ and examples/.
//
//	gendocs -cli bin/tofu -provider bin/terraform-provider-nats
//
// It must be run in the root of the repository. It passes the schema to tfplugindocs, which writes the pages. On its
// own, tfplugindocs uses any terraform on the PATH or downloads one, and the pages then differ between machines (for
// example, Terraform 1.11 omits resource identity). Here the schema always comes from one pinned OpenTofu.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/workspace"
)

const (
	// address is the provider's address in the registry.
	address = "registry.terraform.io/nats-k3s/nats"
	// providerName is the prefix of every resource type, without the underscore.
	providerName = "nats"
	// renderedName is the name of the provider on the pages.
	renderedName = "NATS"
	// tfplugindocs is the module file that pins the tool.
	tfplugindocs = "internal/tools/tfplugindocs/go.mod"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	flags := flag.NewFlagSet("gendocs", flag.ContinueOnError)
	cli := flags.String("cli", "", "the OpenTofu `binary` that returns the schema")
	provider := flags.String("provider", "", "the built provider `binary`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *cli == "" || *provider == "" {
		return errors.New("-cli and -provider are required")
	}
	if _, err := os.Stat(tfplugindocs); err != nil {
		return fmt.Errorf("run gendocs in the root of the repository: %w", err)
	}
	for _, path := range []*string{cli, provider} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); err != nil {
			return err
		}
		*path = abs
	}

	tmp, err := os.MkdirTemp("", "gendocs")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	// The pages embed the examples, so the examples come first.
	if _, err := os.Stat("examples"); err == nil {
		changed, err := output(command(ctx, *cli, "fmt", "-recursive", "examples"))
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			fmt.Printf("formatted:\n%s", changed)
		}
	}

	schema, err := providerSchema(ctx, tmp, *cli, *provider)
	if err != nil {
		return err
	}
	schemaFile := filepath.Join(tmp, "schema.json")
	if err := os.WriteFile(schemaFile, schema, 0o600); err != nil {
		return err
	}
	for _, step := range [][]string{
		{"generate", "--rendered-provider-name", renderedName},
		{"validate"},
	} {
		c := command(ctx, "go", "tool", "-modfile="+tfplugindocs, "tfplugindocs")
		c.Args = append(c.Args, step...)
		c.Args = append(c.Args, "--provider-name", providerName, "--providers-schema", schemaFile)
		if _, err := output(c); err != nil {
			return err
		}
	}
	fmt.Println("docs/ has been written and is valid")
	return nil
}

// providerSchema returns the schema of the built provider in the format that tfplugindocs reads.
func providerSchema(ctx context.Context, dir, cli, provider string) ([]byte, error) {
	w, err := workspace.New(dir, cli, provider)
	if err != nil {
		return nil, err
	}
	err = w.Write("main.tf",
		"terraform {\n  required_providers {\n    nats = {\n      source = \""+address+"\"\n    }\n  }\n}\n")
	if err != nil {
		return nil, err
	}
	schema, err := output(w.Command(ctx, "providers", "schema", "-json"))
	if err != nil {
		return nil, err
	}
	return rekey(schema)
}

// command returns a command that is independent of the caller's Terraform settings.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TF_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "CHECKPOINT_DISABLE=1")
	return c
}

// output runs the command and returns its standard output. An error includes everything that the command printed.
func output(c *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(c.Args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}
