package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The demo uses a CLI from the PATH if it is new enough, and reports which one.
func TestCLIFromPath(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../tools/cli.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		terraform, tofu, given string // versions
		want, says             string
	}{
		"none":                          {},
		"Terraform":                     {terraform: "1.11.4", tofu: "1.12.6", want: "terraform", says: "version 1.11.4"},
		"an old Terraform and OpenTofu": {terraform: "1.9.8", tofu: "1.11.0", want: "tofu", says: "it is version 1.9.8, and 1.11 or newer is required"},
		"an old OpenTofu alone":         {tofu: "1.10.9", says: "1.11 or newer is required"},
		"a broken Terraform":            {terraform: "broken", says: "version (unknown)"},
		"a given CLI":                   {terraform: "1.11.4", tofu: "1.9.0", given: "tofu", want: "tofu"},
		"version 2":                     {tofu: "2.0.0", want: "tofu", says: "version 2.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, version := range map[string]string{"terraform": c.terraform, "tofu": c.tofu} {
				if version == "" {
					continue
				}
				text := fmt.Sprintf("#!%s\necho '{'\necho '  \"terraform_version\": \"%s\",'\necho '}'\n", sh, version)
				if version == "broken" {
					text = fmt.Sprintf("#!%s\nexit 1\n", sh)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil { //nolint:gosec // it is run
					t.Fatal(err)
				}
			}
			sed, err := exec.LookPath("sed")
			if err == nil {
				err = os.Symlink(sed, filepath.Join(dir, "sed"))
			}
			if err != nil {
				t.Fatal(err)
			}
			var out, said bytes.Buffer
			cmd := exec.CommandContext(t.Context(), sh, script, c.given)
			cmd.Env = []string{"PATH=" + dir}
			cmd.Stdout, cmd.Stderr = &out, &said
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, said.String())
			}
			want := ""
			if c.want != "" {
				want = filepath.Join(dir, c.want) + "\n"
			}
			if out.String() != want || !strings.Contains(said.String(), c.says) {
				t.Errorf("got %q, want %q; it reported %q, want %q", out.String(), want, said.String(), c.says)
			}
		})
	}
}
