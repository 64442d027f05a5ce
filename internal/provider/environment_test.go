package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const (
	address = "nats_kine_bucket.test"
	bucket  = "resource \"nats_kine_bucket\" \"test\" {\n  deletion_protection = false\n}\n"
)

// hasBucket returns an error unless the bucket is on a server.
func hasBucket(ctx context.Context, lab *natslab.Server) error {
	nc, err := lab.Dial()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if _, err := js.Stream(ctx, "KV_kine"); err != nil {
		return fmt.Errorf("the bucket on server %s: %w", lab.Name(), err)
	}
	return nil
}

// unused fails the test if any client except the test has connected to a server.
func unused(t *testing.T, lab *natslab.Server) {
	t.Helper()
	if n := lab.TotalConnections(); n != 0 {
		t.Errorf("%d connections to server %s, which should not have been used", n, lab.Name())
	}
}

// Settings that the provider's configuration leaves out come from the environment and from NATS CLI contexts.
func TestAccEnvironment(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("A", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("user", nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	operatorLab := natslab.Single(t, natslab.Name("operator"), natslab.OperatorMode(operator))
	passwordLab := natslab.Single(t, natslab.Name("password"), natslab.UserPassword("u", "p"))
	decoy := natslab.Single(t, natslab.Name("decoy"))
	passwordContext := map[string]any{"url": passwordLab.ClientURL(), "user": "u", "password": "p"}

	type variables map[string]string
	for name, c := range map[string]struct {
		lab *natslab.Server
		// provider are lines of the provider's configuration.
		provider string
		env      variables
		// context is the NATS CLI context named test, selected is true if it is selected.
		context  map[string]any
		selected bool
	}{
		"URL and credentials file":   {lab: operatorLab, env: variables{"NATS_URL": operatorLab.ClientURL(), "NATS_CREDS": file}},
		"URL, user and password":     {lab: passwordLab, env: variables{"NATS_URL": passwordLab.ClientURL(), "NATS_USER": "u", "NATS_PASSWORD": "p"}},
		"URL with both in it":        {lab: passwordLab, env: variables{"NATS_URL": strings.Replace(passwordLab.ClientURL(), "//", "//u:p@", 1)}},
		"a context of the variable":  {lab: passwordLab, env: variables{"NATS_CONTEXT": "test"}, context: passwordContext},
		"the selected context":       {lab: passwordLab, context: passwordContext, selected: true},
		"a context of the provider":  {lab: passwordLab, provider: `context = "test"`, context: passwordContext, env: variables{"NATS_URL": decoy.ClientURL(), "NATS_TOKEN": "t"}},
		"variables over the context": {lab: operatorLab, env: variables{"NATS_URL": operatorLab.ClientURL(), "NATS_CREDS": file}, context: map[string]any{"url": decoy.ClientURL(), "token": "t"}, selected: true},
		"the provider over all": {lab: operatorLab, provider: fmt.Sprintf("servers = [%q]\n  credentials_file = %q", operatorLab.ClientURL(), file),
			env: variables{"NATS_URL": decoy.ClientURL(), "NATS_USER": "u", "NATS_PASSWORD": "p"}, context: passwordContext,
			selected: true},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			writeContext(t, c.context, c.selected)
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: "provider \"nats\" {\n  " + c.provider + "\n}\n" + bucket,
				Check:  func(*terraform.State) error { return hasBucket(t.Context(), c.lab) },
			}}})
			unused(t, decoy)
		})
	}
}

// writeContext writes the NATS CLI context named test, if there is one, and removes an earlier one.
func writeContext(t *testing.T, fields map[string]any, selected bool) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if fields == nil {
		return
	}
	content, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats")
	if err := os.MkdirAll(filepath.Join(dir, "context"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "context", "test.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if selected {
		if err := os.WriteFile(filepath.Join(dir, "context.txt"), []byte("test"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Servers that another resource determines work for a creation. A refresh cannot wait for them: the error names the
// attribute, and the servers of the environment are never asked instead.
func TestAccUnknownServers(t *testing.T) {
	lab := natslab.Single(t, natslab.Name("lab"))
	decoy := natslab.Single(t, natslab.Name("decoy"))
	t.Setenv("NATS_URL", decoy.ClientURL())
	config := func(url string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"url\" {\n  input = %q\n}\n", url) +
			"provider \"nats\" {\n  servers = [terraform_data.url.output]\n}\n" + bucket
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(lab.ClientURL()),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
				plancheck.ExpectUnknownValue(address, tfjsonpath.New("jetstream_domain")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("jetstream_domain"), knownvalue.Null()),
			},
		},
		{
			PreConfig: func() {
				if err := hasBucket(t.Context(), lab); err != nil {
					t.Error(err)
				}
			},
			Config: config(strings.Replace(lab.ClientURL(), "127.0.0.1", "localhost", 1)),
			ExpectError: acctest.Text("The provider's configuration is not known yet: servers depends on values that are " +
				"known only after an apply. Set these attributes"),
		},
	}})
	unused(t, decoy)
}

// While its servers are down, a resource keeps its state with a warning if the provider is configured so, and fails
// otherwise.
func TestAccCLIUnreachable(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t, natslab.UserPassword("u", "p"))
	config := func(lines ...string) string { return acctest.ProviderConfig(lab.URLs(), lines...) + bucket }
	right := []string{`user = "u"`, `password = "p"`, `connect_timeout = "2s"`}
	w := acctest.NewWorkspace(t, config(right...))
	w.Apply(t)
	before := text(t, filepath.Join(w.Dir, "terraform.tfstate"))

	refused := func(want string) {
		t.Helper()
		if out, err := w.Run(t.Context(), "plan"); err == nil || !acctest.Text(want).MatchString(out) {
			t.Errorf("the plan is not refused with %q: %v\n%s", want, err, out)
		}
	}
	// A refusal is an error with any setting, because a server answered.
	w.Configure(t, config(`user = "u"`, `password = "guess"`, `unreachable = "warn"`))
	refused("The credentials were refused by " + lab.ClientURL())

	lab.Shutdown()
	w.Configure(t, config(right...))
	refused("No connection to " + lab.ClientURL())
	w.Configure(t, config(append(right, `unreachable = "error"`)...))
	refused("No connection to " + lab.ClientURL())

	w.Configure(t, config(append(right, `unreachable = "warn"`)...))
	out := w.Must(t, "plan", "-detailed-exitcode")
	if want := acctest.Text(`Warning: NATS Is Unreachable`); !want.MatchString(out) {
		t.Errorf("the plan does not warn:\n%s", out)
	}
	if want := acctest.Text(`The prior state of the bucket "kine" is kept`); !want.MatchString(out) {
		t.Errorf("the warning does not name the bucket:\n%s", out)
	}
	w.Apply(t)
	if after := text(t, filepath.Join(w.Dir, "terraform.tfstate")); after != before {
		t.Errorf("the state has changed while the server was down:\n%s", after)
	}
	lab.Restart(t)
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// Validation and the plan of a creation need no server.
func TestAccOffline(t *testing.T) {
	w := acctest.NewWorkspace(t, acctest.ProviderConfig([]string{"nats://127.0.0.1:1"})+bucket+`
resource "nats_k3s_datastore_endpoint" "test" {
  servers   = ["nats://127.0.0.1:1"]
  datastore = nats_kine_bucket.test.datastore
}
`)
	w.Must(t, "validate")
	if out := w.Must(t, "plan"); !acctest.Text("Plan: 2 to add, 0 to change, 0 to destroy.").MatchString(out) {
		t.Errorf("the plan is not that of a creation:\n%s", out)
	}
}
