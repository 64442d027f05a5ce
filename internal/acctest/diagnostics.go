package acctest

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// ConfigureJSON adds a file to the configuration that says the same as HCL would, in Terraform's JSON syntax.
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

// cliDiagnostic is what a CLI says in its machine-readable output.
type cliDiagnostic struct {
	Severity, Summary, Detail, Address string
	// Snippet is the line of the configuration that it is about.
	Snippet struct{ Code string }
}

// assigned is the attribute that a line sets.
var assigned = regexp.MustCompile(`^\s*(\w+)\s*=`)

// at returns the attribute that the diagnostic is shown at, followed by a colon, if it is shown at one. No other text of the configuration is in
// it.
func (d cliDiagnostic) at() string {
	if attribute := assigned.FindStringSubmatch(d.Snippet.Code); attribute != nil {
		return attribute[1] + ": "
	}
	return ""
}

// Errors are what a CLI says of a configuration, by the address of the object that it is about. That of a provider is its
// alias. Each begins with the attribute that it is shown at, if it is one, as in "name: Invalid Name".
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

// ValidateErrors has the CLI validate the configuration.
func (w *Workspace) ValidateErrors(t *testing.T) Errors {
	t.Helper()
	out, _ := w.Run(t.Context(), "validate", "-json") // it fails if there is an error, which the output says too
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

// PlanErrors plans the configuration.
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

// ApplyErrors applies the configuration.
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
		t.Fatalf("apply did not begin:\n%s", out)
	}
	return found
}
