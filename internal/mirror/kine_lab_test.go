package mirror

import (
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
)

// runKINE runs KINE on a bucket until the test ends and returns a client for it.
func runKINE(tb testing.TB, servers []string, user, bucket string) (*kinelab.Kine, *clientv3.Client) {
	tb.Helper()
	endpoint := kine.Endpoint{Servers: servers, Spec: kine.Spec{Name: bucket, History: 10, Replicas: 1}}
	if user != "" {
		endpoint.User, endpoint.Password = user, user
	}
	url, err := endpoint.URL()
	if err != nil {
		tb.Fatal(err)
	}
	k := kinelab.Run(tb, url)
	client, err := etcdtest.Dial(tb.Context(), k.Endpoint())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return k, client
}

// seed creates keys through KINE and returns the revision of each.
func seed(tb testing.TB, client *clientv3.Client, prefix string, n int) map[string]int64 {
	tb.Helper()
	seeded, err := etcdtest.Seed(tb.Context(), client, prefix, n)
	if err != nil {
		tb.Fatal(err)
	}
	return seeded
}

// verify checks that KINE has all keys with their previous revisions and continues: a watch from an old revision
// receives the later keys, and the next write has the next revision.
func verify(tb testing.TB, client *clientv3.Client, prefix string, seeded map[string]int64) {
	tb.Helper()
	if err := etcdtest.VerifyAll(tb.Context(), client, seeded); err != nil {
		tb.Fatal(err)
	}
	oldest, newest := int64(0), int64(0)
	for _, revision := range seeded {
		newest = max(newest, revision)
		if oldest == 0 || revision < oldest {
			oldest = revision
		}
	}
	put, err := client.Txn(tb.Context()).If(clientv3.Compare(clientv3.ModRevision(prefix+"after"), "=", 0)).
		Then(clientv3.OpPut(prefix+"after", "x")).Commit()
	if err != nil || !put.Succeeded || put.Header.GetRevision() <= newest {
		tb.Fatalf("a write after the promotion: %v, %v", put, err)
	}
	got := map[string]int64{}
	for response := range client.Watch(within(tb, time.Minute), prefix, clientv3.WithPrefix(),
		clientv3.WithRev(oldest+1)) {
		if err := response.Err(); err != nil {
			tb.Fatalf("a watch from revision %d on: %v", oldest+1, err)
		}
		for _, event := range response.Events {
			got[string(event.Kv.Key)] = event.Kv.ModRevision
		}
		if got[prefix+"after"] > 0 {
			break
		}
	}
	if got[prefix+"after"] != put.Header.GetRevision() || len(got) != len(seeded) {
		tb.Errorf("the watch got %d keys, not %d", len(got), len(seeded))
	}
	for key, revision := range got {
		if want, ok := seeded[key]; ok && want != revision {
			tb.Errorf("the watch got %s at revision %d, not %d", key, revision, want)
		}
	}
}
