package acctest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// Converge applies a configuration, as a step of a [resource.TestCase] does with twice as many runs of the CLI:
// afterwards, neither a plan without a refresh nor one with a refresh may have a change. It returns the output of the
// apply.
func (w *Workspace) Converge(t *testing.T, config string) string {
	t.Helper()
	w.Configure(t, config)
	out := w.Apply(t)
	w.AssertConverged(t)
	return out
}

// AssertConverged fails the test if a plan has any change, with or without a refresh.
func (w *Workspace) AssertConverged(t *testing.T) {
	t.Helper()
	if out, err := w.Run(t.Context(), "plan", "-refresh=false", "-detailed-exitcode"); err != nil {
		t.Fatalf("the plan without a refresh is not empty: %v\n%s", err, out)
	}
	w.AssertEmptyPlan(t)
}

// CheckPlan plans a configuration and checks the plan.
func (w *Workspace) CheckPlan(t *testing.T, config string, checks ...plancheck.PlanCheck) {
	t.Helper()
	w.Configure(t, config)
	w.Must(t, "plan", "-out=checked")
	var plan tfjson.Plan
	plan.UseJSONNumber(true)
	if err := json.Unmarshal([]byte(w.Must(t, "show", "-json", "checked")), &plan); err != nil {
		t.Fatal(err)
	}
	for _, check := range checks {
		var resp plancheck.CheckPlanResponse
		check.CheckPlan(t.Context(), plancheck.CheckPlanRequest{Plan: &plan}, &resp)
		if resp.Error != nil {
			t.Error(resp.Error)
		}
	}
}

// CheckState checks the state.
func (w *Workspace) CheckState(t *testing.T, checks ...statecheck.StateCheck) {
	t.Helper()
	var state tfjson.State
	state.UseJSONNumber(true)
	if err := json.Unmarshal([]byte(w.Must(t, "show", "-json")), &state); err != nil {
		t.Fatal(err)
	}
	for _, check := range checks {
		var resp statecheck.CheckStateResponse
		check.CheckState(t.Context(), statecheck.CheckStateRequest{State: &state}, &resp)
		if resp.Error != nil {
			t.Error(resp.Error)
		}
	}
}

// Attributes are the attributes of a resource in the state.
type Attributes map[string]any

// Text returns a string, or "" if it is null.
func (a Attributes) Text(name string) string {
	text, _ := a[name].(string)
	return text
}

// StateText returns the state file.
func (w *Workspace) StateText(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.Dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Stored returns the attributes of a resource or data source in the state file.
func (w *Workspace) Stored(t *testing.T, address string) Attributes {
	t.Helper()
	var state struct {
		Resources []struct {
			Mode, Type, Name string
			Instances        []struct{ Attributes Attributes }
		}
	}
	if err := json.Unmarshal([]byte(w.StateText(t)), &state); err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Resources {
		name := r.Type + "." + r.Name
		if r.Mode == "data" {
			name = "data." + name
		}
		if name == address && len(r.Instances) == 1 {
			return r.Instances[0].Attributes
		}
	}
	t.Fatalf("the state does not have exactly one instance of %s", address)
	return nil
}

// Refused runs the CLI and fails the test unless the CLI fails with this message.
func (w *Workspace) Refused(t *testing.T, want string, args ...string) {
	t.Helper()
	if out, err := w.Run(t.Context(), args...); err == nil || !Text(want).MatchString(out) {
		t.Errorf("%v does not fail with %q: %v\n%s", args, want, err, out)
	}
}
