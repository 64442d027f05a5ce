package kvmirror_test

import (
	"fmt"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A cluster is switched over to the leaf's domain and back to the hub by configuration alone: bucket and mirror,
// promotion, moved from mirror to bucket, and the way back.
func TestAccCLIKVMirrorSwitchOver(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	hub := `
resource "nats_kine_bucket" "hub" {
  jetstream_domain    = "hub"
  deletion_protection = false
}
`
	dr := func(lines string) string {
		return provider + fmt.Sprintf(`
resource "nats_kv_mirror" "dr" {
  jetstream_domain = "leaf"
  %s
}

output "datastore" { value = nats_kv_mirror.dr.datastore }
`, lines)
	}
	const source = `source = { bucket = nats_kine_bucket.hub.name, jetstream_domain = "hub" }`
	w := acctest.NewWorkspace(t, hub+dr(source))
	w.Apply(t)
	endpoint := func(urls []string) string {
		return acctest.EndpointURL(t, urls, kine.Spec{Name: "kine", History: 10, Replicas: 1})
	}
	k := kinelab.Run(t, endpoint(lab.Hub.URLs()))
	client, err := etcdtest.Dial(t.Context(), k.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	prefix := etcdtest.NewPrefix()
	seeded, err := etcdtest.Seed(t.Context(), client, prefix, 100)
	if err != nil {
		t.Fatal(err)
	}

	w.Configure(t, hub+dr(source+"\n  promoted = true"))
	out := w.Apply(t)
	for _, want := range []string{"Mirror Will Be Promoted", "Mirror Was Promoted", "Writes stood still for"} {
		if !acctest.Text(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	w.AssertEmptyPlan(t)
	if _, err := etcdtest.Seed(t.Context(), client, prefix+"late/", 1); err == nil {
		t.Error("a write to the fenced source was acknowledged")
	}
	second := kinelab.Run(t, endpoint(lab.Leaf.URLs()))
	successor, err := etcdtest.Dial(t.Context(), second.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = successor.Close() })
	if err := etcdtest.VerifyAll(t.Context(), successor, seeded); err != nil {
		t.Error(err)
	}

	// What is promoted is not made a mirror again, and the source's fence stays.
	for lines, want := range map[string]string{
		source:                          "Promoted Mirror Cannot Become a Mirror Again",
		source + "\n  promoted = false": "Promoted Mirror Cannot Become a Mirror Again",
	} {
		w.Configure(t, hub+dr(lines))
		if out, err := w.Run(t.Context(), "plan"); err == nil || !acctest.Text(want).MatchString(out) {
			t.Errorf("%v, no %q in\n%s", err, want, out)
		}
	}

	// The source is dropped, and the mirror becomes a bucket.
	w.Configure(t, hub+dr("promoted = true"))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	_ = successor.Close()
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	const dropped, moved = "deletion_protection = false", `
resource "nats_kine_bucket" "dr" {
  jetstream_domain = "leaf"
  %s
}

moved {
  from = nats_kv_mirror.dr
  to   = nats_kine_bucket.dr
}
`
	w.Configure(t, hub+provider+fmt.Sprintf(moved, ""))
	if out := w.Apply(t); !acctest.Text("0 added, 0 changed, 0 destroyed").MatchString(out) {
		t.Errorf("the move changes something:\n%s", out)
	}
	w.AssertEmptyPlan(t)

	// Failback: a mirror the other way round takes the place of the fenced bucket, is promoted, and becomes the bucket
	// again.
	const back = `
resource "nats_kv_mirror" "back" {
  jetstream_domain    = "hub"
  deletion_protection = false
  source              = { bucket = nats_kine_bucket.dr.name, jetstream_domain = "leaf" }
  %s
}
`
	for _, config := range []string{
		fmt.Sprintf(moved, ""),
		fmt.Sprintf(moved, "") + fmt.Sprintf(back, ""),
		fmt.Sprintf(moved, "") + fmt.Sprintf(back, "promoted = true"),
		fmt.Sprintf(moved, dropped) + fmt.Sprintf(back, "promoted = true"),
	} {
		w.Configure(t, provider+config)
		w.Apply(t)
		w.AssertEmptyPlan(t)
	}
	w.Configure(t, hub+dr(source)+`
moved {
  from = nats_kv_mirror.back
  to   = nats_kine_bucket.hub
}
`)
	w.Apply(t)
	w.AssertEmptyPlan(t)
	third := kinelab.Run(t, endpoint(lab.Hub.URLs()))
	final, err := etcdtest.Dial(t.Context(), third.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = final.Close() })
	if err := etcdtest.VerifyAll(t.Context(), final, seeded); err != nil {
		t.Error(err)
	}
}
