package provider_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// applied is an applied example.
type applied struct {
	site
	*acctest.Workspace
}

// run applies the example in a separate workspace, checks it, imports it again, and destroys it.
func (e *example) run(t *testing.T, first *acctest.Workspace, here site, file string) {
	t.Helper()
	a := applied{here, first.Another(t, "")}
	a.Env = append(a.Env, here.env...)
	if a.caFile != "" {
		a.write(t, "nats-ca.pem", text(t, a.caFile))
	}
	if e.given != nil {
		e.given(t, here)
	}
	config := a.stoodIn(t, text(t, filepath.Join(examplesDir, file)))
	a.configure(t, config)
	a.Apply(t)
	if e.reads {
		a.assertReadsOnly(t)
	} else {
		a.AssertEmptyPlan(t)
	}
	if e.check != nil {
		e.check(t, a)
	}
	if filepath.Base(file) == "resource.tf" {
		imports, err := filepath.Glob(filepath.Join(examplesDir, filepath.Dir(file), "import-by-*.tf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range imports {
			e.reimport(t, a, file)
		}
	}
	a.destroy(t, config)
}

// assertReadsOnly fails the test if a plan has any change except data that the apply reads.
func (a applied) assertReadsOnly(t *testing.T) {
	t.Helper()
	if out := a.Must(t, "plan"); !strings.Contains(out, "No changes.") &&
		!strings.Contains(out, "0 to add, 0 to change, 0 to destroy") {
		t.Fatalf("the plan changes something:\n%s", out)
	}
}

// host returns the name of the nth server of the examples.
var host = regexp.MustCompile(`nats-(\d)\.example\.com:4222`)

// accountKey matches an invented public key of an account.
var accountKey = regexp.MustCompile(`\bA[A-Z2-7]{55}\b`)

// stoodIn returns the text of an example with real values instead of invented ones: the addresses of servers and the
// public keys of accounts. If there are fewer servers than names, several names share one. The text must not name any
// other server. Without servers nothing is replaced, because nothing is contacted. Files are not replaced: those that
// Terraform reads are in the workspace under their names, and those of nodes are only named.
func (a applied) stoodIn(t *testing.T, config string) string {
	t.Helper()
	if len(a.urls) == 0 {
		return config
	}
	config = host.ReplaceAllStringFunc(config, func(address string) string {
		number := int(host.FindStringSubmatch(address)[1][0] - '1')
		return strings.TrimPrefix(a.urls[number%len(a.urls)], "nats://")
	})
	config = accountKey.ReplaceAllLiteralString(config, a.account.PublicKey())
	if strings.Contains(config, "example.com") {
		t.Fatalf("there is an address that no server of the test stands in for:\n%s", config)
	}
	return config
}

// configure replaces the configuration and adds the provider requirement if it is missing.
func (a applied) configure(t *testing.T, config string) {
	t.Helper()
	if !strings.Contains(config, "required_providers") {
		a.Configure(t, config)
		return
	}
	a.write(t, "main.tf", config)
}

func (a applied) write(t *testing.T, name, content string) {
	t.Helper()
	if err := a.Write(name, content); err != nil {
		t.Fatal(err)
	}
}

// importTo matches the target address of an import block.
var importTo = regexp.MustCompile(`(?m)^\s*to\s*=\s*(\S+)$`)

// reimport removes an object from the state and imports it as the file does. Nothing else may be added, changed or
// destroyed.
func (e *example) reimport(t *testing.T, a applied, file string) {
	t.Helper()
	if strings.HasSuffix(file, "identity.tf") && !a.importsByIdentity(t) {
		return
	}
	block := text(t, file)
	to := importTo.FindStringSubmatch(block)
	if to == nil {
		t.Fatalf("%s imports to nothing", file)
	}
	before := a.state(t).object(t, to[1])
	block = a.stoodInImport(t, block, e.imported, before)
	a.Must(t, "state", "rm", to[1])
	a.write(t, "import.tf", block)
	out := a.Apply(t)
	changed := 0
	if e.completed != "" {
		changed = 1
	}
	if want := fmt.Sprintf("1 imported, 0 added, %d changed, 0 destroyed", changed); !acctest.Text(want).MatchString(out) {
		t.Fatalf("%s: not %s:\n%s", file, want, out)
	}
	if e.completed != "" && regexp.MustCompile(`(?m)^\s*[-+~/]+ `+e.kept+`\s`).MatchString(out) {
		t.Errorf("%s: not only %s changes, but %s:\n%s", file, e.completed, e.kept, out)
	}
	a.AssertEmptyPlan(t)
}

// importsByIdentity reports whether the CLI supports identities in import blocks, as Terraform does since 1.12.
func (a applied) importsByIdentity(t *testing.T) bool {
	t.Helper()
	version, err := a.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return !strings.HasPrefix(version, "Terraform v1.11.")
}

// stoodInImport returns the text of an import block with real values, and writes the files that it reads.
func (a applied) stoodInImport(t *testing.T, block string, imported map[string]string, object map[string]any) string {
	t.Helper()
	if len(imported) == 0 {
		return a.stoodIn(t, block)
	}
	for name, attribute := range imported {
		value, ok := object[attribute].(string)
		if !ok || !strings.Contains(block, name) {
			t.Fatalf("the import block does not name %s, or there is no attribute %s:\n%s", name, attribute, block)
		}
		if strings.Contains(name, "/") {
			file := filepath.Base(name)
			a.write(t, file, value)
			value = filepath.ToSlash(filepath.Join(a.Dir, file))
		}
		block = strings.ReplaceAll(block, name, value)
	}
	return block
}

// protected matches the head of a resource that is protected by default.
var protected = regexp.MustCompile(`(?m)^resource "nats_(account|kine_bucket|kv_mirror)" "\w+" \{$`)

// destroy lifts the protection, which takes a separate apply, and destroys all objects.
func (a applied) destroy(t *testing.T, config string) {
	t.Helper()
	if !a.state(t).managed() {
		return
	}
	variable := strings.Contains(config, `variable "deletion_protection"`)
	if !variable {
		config = protected.ReplaceAllString(config, "$0\n  deletion_protection = false")
	}
	a.configure(t, strings.ReplaceAll(config, "prevent_destroy = true", ""))
	if variable || protected.MatchString(config) {
		a.Env = append(a.Env, "TF_VAR_deletion_protection=false")
		a.Must(t, "apply", "-auto-approve", "-refresh=false")
	}
	a.Must(t, "destroy", "-auto-approve")
	if a.state(t).managed() {
		t.Error("there is something left in the state")
	}
}

// state is the state of a configuration.
type state struct {
	Outputs   map[string]struct{ Value any }
	Resources []struct {
		Mode, Type, Name string
		Instances        []struct {
			Attributes map[string]any
		}
	}
}

func (a applied) state(t *testing.T) *state {
	t.Helper()
	var s state
	if err := json.Unmarshal([]byte(text(t, filepath.Join(a.Dir, "terraform.tfstate"))), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// managed reports whether the state has objects to destroy.
func (s *state) managed() bool {
	for _, resource := range s.Resources {
		if resource.Mode == "managed" {
			return true
		}
	}
	return false
}

// object returns the attributes of the only instance of a resource.
func (s *state) object(t *testing.T, address string) map[string]any {
	t.Helper()
	for _, resource := range s.Resources {
		if resource.Type+"."+resource.Name == address && len(resource.Instances) == 1 {
			return resource.Instances[0].Attributes
		}
	}
	t.Fatalf("there is no single %s in the state", address)
	return nil
}

// output returns the value of a string output.
func (s *state) output(t *testing.T, name string) string {
	t.Helper()
	value, ok := s.Outputs[name].Value.(string)
	if !ok {
		t.Fatalf("there is no output %s that is text", name)
	}
	return value
}
