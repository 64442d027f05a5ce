package nkey_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const (
	address = "nats_nkey.test"
	// all counts over all kinds, in the order of natsconn.KeyKinds.
	all = `count = 6`
	// ofEach is the type of each of them.
	ofEach = `["operator", "account", "user", "server", "cluster", "curve"][count.index]`
)

func nkey(lines ...string) string {
	return "resource \"nats_nkey\" \"test\" {\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

// starts checks what a key of a kind starts with.
func starts(with string) knownvalue.Check {
	return knownvalue.StringRegexp(regexp.MustCompile("^" + with + "[A-Z2-7]+$"))
}

// adder takes the values of one attribute step by step, and compares them.
type adder interface {
	AddStateValue(address string, at tfjsonpath.Path) statecheck.StateCheck
}

// seedsOf compares the seeds of each kind.
type seedsOf map[natsconn.KeyKind]adder

// Key pairs of each type stay what they are until their type or their keepers change.
func TestAccNKey(t *testing.T) {
	seed := tfjsonpath.New("seed")
	sameSeed, otherSeed := seedsOf{}, seedsOf{}
	for _, kind := range natsconn.KeyKinds() {
		sameSeed[kind] = statecheck.CompareValue(compare.ValuesSame())
		otherSeed[kind] = statecheck.CompareValue(compare.ValuesDiffer())
	}
	at := func(kind natsconn.KeyKind) string {
		return fmt.Sprintf("%s[%d]", address, slices.Index(natsconn.KeyKinds(), kind))
	}
	// step expects an action on each key, and what its seed is.
	step := func(config string, action plancheck.ResourceActionType, typeOf func(natsconn.KeyKind) natsconn.KeyKind,
		seeds ...seedsOf) resource.TestStep {
		s := resource.TestStep{Config: config}
		for _, kind := range natsconn.KeyKinds() {
			prefix := typeOf(kind).SeedPrefix()
			s.ConfigPlanChecks.PreApply = append(s.ConfigPlanChecks.PreApply, plancheck.ExpectResourceAction(at(kind), action))
			s.ConfigStateChecks = append(s.ConfigStateChecks,
				statecheck.ExpectKnownValue(at(kind), seed, starts(prefix)),
				statecheck.ExpectKnownValue(at(kind), tfjsonpath.New("public_key"), starts(prefix[1:])))
			for _, compared := range seeds {
				s.ConfigStateChecks = append(s.ConfigStateChecks, compared[kind].AddStateValue(at(kind), seed))
			}
		}
		return s
	}
	itself := func(kind natsconn.KeyKind) natsconn.KeyKind { return kind }
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		step(nkey(all, "type = "+ofEach), plancheck.ResourceActionCreate, itself, sameSeed),
		step(nkey(all, "type = "+ofEach, `keepers = { rotated = "2026" }`), plancheck.ResourceActionUpdate, itself, sameSeed,
			otherSeed),
		step(nkey(all, "type = "+ofEach, `keepers = { rotated = "2027" }`), plancheck.ResourceActionReplace, itself,
			otherSeed),
		step(nkey(all, "type = "+ofEach), plancheck.ResourceActionUpdate, itself),
		step(nkey(all, "type = "+ofEach+` == "user" ? "account" : "user"`), plancheck.ResourceActionReplace, another,
			otherSeed),
	}})
}

// another returns another kind.
func another(kind natsconn.KeyKind) natsconn.KeyKind {
	if kind == natsconn.UserKey {
		return natsconn.AccountKey
	}
	return natsconn.UserKey
}

func TestInvalidType(t *testing.T) {
	for _, kind := range []any{"robot", "Operator", "x25519"} {
		found := acctest.ValidateResource(t, "nats_nkey", acctest.Config{"type": kind})
		if len(found) != 1 || found[0].Path != "type" || !acctest.Text("value must be one of").MatchString(found[0].Text) {
			t.Errorf("type %q: %+v", kind, found)
		}
	}
}

