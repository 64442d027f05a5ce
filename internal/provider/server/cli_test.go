package server_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// What is known is in the plan, what is not comes with the apply, and a mistake is found by the earliest step that can
// know of it. The servers are those that the text is for: one boots from it.
func TestAccCLIServerConfig(t *testing.T) {
	o := operator(t)
	account, err := o.AddAccount("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	address := natslab.FreeAddress(t)
	dir := t.TempDir()

	config := func(operator, payload, store string) string {
		return fmt.Sprintf(`
resource "terraform_data" "operator" {
  input = %q
}

data "nats_server_config" "known" {
  server_name = "nats-1"
}

data "nats_server_config" "first" {
  listen         = %q
  max_payload    = %s
  operator       = terraform_data.operator.output
  system_account = %q
  jetstream      = { store_dir = %q, limits = { default_max_consumers = -1 } }
  resolver = {
    type         = "full"
    dir          = %q
    allow_delete = true
    preload      = { %q = %q, %q = %q }
  }
}

output "known" {
  value = data.nats_server_config.known.config
}

output "first" {
  value = data.nats_server_config.first.config
}
`, operator, address, payload, o.SystemAccount().PublicKey(), store, filepath.Join(dir, "jwt"),
			o.SystemAccount().PublicKey(), o.SystemAccount().JWT(), account.PublicKey(), account.JWT())
	}
	refused := func(when, found, at, remedy string) {
		t.Helper()
		for _, want := range []string{at, remedy} {
			if !acctest.Text(want).MatchString(found) {
				t.Errorf("%s does not say %q:\n%s", when, want, found)
			}
		}
	}

	// A relative path is wrong whatever the operator will be.
	w := acctest.NewWorkspace(t, config(o.JWT(), "2097152", "data"))
	out, err := w.Run(t.Context(), "validate")
	if err == nil {
		t.Fatalf("a relative directory is valid:\n%s", out)
	}
	refused("validate", out, "Attribute jetstream.store_dir", "not an absolute path")

	// That the operator is none can be known by the apply alone.
	w.Configure(t, config("nobody", "2097152", filepath.Join(dir, "store")))
	w.Must(t, "plan")
	out, err = w.Run(t.Context(), "apply", "-auto-approve")
	if err == nil {
		t.Fatalf("an operator that is none was applied:\n%s", out)
	}
	refused("apply", out, "Attribute operator", "not have the form of a JWT")

	// Another operator is no operator of these accounts. It is known to the plan once it is unchanged.
	other := operator(t)
	w.Configure(t, config(other.JWT(), "2097152", filepath.Join(dir, "store")))
	out, err = w.Run(t.Context(), "apply", "-auto-approve")
	if err == nil {
		t.Fatalf("an operator of others was applied:\n%s", out)
	}
	out, err = w.Run(t.Context(), "plan")
	if err == nil {
		t.Fatalf("an operator of others was planned:\n%s", out)
	}
	refused("plan", out, "Attribute system_account", "set the same account")

	w = w.Another(t, config(o.JWT(), "2097152", filepath.Join(dir, "store")))
	w.Must(t, "plan", "-out", "plan")
	var plan struct {
		Changes map[string]struct {
			After   any
			Unknown any `json:"after_unknown"`
		} `json:"output_changes"`
	}
	if err := json.Unmarshal([]byte(w.Must(t, "show", "-json", "plan")), &plan); err != nil {
		t.Fatal(err)
	}
	if known := plan.Changes["known"]; known.After != "server_name: \"nats-1\"\nlisten: \"0.0.0.0:4222\"\n" {
		t.Errorf("what is known is planned as %v", known)
	}
	if first := plan.Changes["first"]; first.Unknown != true {
		t.Errorf("what is not known is planned as %v", first)
	}
	w.Must(t, "apply", "-auto-approve", "plan")
	text := w.Must(t, "output", "-raw", "first")
	w.AssertEmptyPlan(t)

	// The same size in another form makes the same text.
	w.Configure(t, config(o.JWT(), `"2MiB"`, filepath.Join(dir, "store")))
	w.AssertEmptyPlan(t)

	natslab.AwaitConfigured(t, natslab.Configured(t, text))
	creds, err := account.Credentials("u", nil)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+address, nats.UserCredentialBytes([]byte(creds)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	info, err := nc.Request("$JS.API.INFO", nil, time.Minute)
	if err != nil || strings.Contains(string(info.Data), `"error"`) || nc.MaxPayload() != 2<<20 {
		t.Errorf("JetStream: %v, %v; payloads up to %d", info, err, nc.MaxPayload())
	}
}
