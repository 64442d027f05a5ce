package provider_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A second workspace that applies the same bucket or mirror adopts it with a warning while it is unused, as an
// interrupted apply leaves it. Once it is in use, the second workspace gets an error that names the import. The first
// apply of each has no warning.
func TestAccTwoWorkspaces(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Hub.URLs()}, nil)
	t.Cleanup(client.Close)
	source, err := kine.Create(t.Context(), client.JetStream(""), kine.Spec{Name: "source", History: 10, Replicas: 1}, nil)
	if err != nil || source.Adopted {
		t.Fatalf("the source is %+v: %v", source, err)
	}
	if again, err := kine.Create(t.Context(), client.JetStream(""), source.Spec, nil); err != nil || !again.Adopted ||
		!again.Created.Equal(source.Created) {
		t.Errorf("the second creation returns %+v: %v", again, err)
	}
	config := acctest.ProviderConfig(lab.Leaf.URLs()) + `
resource "nats_kine_bucket" "test" {}
resource "nats_kv_mirror" "test" {
  source = { bucket = "source", jetstream_domain = "hub" }
}
`
	const bucketThere, mirrorThere = "Kine Bucket Already Existed", "KV Mirror Already Existed"
	check := func(out string, wanted bool, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if acctest.Text(text).MatchString(out) != wanted {
				t.Errorf("%q is told: %t, in\n%s", text, !wanted, out)
			}
		}
	}
	first := acctest.NewInProcess(t, config)
	check(first.Apply(t), false, bucketThere, mirrorThere)
	second := first.Another(t, config)
	check(second.Apply(t), true, bucketThere, mirrorThere, "another workspace or configuration may own the mirror")
	second.AssertEmptyPlan(t)

	for server, bucket := range map[*natslab.Server]string{lab.Hub: "source", lab.Leaf: "kine"} {
		if _, err := server.Connect(t).Request(kine.KeySubject(bucket, "x"), []byte("data"),
			natsconn.DefaultRequestTimeout); err != nil {
			t.Fatal(err)
		}
	}
	leaf := natsconn.NewClient(natsconn.Settings{Servers: lab.Leaf.URLs()}, nil)
	t.Cleanup(leaf.Close)
	acctest.WaitFor(t, "the mirror to follow", func() bool {
		copied, err := kine.Read(t.Context(), leaf.JetStream(""), "source")
		return err == nil && copied.Messages > 0
	})
	third := first.Another(t, config)
	out, err := third.Run(t.Context(), "apply", "-auto-approve")
	if err == nil {
		t.Errorf("what is in use was taken over:\n%s", out)
	}
	check(out, true, "import it: terraform import ADDRESS 'kine'", "import it: terraform import ADDRESS 'source'")
}
