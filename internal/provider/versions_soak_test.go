//go:build soak

package provider_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// serversVariable lists executables of nats-server, in the format of PATH. `make soak` builds one for each
// internal/tools/nats-server-*, whose go.mod sets its version.
const serversVariable = "NATS_SERVERS"

// serverVersions returns the paths of the executables by their versions.
func serverVersions(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, path := range filepath.SplitList(os.Getenv(serversVariable)) {
		out, err := exec.CommandContext(t.Context(), path, "--version").Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_, version, found := strings.Cut(strings.TrimSpace(string(out)), "nats-server: v")
		if !found {
			t.Fatalf("%s says that it is %q", path, out)
		}
		versions[version] = path
	}
	lowest := natsconn.MinServerVersion[:strings.LastIndex(natsconn.MinServerVersion, ".")+1]
	if !slices.ContainsFunc(slices.Collect(maps.Keys(versions)), func(v string) bool { return strings.HasPrefix(v, lowest) }) {
		t.Fatalf("there is no nats-server %sx, the oldest that the provider works with, in %s, but %v: run this with `make "+
			"soak`",
			lowest, serversVariable, versions)
	}
	return versions
}

// The provider's main tasks on each of the other supported versions of nats-server. All other tests use the version
// that is linked.
func TestAccSoakServerVersions(t *testing.T) {
	versions := serverVersions(t)
	for _, version := range slices.Sorted(maps.Keys(versions)) {
		path := versions[version]
		run := func(t *testing.T, opts ...natslab.Option) *natslab.ServerProcess {
			t.Helper()
			lab := natslab.Process(t, append(opts, natslab.Executable(path))...)
			if got := lab.Connect(t).ConnectedServerVersion(); got != version {
				t.Fatalf("the server is %s, and not %s", got, version)
			}
			return lab
		}
		system := func(t *testing.T) (*system, *natslab.ServerProcess) {
			t.Helper()
			operator := newOperator(t)
			lab := run(t, natslab.OperatorMode(operator))
			return newSystem(t, operator, lab.URLs()), lab
		}
		t.Run(version+"/bucket", func(t *testing.T) { keepBucket(t, run(t)) })
		t.Run(version+"/tenants", func(t *testing.T) {
			s, lab := system(t)
			s.makeTenants(t, lab.Log)
		})
		t.Run(version+"/rotation", func(t *testing.T) {
			s, _ := system(t)
			s.rotateKey(t)
		})
		// Regions are upgraded one after the other, so that a hub may be older or newer than its leaf node.
		for name, executables := range map[string][2]string{
			"regions": {path, path}, "older hub": {path, ""}, "older leaf": {"", path},
		} {
			t.Run(version+"/"+name, func(t *testing.T) { newTwoRegions(t, executables[0], executables[1]).surviveLoss(t) })
		}
	}
}

const bucketConfig = `
resource "nats_kine_bucket" "cluster" {
  deletion_protection = false
  %s
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers   = [%q]
  datastore = nats_kine_bucket.cluster.datastore
  verify    = "etcd"
}

output "url" {
  value     = nats_k3s_datastore_endpoint.cluster.url
  sensitive = true
}
`

// keepBucket creates a bucket that KINE runs on, changes it outside Terraform, and has it repaired and destroyed.
func keepBucket(t *testing.T, lab *natslab.ServerProcess) {
	t.Helper()
	config := func(lines string) string {
		return acctest.ProviderConfig(lab.URLs()) + fmt.Sprintf(bucketConfig, lines, lab.ClientURL())
	}
	w := acctest.NewWorkspace(t, config(""))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	running := kinelab.Run(t, output(t, w, "url"))
	etcdtest.Run(t, running.Endpoint())
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}

	w.Configure(t, config("replicas = 3"))
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	if err == nil || !acctest.Text("The server is not part of a cluster and supports only one replica.").MatchString(out) {
		t.Errorf("three replicas on one server: %v\n%s", err, out)
	}
	w.Configure(t, config(""))
	if out := w.Apply(t); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") { // the output alone was changed
		t.Errorf("the refused update has changed something:\n%s", out)
	}

	nc := lab.Connect(t)
	changed := acctest.StreamAPI(t, nc, "STREAM.INFO.KV_kine", nil)
	maps.Copy(changed, acctest.RawStream{
		"description": "mine", "subjects": []string{"$KV.kine.>", "extra"}, "max_bytes": 1 << 30, "max_msg_size": 1 << 20,
		"discard":          "old",
		"duplicate_window": time.Minute, "allow_rollup_hdrs": false, "allow_direct": false, "compression": "s2",
		"metadata": map[string]string{"owner": "me"}, "republish": map[string]any{"src": ">", "dest": "copy.>"},
		"allow_atomic": true,
	})
	acctest.StreamAPI(t, nc, "STREAM.UPDATE.KV_kine", changed)
	if out, err := w.Run(t.Context(), "plan", "-detailed-exitcode"); err == nil ||
		!strings.Contains(out, "will be updated in-place") {
		t.Errorf("the plan of a changed stream: %v\n%s", err, out)
	}
	w.Apply(t)
	w.AssertEmptyPlan(t)
	assertWorks(t, kinelab.Run(t, output(t, w, "url")))
	if out, err := w.Run(t.Context(), "destroy", "-auto-approve"); err == nil || !strings.Contains(out, "KINE") {
		t.Errorf("a bucket with a KINE on it is destroyed: %v\n%s", err, out)
	}
}

