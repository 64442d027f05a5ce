package kinebucket_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Three hundred buckets share one connection, and a refresh asks for each of them once.
func TestAccKineBucketThreeHundred(t *testing.T) {
	const count = 300
	lab := natslab.Single(t)
	requests := lab.Requests(t)
	config := func(count int, protected bool) string {
		return acctest.ProviderConfig(lab.URLs()) + fmt.Sprintf(`
resource "nats_kine_bucket" "many" {
  count               = %d
  name                = "cluster-${count.index}"
  deletion_protection = %t
}
`, count, protected)
	}
	w := acctest.NewWorkspace(t, config(count, true))

	// measured runs the CLI and returns how many requests and connections that took.
	measured := func(args ...string) (byCall map[string]int, connections uint64) {
		t.Helper()
		requests.Reset()
		before := lab.TotalConnections()
		w.Must(t, args...)
		byCall = map[string]int{}
		for subject, n := range requests.Snapshot() {
			call := strings.TrimPrefix(subject, "$JS.API.")
			byCall[call[:strings.LastIndex(call, ".")]] += n
		}
		return byCall, lab.TotalConnections() - before
	}

	calls, connections := measured("apply", "-auto-approve")
	t.Logf("apply of %d buckets: %v, %d connections", count, calls, connections)
	if connections != 1 {
		t.Errorf("the apply opened %d connections, not 1", connections)
	}
	// The first ones, at most ten at a time, also ask for the domain that all of them are in.
	if info := calls["STREAM.INFO"]; calls["STREAM.CREATE"] != count || info < count || info > count+10 ||
		len(calls) != 2 {
		t.Errorf("the apply made the requests %v, not one STREAM.INFO and one STREAM.CREATE for each bucket", calls)
	}

	calls, connections = measured("plan", "-detailed-exitcode") // exit code 2 if anything is to change
	t.Logf("plan of %d buckets: %v, %d connections", count, calls, connections)
	if connections != 1 {
		t.Errorf("the refresh opened %d connections, not 1", connections)
	}
	if calls["STREAM.INFO"] != count || len(calls) != 1 {
		t.Errorf("the refresh made the requests %v, not one STREAM.INFO for each bucket", calls)
	}

	w.Configure(t, config(count, false))
	w.Apply(t)
	w.Must(t, "destroy", "-auto-approve")
	names := openJetStream(t, lab.Connect(t)).StreamNames(t.Context())
	for name := range names.Name() {
		t.Errorf("%s is left after the destroy", name)
	}
	if err := names.Err(); err != nil {
		t.Error(err)
	}
}
