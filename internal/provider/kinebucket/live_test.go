package kinebucket_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// endpointConfig is the datastore endpoint of the bucket of bucketConfig.
func endpointConfig(servers []string) string {
	return fmt.Sprintf(`
resource "nats_k3s_datastore_endpoint" "test" {
  servers   = ["%s"]
  datastore = nats_kine_bucket.test.datastore
}
`, strings.Join(servers, `", "`))
}

const endpointAddress = "nats_k3s_datastore_endpoint.test"

// dialKINE returns a client of a KINE that is closed with the test.
func dialKINE(t *testing.T, running *kinelab.Kine) *clientv3.Client {
	t.Helper()
	client, err := etcdtest.Dial(t.Context(), running.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// liveWriter writes through a KINE in the background.
type liveWriter struct {
	*etcdtest.Writer
	prefix string
}

func startWriter(t *testing.T, client *clientv3.Client) *liveWriter {
	t.Helper()
	prefix := etcdtest.NewPrefix()
	w, err := etcdtest.StartWriter(t.Context(), client, prefix, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &liveWriter{w, prefix}
}

// finish ends the writing and logs how it went.
//
// What the watch has missed is logged and no failure: KINE 0.17.5 loses events for whoever opens a watch again while
// the leader of the stream changes. Its index, which tells it where a watch has to begin, then lags behind the stream
// that feeds the watches (after and startWatch in its backend.go). The events are still there for a KINE that starts
// anew, see verify.
func (w *liveWriter) finish(t *testing.T, during string) etcdtest.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := w.Stop(ctx)
	t.Logf("KINE during %s: it stood still for %s with writes and %s with its watch; %s", during,
		report.LongestWriteGap.Round(time.Millisecond), report.LongestEventGap.Round(time.Millisecond), report)
	if err != nil {
		t.Logf("KINE's watch during %s: %v", during, err)
	}
	if len(report.Written) == 0 {
		t.Error("nothing was written, so the test shows nothing")
	}
	return report
}

// verify fails the test unless a KINE that was started afterwards has every acknowledged write, and shows each of them
// once and in order to a watch from before.
func (w *liveWriter) verify(t *testing.T, client *clientv3.Client, report etcdtest.Report) {
	t.Helper()
	if err := report.Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shown, last := map[string]int64{}, report.FirstRevision-1
	// A KINE that has just been started ends its first watches without a word, when they cannot follow as it goes
	// through the history of the bucket.
	for last < report.LastRevision && ctx.Err() == nil {
		last = replay(ctx, t, client, w.prefix, last, shown)
	}
	for key, revision := range report.Written {
		if shown[key] != revision {
			t.Errorf("the watch shows %s at revision %d, which was written at %d", key, shown[key], revision)
		}
	}
}

// replay watches keys from after a revision until something comes or the watch ends, notes the revision of each key,
// and returns the last one.
func replay(
	ctx context.Context, t *testing.T, client *clientv3.Client, prefix string, last int64, shown map[string]int64,
) int64 {
	t.Helper()
	watcher := clientv3.NewWatcher(client)
	defer func() { _ = watcher.Close() }()
	for response := range watcher.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(last+1)) {
		if err := response.Err(); err != nil {
			t.Fatal(err)
		}
		for _, event := range response.Events {
			key, revision := string(event.Kv.Key), event.Kv.ModRevision
			if _, twice := shown[key]; twice || revision <= last {
				t.Errorf("the watch shows %s at %d, after %d, twice: %t", key, revision, last, twice)
			}
			shown[key], last = revision, revision
		}
		if len(response.Events) > 0 {
			return last
		}
	}
	return last
}

// Replicas and history change in place under a KINE that writes and watches. The endpoint's URL changes with them, and
// a KINE that is started with it serves everything at the same revisions.
func TestAccKineBucketLive(t *testing.T) {
	lab := natslab.Cluster(t, 3)
	js := api(t, lab.URLs())
	config := func(spec kine.Spec) string {
		return acctest.ProviderConfig(lab.URLs()) +
			bucketConfig(fmt.Sprintf("history = %d\n  replicas = %d", spec.History, spec.Replicas)) + endpointConfig(lab.URLs())
	}
	var (
		running *kinelab.Kine
		client  *clientv3.Client
		writer  *liveWriter
		// written are all keys that were acknowledged until now, with their revisions.
		written = map[string]int64{}
	)
	// settled is what has to hold after the change to spec.
	settled := func(spec kine.Spec) {
		report := writer.finish(t, fmt.Sprintf("the change to %d replicas and history %d", spec.Replicas, spec.History))
		maps.Copy(written, report.Written)
		expectAtRest(t, js, spec, "lab")
		restarted := kinelab.Run(t, acctest.EndpointURL(t, lab.URLs(), spec))
		fresh := dialKINE(t, restarted)
		if err := etcdtest.VerifyAll(t.Context(), fresh, written); err != nil {
			t.Errorf("after the change to %+v: %v", spec, err)
		}
		writer.verify(t, fresh, report)
		if err := restarted.Stop(); err != nil {
			t.Error(err)
		}
	}

	first := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	steps := []resource.TestStep{{Config: config(first)}}
	before := first
	for _, to := range []kine.Spec{
		{Name: "kine", History: 10, Replicas: 3},
		{Name: "kine", History: 10, Replicas: 2},
		{Name: "kine", History: 20, Replicas: 2},
		{Name: "kine", History: 5, Replicas: 2},
		{Name: "kine", History: 64, Replicas: 1},
	} {
		from := before
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				if running == nil {
					running = kinelab.Run(t, acctest.EndpointURL(t, lab.URLs(), first))
					client = dialKINE(t, running)
					seeded, err := etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 100)
					if err != nil {
						t.Fatal(err)
					}
					maps.Copy(written, seeded)
				} else {
					settled(from)
				}
				writer = startWriter(t, client)
				acctest.WaitFor(t, "writes before the change", func() bool { return writer.Acknowledged() > 10 })
			},
			Config: config(to),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction(endpointAddress, plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("replicas"),
					knownvalue.Int64Exact(int64(to.Replicas))),
				plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("history"),
					knownvalue.Int64Exact(to.History)),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(endpointAddress, tfjsonpath.New("url"),
					knownvalue.StringExact(acctest.EndpointURL(t, lab.URLs(), to))),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()),
			},
		})
		before = to
	}
	last := before
	steps = append(steps, resource.TestStep{
		PreConfig: func() {
			settled(last)
			if err := running.Stop(); err != nil {
				t.Error(err)
			}
		},
		RefreshState: true,
	})
	acctest.Run(t, resource.TestCase{Steps: steps, CheckDestroy: noStream(openJetStream(t, lab.Connect(t)), "KV_kine")})
}