// twoRegions are a hub and its leaf node, each a separate JetStream domain.
type twoRegions struct {
	urls      []string // of the hub
	hub, leaf *natsconn.JetStream
}

// newTwoRegions runs two executables of nats-server, or the linked version for an empty path.
func newTwoRegions(t *testing.T, hubExecutable, leafExecutable string) *twoRegions {
	t.Helper()
	hub := natslab.Process(t, natslab.Executable(hubExecutable), natslab.Name(natslab.HubName),
		natslab.Domain(natslab.HubName), natslab.LeafNodes())
	leaf := natslab.Process(t, natslab.Executable(leafExecutable), natslab.Name(natslab.LeafName),
		natslab.Domain(natslab.LeafName),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	hub.AwaitDomain(t, natslab.LeafName)
	leaf.AwaitDomain(t, natslab.HubName)
	client := natsconn.NewClient(natsconn.Settings{Servers: hub.URLs()}, nil)
	t.Cleanup(client.Close)
	return &twoRegions{urls: hub.URLs(), hub: client.JetStream(natslab.HubName), leaf: client.JetStream(natslab.LeafName)}
}

// surviveLoss mirrors a bucket that KINE writes to, deletes the bucket, restores it from the mirror, and runs KINE on
// it.
func (r *twoRegions) surviveLoss(t *testing.T) {
	t.Helper()
	config := func(lines string) string {
		return acctest.ProviderConfig(r.urls, `jetstream_domain = "hub"`) + fmt.Sprintf(bucketConfig, lines, r.urls[0]) + `
resource "nats_kv_mirror" "cluster" {
  jetstream_domain    = "leaf"
  deletion_protection = false
  source = {
    bucket           = nats_kine_bucket.cluster.name
    jetstream_domain = nats_kine_bucket.cluster.jetstream_domain
  }
}
`
	}
	w := acctest.NewWorkspace(t, config(""))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	running := kinelab.Run(t, output(t, w, "url"))
	// KINE replays the history to the first watch, and ends one that has more than a hundred changes waiting.
	seeded, err := etcdtest.Seed(t.Context(), dial(t, running.Endpoint()), etcdtest.NewPrefix(), 60)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	r.assertInSync(t)
	w.AssertEmptyPlan(t)

	if err := kine.Delete(t.Context(), r.hub, "kine", true); err != nil {
		t.Fatal(err)
	}
	w.Configure(t, config(`restore_from        = { bucket = "kine", jetstream_domain = "leaf" }`))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	running = kinelab.Run(t, output(t, w, "url"))
	if err := etcdtest.VerifyAll(t.Context(), dial(t, running.Endpoint()), seeded); err != nil {
		t.Error(err)
	}
	etcdtest.Run(t, running.Endpoint())
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	r.assertInSync(t) // with what was written after the restoration too
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// assertInSync waits until the mirror has all messages of its bucket, and compares the two.
func (r *twoRegions) assertInSync(t *testing.T) {
	t.Helper()
	bucket, err := kine.Read(t.Context(), r.hub, "kine")
	if err != nil {
		t.Fatal(err)
	}
	// Its server searches for a lost source after ten to twenty seconds.
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	found, err := mirror.AwaitSync(ctx, r.leaf, r.hub, mirror.Spec{
		Spec:   kine.Spec{Name: "kine", History: kine.DefaultHistory, Replicas: 1},
		Source: mirror.Source{Bucket: "kine", Domain: natslab.HubName},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, divergence, err := mirror.Compare(ctx, r.leaf, r.hub, found); divergence != nil || err != nil ||
		found.LastSequence != bucket.LastSequence {
		t.Errorf("the bucket has %d revisions, its mirror %d, and they differ: %v, %v", bucket.LastSequence,
			found.LastSequence, divergence, err)
	}
}
