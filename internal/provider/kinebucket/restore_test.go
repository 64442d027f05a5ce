package kinebucket_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// region is a hub with the bucket kine, and a leaf node with the mirror of it.
type region struct {
	*natslab.HubLeaf

	hub, leaf *natsconn.JetStream
}

var kineSpec = kine.Spec{Name: "kine", History: 10, Replicas: 1}

var kineMirror = mirror.Spec{Spec: kine.Spec{Name: "kine", History: 10, Replicas: 1},
	Source: mirror.Source{Bucket: "kine", Domain: natslab.HubName}}

func newRegion(t *testing.T) *region {
	t.Helper()
	lab := natslab.HubAndLeaf(t)
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Hub.URLs()}, nil)
	t.Cleanup(client.Close)
	r := &region{lab, client.JetStream(natslab.HubName), client.JetStream(natslab.LeafName)}
	if _, err := kine.Create(t.Context(), r.hub, kineSpec, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// restored is a bucket of the hub with these lines in it.
func (r *region) restored(lines ...string) string {
	return acctest.ProviderConfig(r.Hub.URLs(), `jetstream_domain = "hub"`) + fmt.Sprintf(`
resource "nats_kine_bucket" "test" {
  name                = "kine"
  deletion_protection = false
  %s
}

resource "nats_k3s_datastore_endpoint" "test" {
  servers   = [%q]
  datastore = nats_kine_bucket.test.datastore
  verify    = "etcd"
}

output "url" {
  value     = nats_k3s_datastore_endpoint.test.url
  sensitive = true
}
`, strings.Join(lines, "\n  "), r.Hub.ClientURL())
}

const fromLeaf = `restore_from        = { bucket = "kine", jetstream_domain = "leaf" }`

// A bucket that was lost comes back from its mirror: KINE starts on it and has all keys at the same revisions, a watch
// from an old revision goes on, and the mirror follows it again as if nothing had been.
func TestAccCLIKineBucketRestore(t *testing.T) {
	r := newRegion(t)
	if _, err := mirror.Establish(t.Context(), r.leaf, r.hub, kineMirror, nil); err != nil {
		t.Fatal(err)
	}
	prefix := etcdtest.NewPrefix()
	url := acctest.EndpointURL(t, r.Hub.URLs(), kineSpec)
	running := kinelab.Run(t, url)
	// KINE replays the history to the first watch, and ends one that has more than a hundred changes waiting.
	seeded, err := etcdtest.Seed(t.Context(), dialKINE(t, running), prefix, 60)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	last := readBucket(t, r.hub).LastSequence
	if _, err := mirror.AwaitSequence(t.Context(), r.leaf, "kine", last); err != nil {
		t.Fatal(err)
	}
	if err := kine.Delete(t.Context(), r.hub, "kine", true); err != nil {
		t.Fatal(err)
	}

	w := acctest.NewWorkspace(t, r.restored(fromLeaf))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	found, err := mirror.Read(t.Context(), r.leaf, "kine")
	if err != nil {
		t.Fatal(err)
	}
	if _, d, err := mirror.Compare(t.Context(), r.leaf, r.hub, found); d != nil || err != nil {
		t.Errorf("the mirror and the restored bucket differ: %v, %v", d, err)
	}

	url, err = w.Output(t.Context(), "url")
	if err != nil {
		t.Fatal(err)
	}
	running = kinelab.Run(t, url)
	client := dialKINE(t, running)
	if err := etcdtest.VerifyAll(t.Context(), client, seeded); err != nil {
		t.Error(err)
	}
	assertResumes(t, client, prefix, seeded)
	t.Run("etcd", func(t *testing.T) { etcdtest.Run(t, running.Endpoint()) })
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	// Its server looks for a source that it has lost after ten to twenty seconds.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if _, err := mirror.AwaitSync(ctx, r.leaf, r.hub, kineMirror); err != nil {
		t.Errorf("the mirror does not follow the restored bucket: %v", err)
	}

	// What it was made from counts no more.
	w.Configure(t, r.restored())
	w.Apply(t)
	w.AssertEmptyPlan(t)
	for _, lines := range []string{fromLeaf, `restore_from = { bucket = "other", jetstream_domain = "leaf" }`} {
		w.Configure(t, r.restored(lines))
		if out, err := w.Run(t.Context(), "plan"); err == nil ||
			!acctest.Text("restore_from applies only when a bucket is created").MatchString(out) {
			t.Errorf("with %s on a bucket that is there: %v\n%s", lines, err, out)
		}
	}
	if got := readBucket(t, r.hub).LastSequence; got < last {
		t.Errorf("the bucket is at revision %d, and was at %d", got, last)
	}
}

