package provider_test

import (
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A stream that cannot be repaired is an error in every plan until an apply lifts the protection. It is then left
// alone, but a stream that replaces it is not. A resource that was never protected has no such apply, so the error
// remains.
func TestAccStreamLeftAlone(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	nc := lab.Leaf.Connect(t)
	acctest.StreamAPI(t, lab.Hub.Connect(t), "STREAM.CREATE.KV_kine",
		kine.Contract(kine.Spec{Name: "kine", History: 10, Replicas: 1}))
	provider := acctest.Config{"servers": []any{lab.Leaf.ClientURL()}}

	// breaks recreates a stream in memory.
	breaks := func(t *testing.T, name string) {
		t.Helper()
		config := acctest.StreamAPI(t, nc, "STREAM.INFO."+name, nil)
		acctest.StreamAPI(t, nc, "STREAM.DELETE."+name, nil)
		config["storage"] = "memory"
		acctest.StreamAPI(t, nc, "STREAM.CREATE."+name, config)
	}
	resources := map[string]func(name string, protected bool) acctest.Config{
		"nats_kine_bucket": func(name string, protected bool) acctest.Config {
			return acctest.Config{"name": name, "deletion_protection": protected}
		},
		"nats_kv_mirror": func(name string, protected bool) acctest.Config {
			return acctest.Config{
				"name": name, "deletion_protection": protected, "jetstream_domain": natslab.LeafName,
				"source": acctest.Config{"bucket": "kine", "jetstream_domain": natslab.HubName},
			}
		},
	}
	const refused, left = "Stream Cannot Be Repaired", "Stream Is Left Unchanged"
	for resource, config := range resources {
		// says checks the plan of a configuration, which must fail if want is an error.
		says := func(t *testing.T, i *acctest.Instance, config acctest.Config, action, want string) {
			t.Helper()
			got, found := i.Plan(t, provider, config)
			if got != action || acctest.Failed(found) != (want == refused) ||
				want != "" && !strings.Contains(texts(found), want) {
				t.Errorf("the plan is %q, want %q and %q: %s", got, action, want, texts(found))
			}
		}
		apply := func(t *testing.T, i *acctest.Instance, config acctest.Config) {
			t.Helper()
			if found := i.Apply(t, provider, config); acctest.Failed(found) {
				t.Fatal(texts(found))
			}
		}
		t.Run(resource+" protected", func(t *testing.T) {
			name := strings.ReplaceAll(resource, "_", "-") + "-protected"
			protected, lifted := config(name, true), config(name, false)
			i := acctest.NewInstance(t, resource)
			apply(t, i, protected)
			breaks(t, kine.StreamName(name))
			says(t, i, protected, "", refused)
			says(t, i, lifted, acctest.ActionUpdate, left)
			apply(t, i, lifted)
			says(t, i, lifted, acctest.ActionNone, left)
			says(t, i, protected, "", refused)

			apply(t, i, nil)
			apply(t, i, lifted)
			breaks(t, kine.StreamName(name))
			says(t, i, lifted, "", refused)
		})
		t.Run(resource+" never protected", func(t *testing.T) {
			name := strings.ReplaceAll(resource, "_", "-")
			i := acctest.NewInstance(t, resource)
			apply(t, i, config(name, false))
			breaks(t, kine.StreamName(name))
			says(t, i, config(name, false), "", refused)
			says(t, i, nil, acctest.ActionDelete, "")
		})
	}
}

// texts joins the texts of diagnostics.
func texts(found []acctest.Diagnostic) string {
	all := make([]string, len(found))
	for i, d := range found {
		all[i] = d.Text
	}
	return strings.Join(all, "\n")
}
