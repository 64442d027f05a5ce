package kvmirror_test

import (
	"fmt"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
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

// The hub is lost: the mirror is promoted with what it has, above the hub's revisions, by one change of the configuration. When
// the hub is back, the next apply fences it.
func TestAccCLIKVMirrorFailOver(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	w := acctest.NewWorkspace(t, "")
	hubBucket(t, lab)
	config := func(lines string) {
		t.Helper()
		w.Configure(t, acctest.ProviderConfig(lab.Leaf.URLs())+mirrorConfig(fromHub, unprotected+"\n"+lines))
	}
	config("promoted = true")
	if out, err := w.Run(t.Context(), "plan"); err == nil || !acctest.Text("Mirror Cannot Be Created Promoted").MatchString(out) {
		t.Errorf("created promoted: %v\n%s", err, out)
	}
	config("")
	w.Apply(t)
	const unplanned = "promoted = true\n  revision_bump = 5000\n  promotion = { mode = \"unplanned\" }"
	config(unplanned)
	if out, err := w.Run(t.Context(), "apply", "-auto-approve"); err == nil || !acctest.Text("answers, so it is not lost").MatchString(out) {
		t.Errorf("the source answers: %v\n%s", err, out)
	}
	leaf := open(t, lab.Leaf.Connect(t))
	before := info(t, leaf)
	if before.Config.Mirror == nil {
		t.Fatal("the mirror was promoted although its source answers")
	}

	lab.Hub.Shutdown()
	config("promoted = true")
	if out, err := w.Run(t.Context(), "apply", "-auto-approve"); err == nil || info(t, leaf).Config.Mirror == nil {
		t.Errorf("a planned promotion without the source: %v\n%s", err, out)
	}
	config(unplanned)
	out := w.Apply(t)
	if !acctest.Text("Mirror Was Promoted Without Its Source").MatchString(out) {
		t.Errorf("no result in\n%s", out)
	}
	after := info(t, leaf)
	if after.Config.Mirror != nil || after.State.LastSeq < before.State.LastSeq+5000 {
		t.Errorf("%+v", after)
	}
	w.AssertEmptyPlan(t)

	if err := lab.Hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	lab.AwaitReady(t)
	out = w.Must(t, "plan")
	for _, want := range []string{"Two Writable Copies of One Cluster", "Source Will Be Fenced"} {
		if !acctest.Text(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	w.Apply(t)
	w.AssertEmptyPlan(t)
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Hub.URLs()}, nil)
	t.Cleanup(client.Close)
	source, err := kine.Read(t.Context(), client.JetStream(""), "kine")
	if err != nil || source.Fence == nil || source.Fence.Successor == "" {
		t.Errorf("the source that is back: %+v, %v", source, err)
	}
}