// A key is imported from a file, and is not replaced when it gets its first keepers.
func TestAccNKeyImport(t *testing.T) {
	public, seed, err := claims.NewKey(natsconn.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "O.nk")
	if err := os.WriteFile(file, []byte(seed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := nkey(`type = "operator"`, `keepers = { rotated = "2026" }`)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config + fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, file),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("public_key"), knownvalue.StringExact(public)),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("seed"), knownvalue.StringExact(seed)),
			},
		},
		{Config: config, ImportState: true, ImportStateKind: resource.ImportCommandWithID, ResourceName: address, ImportStateId: file,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "public_key",
			ImportStateVerifyIgnore: []string{"keepers"}},
	}})
}

func TestInvalidImport(t *testing.T) {
	_, seed, err := claims.NewKey(natsconn.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte(seed[:40]), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		seed:                          "this is a seed, which is no longer secret",
		"~/O.nk":                      "the ~ is not expanded",
		filepath.Join(dir, "missing"): "no such file",
		dir:                           "is a directory",
		broken:                        "the content of " + broken + " is not an NKey seed",
		"":                            "The ID to import nats_nkey is empty",
	} {
		_, found := acctest.ImportResource(t, "nats_nkey", id)
		if len(found) != 1 || !acctest.Text(want).MatchString(found[0].Text) {
			t.Errorf("%+v, wanted %q", found, want)
		}
		for _, d := range found {
			if strings.Contains(d.Text, seed[10:40]) {
				t.Errorf("the seed is shown: %s", d.Text)
			}
		}
	}
	found := acctest.ImportByIdentity(t, "nats_nkey",
		acctest.Config{"public_key": acctest.NewKey(t, natsconn.OperatorKey).Public})
	if len(found) != 1 || !acctest.Text("The seed cannot be found from a public key. Import by ID: the ID is the path "+
		"of a file").MatchString(found[0].Text) {
		t.Errorf("by its identity: %+v", found)
	}
}

func TestAccEphemeralNKey(t *testing.T) {
	factories := maps.Clone(acctest.Factories)
	factories["echo"] = echoprovider.NewProviderServer()
	var checks []statecheck.StateCheck
	for i, kind := range natsconn.KeyKinds() {
		key := tfjsonpath.New("data").AtSliceIndex(i)
		checks = append(checks, statecheck.ExpectKnownValue("echo.test", key.AtMapKey("seed"), starts(kind.SeedPrefix())),
			statecheck.ExpectKnownValue("echo.test", key.AtMapKey("public_key"), starts(kind.SeedPrefix()[1:])))
	}
	acctest.Run(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
		Config: `
ephemeral "nats_nkey" "test" {
  ` + all + `
  type  = ` + ofEach + `
}

provider "echo" {
  data = ephemeral.nats_nkey.test
}

resource "echo" "test" {}
`,
		ConfigStateChecks: checks,
	}}})
}

// The seed of the resource is in the state and nowhere else, that of the ephemeral resource nowhere at all.
func TestAccCLINKeyLeavesNoTrace(t *testing.T) {
	w := acctest.NewWorkspace(t, nkey(`type = "operator"`)+`
ephemeral "nats_nkey" "test" {
  type = "account"
}
`)
	log := filepath.Join(t.TempDir(), "trace.log")
	w.Env = append(w.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+log)
	output := w.Must(t, "plan", "-out=plan.zip") + w.Must(t, "apply", "plan.zip") + w.Must(t, "show")
	read := func(file string) string {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	state, logged := read(filepath.Join(w.Dir, "terraform.tfstate")), read(log)
	seed := func(kind natsconn.KeyKind) *regexp.Regexp {
		return regexp.MustCompile(kind.SeedPrefix() + "[A-Z2-7]{56}")
	}
	if !seed(natsconn.OperatorKey).MatchString(state) {
		t.Error("the resource's seed is not in the state, where it is documented to be")
	}
	for what, text := range map[string]string{"output": output, "log": logged} {
		if seed(natsconn.OperatorKey).MatchString(text) {
			t.Errorf("the resource's seed is in the %s", what)
		}
	}
	for what, text := range map[string]string{"output": output, "log": logged, "state": state} {
		if seed(natsconn.AccountKey).MatchString(text) {
			t.Errorf("the ephemeral seed is in the %s", what)
		}
		if !strings.Contains(text, "nats_nkey") {
			t.Errorf("there is nothing of the key in the %s", what)
		}
	}
	w.AssertEmptyPlan(t)
}