// The plan and the apply both say that k3s has to be restarted with the new URL, and only where that is so.
func TestAccCLIKineBucketRestartWarning(t *testing.T) {
	lab := natslab.Cluster(t, 3)
	const warning = "K3s Must Be Restarted With the New Endpoint"
	config := func(lines string) string { return acctest.ProviderConfig(lab.URLs()) + bucketConfig(lines) }
	w := acctest.NewWorkspace(t, config(""))
	if out := w.Apply(t); strings.Contains(out, warning) {
		t.Errorf("a new bucket warns of a restart:\n%s", out)
	}
	cases := []struct{ name, lines, text string }{
		{"history", "history = 20", `The bucket "kine" changes from history = 10 and replicas = 1 to history = 20 and replicas = 1.`},
		{"replicas", "history = 20\n  replicas = 3", `The bucket "kine" changes from history = 20 and replicas = 1 to history = 20 and replicas = 3.`},
		{"something else", "history = 20\n  replicas = 3\n  force_destroy = true", ""},
		{"both", "", `The bucket "kine" changes from history = 20 and replicas = 3 to history = 10 and replicas = 1.`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.Configure(t, config(c.lines))
			for what, out := range map[string]string{"plan": w.Must(t, "plan"), "apply": w.Apply(t)} {
				told := strings.Contains(out, warning)
				if told != (c.text != "") || told && !acctest.Text(c.text).MatchString(out) {
					t.Errorf("the %s warns of a restart: %t, want %q in\n%s", what, told, c.text, out)
				}
			}
			w.AssertEmptyPlan(t)
		})
	}
}

// api returns the JetStream API of these servers as the provider speaks it, for a user whose password is the name.
func api(t *testing.T, servers []string, user ...string) *natsconn.JetStream {
	t.Helper()
	settings := natsconn.Settings{Servers: servers}
	for _, name := range user {
		settings.Auth = natsconn.Auth{User: name, Password: name}
	}
	client := natsconn.NewClient(settings, nil)
	t.Cleanup(client.Close)
	return client.JetStream("")
}

// expectAtRest fails the test unless a bucket equals the contract in every field and is in that cluster.
func expectAtRest(t *testing.T, js *natsconn.JetStream, spec kine.Spec, cluster string) {
	t.Helper()
	bucket, err := kine.Read(t.Context(), js, spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	if bucket.Spec != spec || bucket.Cluster != cluster || len(bucket.Differences) > 0 {
		t.Errorf("the bucket is %+v, want %+v in cluster %q", bucket, spec, cluster)
	}
}
