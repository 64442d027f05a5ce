package acctest

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// ConfigureJSON adds a configuration file in Terraform's JSON syntax.
func (w *Workspace) ConfigureJSON(t *testing.T, name string, config any) {
	t.Helper()
	text, err := json.MarshalIndent(config, "", "  ")
	if err == nil {
		err = w.Write(name+".tf.json", string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cliDiagnostic is a diagnostic in the machine-readable output of a CLI.
type cliDiagnostic struct {
	Severity, Summary, Detail, Address string
	// Snippet is the line of the configuration that the diagnostic shows.
	Snippet struct{ Code string }
}

// assigned matches a line that sets an attribute.
var assigned = regexp.MustCompile(`^\s*(\w+)\s*=`)

// at returns the attribute at which the diagnostic is shown, followed by a colon, or "". It contains no other text of
// the configuration.
func (d cliDiagnostic) at() string {
	if attribute := assigned.FindStringSubmatch(d.Snippet.Code); attribute != nil {
		return attribute[1] + ": "
	}
	return ""
}

// Errors are the errors of a CLI by the address of their object. A provider's address is its alias. An error shown at
// an attribute begins with it, as in "name: Invalid Name".
type Errors map[string][]string

func (e Errors) add(d cliDiagnostic) {
	if d.Severity != "error" {
		return
	}
	address := d.Address
	if _, alias, ok := strings.Cut(address, `nats"].`); ok {
		address = alias
	}
	e[address] = append(e[address], d.at()+d.Summary+"\n"+d.Detail)
}

// ValidateErrors validates the configuration with the CLI and returns the errors.
func (w *Workspace) ValidateErrors(t *testing.T) Errors {
	t.Helper()
	out, _ := w.Run(t.Context(), "validate", "-json") // it fails if there is an error, which is also in the output
	var result struct{ Diagnostics []cliDiagnostic }
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("validate: %v\n%s", err, out)
	}
	found := Errors{}
	for _, d := range result.Diagnostics {
		found.add(d)
	}
	return found
}

// PlanErrors plans the configuration and returns the errors.
func (w *Workspace) PlanErrors(t *testing.T) Errors {
	t.Helper()
	out, _ := w.Run(t.Context(), "plan", "-json")
	found := Errors{}
	for line := range strings.Lines(out) {
		var message struct{ Diagnostic cliDiagnostic }
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("plan: %v\n%s", err, out)
		}
		found.add(message.Diagnostic)
	}
	return found
}

// ApplyErrors applies the configuration and returns the errors.
func (w *Workspace) ApplyErrors(t *testing.T) Errors {
	t.Helper()
	out, _ := w.Run(t.Context(), "apply", "-auto-approve", "-json")
	found, complete := Errors{}, false
	for line := range strings.Lines(out) {
		var message struct {
			Type       string
			Diagnostic cliDiagnostic
		}
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("apply: %v\n%s", err, out)
		}
		found.add(message.Diagnostic)
		complete = complete || message.Type == "apply_start"
	}
	if !complete {
		t.Fatalf("apply did not start:\n%s", out)
	}
	return found
}