// assertResumes checks that a watch from the oldest revision on gets all that came after it.
func assertResumes(t *testing.T, client *clientv3.Client, prefix string, seeded map[string]int64) {
	t.Helper()
	oldest := int64(0)
	for _, revision := range seeded {
		if oldest == 0 || revision < oldest {
			oldest = revision
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := 0
	for response := range client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(oldest)) {
		if err := response.Err(); err != nil {
			t.Fatalf("a watch from revision %d on: %v", oldest, err)
		}
		for _, event := range response.Events {
			if want := seeded[string(event.Kv.Key)]; want != event.Kv.ModRevision {
				t.Errorf("the watch got %s at revision %d and not %d", event.Kv.Key, event.Kv.ModRevision, want)
			}
			got++
		}
		if got >= len(seeded) {
			return
		}
	}
	t.Errorf("the watch got %d keys of %d", got, len(seeded))
}

func readBucket(t *testing.T, js *natsconn.JetStream) *kine.Bucket {
	t.Helper()
	bucket, err := kine.Read(t.Context(), js, "kine")
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

// A restoration that takes longer than its timeout is kept, is no datastore for an endpoint, and goes on with the next
// apply.
func TestAccKineBucketRestoreGoesOn(t *testing.T) {
	r := newRegion(t)
	if _, err := mirror.Establish(t.Context(), r.leaf, r.hub, kineMirror, nil); err != nil {
		t.Fatal(err)
	}
	nc := r.Hub.Connect(t)
	for i := range 400 {
		if _, err := nc.Request(fmt.Sprintf("$KV.kine.key%d", i), make([]byte, 100<<10), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := kine.RepairLastMessage(t.Context(), r.hub, "kine"); err != nil { // which is KINE's then
		t.Fatal(err)
	}
	if _, err := mirror.AwaitSequence(t.Context(), r.leaf, "kine", 401); err != nil {
		t.Fatal(err)
	}
	if err := kine.Delete(t.Context(), r.hub, "kine", true); err != nil {
		t.Fatal(err)
	}
	r.Link.SetLatency(300*time.Millisecond, 300*time.Millisecond)
	slow := r.restored(fromLeaf, `timeouts = { create = "5s", update = "2m" }`)
	w := acctest.NewWorkspace(t, slow)
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	for _, want := range []string{"Kine Bucket Is Not Finished", "and is still catching up", "continues with it",
		"Datastore Is Not Writable", "the bucket is still being restored"} {
		if err == nil || !acctest.Text(want).MatchString(out) {
			t.Errorf("no %q in the first apply: %v\n%s", want, err, out)
		}
	}
	if m, err := mirror.Read(t.Context(), r.hub, "kine"); err != nil || m.Promoted {
		t.Fatalf("what is to be the bucket is %+v, %v", m, err)
	}
	w.Configure(t, r.restored())
	if out, err := w.Run(t.Context(), "plan"); err == nil ||
		!acctest.Text("Bucket Is Still Being Restored").MatchString(out) {
		t.Errorf("a plan that forgets the restoration: %v\n%s", err, out)
	}
	r.Link.SetLatency(0, 0)
	// What these messages are, KINE cannot read: the endpoint is not for it.
	w.Configure(t, strings.Replace(slow, `"etcd"`, `"contract"`, 1))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	if b := readBucket(t, r.hub); b.LastSequence != 401 || b.Messages != 401 || len(b.Differences) > 0 {
		t.Errorf("the bucket is %+v", b)
	}
}

// What a bucket cannot be restored from is an error on its attribute, in the plan where it can be told there, and
// leaves nothing behind.
func TestAccKineBucketRestoreErrors(t *testing.T) {
	r := newRegion(t)
	if _, err := kine.Create(t.Context(), r.leaf, kine.Spec{Name: "longer", History: 20, Replicas: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if err := kine.Delete(t.Context(), r.hub, "kine", true); err != nil {
		t.Fatal(err)
	}
	key := acctest.NewKey(t, natsconn.AccountKey).Public
	w := acctest.NewWorkspace(t, "")
	for what, c := range map[string]struct {
		command, from, want string
	}{
		"same domain":       {"plan", `bucket = "kine", jetstream_domain = "hub"`, "For a source in another domain, set restore_from.jetstream_domain"},
		"no domain":         {"plan", `bucket = "kine"`, "The source is in the same account and JetStream domain as the mirror"},
		"nobody may ask":    {"plan", `bucket = "kine", api_prefix = "a.API", deliver_prefix = "a.d"`, "Set restore_from.account"},
		"no key":            {"plan", fmt.Sprintf(`bucket = "kine", account = %q, deliver_prefix = "d"`, key), "Set accounts.signing_key"},
		"own account":       {"plan", fmt.Sprintf(`bucket = "kine", account = %q`, key), "or set restore_from.deliver_prefix"},
		"a stream's name":   {"plan", `bucket = "a.b", jetstream_domain = "leaf"`, "only letters, digits, dashes and underscores"},
		"missing":           {"apply", `bucket = "nothing", jetstream_domain = "leaf"`, "Check restore_from.bucket"},
		"no such domain":    {"apply", `bucket = "kine", jetstream_domain = "nope"`, "In this case, the attribute is restore_from.jetstream_domain."},
		"another history":   {"apply", `bucket = "longer", jetstream_domain = "leaf"`, "Set history = 20."},
		"bucket that is no": {"apply", `bucket = "plain", jetstream_domain = "leaf"`, "Repair the bucket first"},
	} {
		if what == "bucket that is no" {
			config := map[string]any{"name": "KV_plain", "subjects": []string{"$KV.plain.>"}, "max_msgs_per_subject": 10,
				"num_replicas": 1}
			if err := r.leaf.Request(t.Context(), "STREAM.CREATE.KV_plain", config, nil); err != nil {
				t.Fatal(err)
			}
		}
		w.Configure(t, r.restored("restore_from = { "+c.from+" }"))
		args := []string{c.command}
		if c.command == "apply" {
			args = append(args, "-auto-approve", "-target=nats_kine_bucket.test")
		}
		out, err := w.Run(t.Context(), args...)
		if err == nil || !acctest.Text(c.want).MatchString(out) {
			t.Errorf("%s: no %q: %v\n%s", what, c.want, err, out)
		}
		if _, err := kine.Read(t.Context(), r.hub, "kine"); !errors.Is(err, kine.ErrNotFound) {
			t.Errorf("%s: something is left: %v", what, err)
		}
	}
}
