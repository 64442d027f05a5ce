package provider_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A bucket and a mirror record their JetStream domain, whether or not it is configured: naming it is no change, another
// resource can refer to it, and the state of an earlier provider version is upgraded.
func TestAccCLIOwnDomain(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hub := acctest.NewInProcess(t, acctest.ProviderConfig(lab.Hub.URLs())+`
resource "nats_kine_bucket" "test" {}
`)
	hub.Apply(t)
	const bucket, mirror = "nats_kine_bucket.test", "nats_kv_mirror.test"
	if domain := hub.Stored(t, bucket).Text("jetstream_domain"); domain != "hub" {
		t.Errorf("the bucket is in %q", domain)
	}
	if account := hub.Stored(t, bucket)["account"]; account != nil {
		t.Errorf("on a server without accounts the bucket is in the account %v", account)
	}
	hub.AssertConverged(t)
	hub.Configure(t,
		acctest.ProviderConfig(lab.Hub.URLs())+"resource \"nats_kine_bucket\" \"test\" {\n  jetstream_domain = \"hub\"\n}\n")
	hub.AssertConverged(t)
	hub.Configure(t,
		acctest.ProviderConfig(lab.Hub.URLs())+"resource \"nats_kine_bucket\" \"test\" {\n  jetstream_domain = \"leaf\"\n}\n")
	hub.Refused(t, `jetstream_domain is "hub" and cannot become "leaf"`, "plan")

	// A mirror across the leaf node of a bucket whose domain the same apply determines.
	config := func(lines string) string {
		return acctest.ProviderConfig(lab.Leaf.URLs()) + `
resource "nats_kine_bucket" "other" {
  name             = "other"
  jetstream_domain = "hub"
}
resource "nats_kv_mirror" "test" {
  source = { bucket = nats_kine_bucket.other.name, jetstream_domain = nats_kine_bucket.other.jetstream_domain }
  ` + lines + "\n}\n"
	}
	leaf := acctest.NewInProcess(t, config(""))
	leaf.Apply(t)
	if domain := leaf.Stored(t, mirror).Text("jetstream_domain"); domain != "leaf" {
		t.Errorf("the mirror is in %q", domain)
	}
	leaf.AssertConverged(t)
	leaf.Configure(t, config(`jetstream_domain = "leaf"`))
	leaf.AssertConverged(t)

	// The state of an earlier version has no domain, in neither the attributes nor the identity.
	forget(t, leaf, "jetstream_domain", "leaf")
	leaf.Configure(t, config(""))
	leaf.Must(t, "plan", "-refresh=false")
	leaf.Apply(t)
	if domain := leaf.Stored(t, mirror).Text("jetstream_domain"); domain != "leaf" {
		t.Errorf("after a refresh the mirror is in %q", domain)
	}
	leaf.AssertConverged(t)

	leaf.Must(t, "state", "rm", mirror)
	leaf.Must(t, "import", mirror, "other")
	if domain := leaf.Stored(t, mirror).Text("jetstream_domain"); domain != "leaf" {
		t.Errorf("the imported mirror is in %q", domain)
	}
}

// forget removes an attribute with this value everywhere in the state, including identities.
func forget(t *testing.T, w *acctest.Workspace, name, old string) {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(w.StateText(t)), &state); err != nil {
		t.Fatal(err)
	}
	forgotten := 0
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, element := range value {
				walk(element)
			}
		case map[string]any:
			if value[name] == old {
				value[name] = nil
				forgotten++
			}
			for _, entry := range value {
				walk(entry)
			}
		}
	}
	walk(state)
	text, err := json.Marshal(state)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.Dir, "terraform.tfstate"), text, 0o600)
	}
	if err != nil || forgotten < 2 || strings.Contains(string(text), fmt.Sprintf("%q:%q", name, old)) {
		t.Fatalf("%d values of %s were forgotten: %v", forgotten, name, err)
	}
}
