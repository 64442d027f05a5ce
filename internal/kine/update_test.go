package kine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// expectBucket fails the test unless the bucket is settled in that cluster and equals the contract, and KINE starts on
// it.
func expectBucket(t *testing.T, nc *nats.Conn, urls []string, got *Bucket, want Spec, cluster string) {
	t.Helper()
	if diff := cmp.Diff(want, got.Spec); diff != "" || got.Cluster != cluster || got.Placement != nil ||
		len(got.Differences) > 0 {
		t.Errorf("the bucket is %+v, want %+v in cluster %q", got, want, cluster)
	}
	if found := streamConfig(t, nc, want.Name).contractDifferences(want, true); len(found) > 0 {
		t.Errorf("the stream differs from the contract: %v", found)
	}
	if err := startsKINE(t, urls, want); err != nil {
		t.Errorf("KINE: %v", err)
	}
}

// seedBucket runs KINE on a bucket while it writes keys, and returns them.
func seedBucket(t *testing.T, urls []string, spec Spec) map[string]int64 {
	t.Helper()
	k, client := runKINE(t, urls, spec)
	seeded, err := etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 200)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	return seeded
}

// expectKeys fails the test unless KINE still has the keys.
func expectKeys(t *testing.T, urls []string, spec Spec, seeded map[string]int64) {
	t.Helper()
	k, client := runKINE(t, urls, spec)
	if err := etcdtest.VerifyAll(t.Context(), client, seeded); err != nil {
		t.Error(err)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
}

func TestUpdateAcrossRegions(t *testing.T) {
	t.Parallel()
	lab := natslab.SuperCluster(t, 3, []string{"eu", "us"})
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	in := func(region string) *Placement { return &Placement{Cluster: region} }
	tagged := func(region string) *Placement { return &Placement{Tags: []string{"region:" + region}} }
	create := func(t *testing.T, spec Spec, place *Placement) {
		t.Helper()
		if _, err := Create(t.Context(), js, spec, place); err != nil {
			t.Fatal(err)
		}
		bucket, err := Settle(t.Context(), js, spec, place)
		if err != nil {
			t.Fatal(err)
		}
		expectBucket(t, nc, lab.URLs(), bucket, spec, "eu")
	}

	t.Run("everything at once", func(t *testing.T) {
		t.Parallel()
		spec := Spec{Name: "everything", History: 10, Replicas: 1}
		create(t, spec, in("eu"))
		seeded := seedBucket(t, lab.URLs(), spec)
		alter(t, nc, spec.Name,
			map[string]any{"max_bytes": 1 << 30, "discard": "old", "metadata": map[string]string{"owner": "me"}})

		want := Spec{Name: spec.Name, History: 20, Replicas: 3}
		bucket, err := Update(t.Context(), js, want, in("us"), true)
		if err != nil {
			t.Fatal(err)
		}
		expectBucket(t, nc, lab.URLs(), bucket, want, "us")
		expectKeys(t, lab.URLs(), want, seeded)
	})

	t.Run("by tags", func(t *testing.T) {
		t.Parallel()
		spec := Spec{Name: "tags", History: 10, Replicas: 1}
		create(t, spec, tagged("eu"))
		seeded := seedBucket(t, lab.URLs(), spec)
		bucket, err := Update(t.Context(), js, spec, tagged("us"), true)
		if err != nil {
			t.Fatal(err)
		}
		expectBucket(t, nc, lab.URLs(), bucket, spec, "us")

		// New replicas must have the tags as well, although nothing moves.
		want := Spec{Name: spec.Name, History: 10, Replicas: 3}
		if bucket, err = Update(t.Context(), js, want, tagged("us"), false); err != nil {
			t.Fatal(err)
		}
		expectBucket(t, nc, lab.URLs(), bucket, want, "us")
		expectKeys(t, lab.URLs(), want, seeded)
	})

	t.Run("fenced", func(t *testing.T) {
		t.Parallel()
		spec := Spec{Name: "fenced", History: 10, Replicas: 1}
		create(t, spec, in("eu"))
		seeded := seedBucket(t, lab.URLs(), spec)
		fenced, err := SetFence(t.Context(), js, spec.Name, Fence{By: "me", At: time.Now(), Successor: "another"})
		if err != nil {
			t.Fatal(err)
		}
		alter(t, nc, spec.Name, map[string]any{"max_bytes": 1 << 30})

		want := Spec{Name: spec.Name, History: 20, Replicas: 3}
		bucket, err := Update(t.Context(), js, want, in("us"), true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fenced.Fence, bucket.Fence); diff != "" || bucket.Spec != want || bucket.Cluster != "us" ||
			len(bucket.Differences) > 0 {
			t.Errorf("the bucket is %+v, its fence differs:\n%s", bucket, diff)
		}
		if bucket, err = LiftFence(t.Context(), js, spec.Name, true); err != nil {
			t.Fatal(err)
		}
		expectBucket(t, nc, lab.URLs(), bucket, want, "us")
		expectKeys(t, lab.URLs(), want, seeded)
	})

	t.Run("taken over from a creation in another place", func(t *testing.T) {
		t.Parallel()
		for name, place := range map[string]*Placement{"taken-elsewhere": in("eu"), "taken-anywhere": nil} {
			spec := Spec{Name: name, History: 10, Replicas: 1}
			if _, err := Create(t.Context(), js, spec, in("us")); err != nil {
				t.Fatal(err)
			}
			if _, err := Create(t.Context(), js, spec, place); err != nil {
				t.Fatal(err)
			}
			bucket, err := Settle(t.Context(), js, spec, place)
			if err != nil {
				t.Fatal(err)
			}
			cluster := "us"
			if place != nil {
				cluster = place.Cluster
			}
			expectBucket(t, nc, lab.URLs(), bucket, spec, cluster)
		}
	})

	interrupted := map[string]struct {
		spec  Spec
		place *Placement
		// cluster is the final cluster of the bucket.
		cluster string
	}{
		"a move by tags cut short":       {Spec{"move-tags", 10, 1}, tagged("us"), "us"},
		"new replicas cut short":         {Spec{"grow", 10, 3}, nil, "eu"},
		"a move with replicas cut short": {Spec{"both", 10, 3}, in("us"), "us"},
	}
	for name, c := range interrupted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := c.spec
			first.Replicas = 1
			create(t, first, in("eu"))
			seeded := seedBucket(t, lab.URLs(), first)
			updateCutShort(t, lab.URLs()[0], c.spec, c.place)

			bucket, err := Update(t.Context(), js, c.spec, c.place, true)
			if err != nil {
				t.Fatal(err)
			}
			expectBucket(t, nc, lab.URLs(), bucket, c.spec, c.cluster)
			expectKeys(t, lab.URLs(), c.spec, seeded)
		})
	}
}

// updateCutShort starts an update and ends its context while it polls the servers.
func updateCutShort(t *testing.T, url string, spec Spec, place *Placement) {
	t.Helper()
	proxy := natslab.NewProxy(t, url)
	js := openAPI(t, []string{proxy.ClientURL()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The first read precedes the update.
	hold := proxy.HoldRequest(3, func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.STREAM.INFO.") })
	go func() {
		<-hold.Held()
		cancel()
		hold.Drop()
	}()
	bucket, err := Update(ctx, js, spec, place, place != nil)
	var unsettled *UnsettledError
	if !errors.As(err, &unsettled) || unsettled.Waiting == "" || !errors.Is(err, context.Canceled) {
		t.Fatalf("the update was not cut short: %+v, %v", bucket, err)
	}
	t.Logf("%s: cut short while %s", spec.Name, unsettled.Waiting)
}

// An update that the server refuses leaves the bucket usable for KINE, and a bucket that cannot be repaired is not
// changed.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	if _, err := Update(t.Context(), js, testSpec, nil, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("Update of nothing: %v", err)
	}

	t.Run("replicas on a single server", func(t *testing.T) {
		spec := Spec{Name: "replicas", History: 10, Replicas: 1}
		mustCreate(t, js, spec)
		_, err := Update(t.Context(), js, Spec{Name: spec.Name, History: 10, Replicas: 3}, nil, false)
		if !natsconn.IsAPIError(err, natsconn.CodeReplicasNotSupported) {
			t.Errorf("Update: %v", err)
		}
		if found := streamConfig(t, nc, spec.Name).contractDifferences(spec, true); len(found) > 0 {
			t.Errorf("the stream was touched: %v", found)
		}
	})
	t.Run("a placement on a single server", func(t *testing.T) {
		spec, place := Spec{Name: "placed", History: 10, Replicas: 1}, &Placement{Cluster: "lab"}
		if _, err := Create(t.Context(), js, spec, place); !errors.Is(err, ErrNoCluster) {
			t.Errorf("Create: %v", err)
		}
		if _, err := Read(t.Context(), js, spec.Name); !errors.Is(err, ErrNotFound) {
			t.Errorf("Read after Create: %v", err)
		}
		mustCreate(t, js, spec)
		if _, err := Update(t.Context(), js, Spec{Name: spec.Name, History: 20, Replicas: 1}, place, true); !errors.Is(err,
			ErrNoCluster) {
			t.Errorf("Update: %v", err)
		}
		if found := streamConfig(t, nc, spec.Name).contractDifferences(spec, true); len(found) > 0 {
			t.Errorf("the stream was touched: %v", found)
		}
	})
	t.Run("what cannot be repaired", func(t *testing.T) {
		spec := Spec{Name: "broken", History: 10, Replicas: 1}
		mustCreate(t, js, spec)
		alter(t, nc, spec.Name, map[string]any{"allow_msg_ttl": true, "max_bytes": 1 << 20})
		before := streamConfig(t, nc, spec.Name)
		_, err := Update(t.Context(), js, Spec{Name: spec.Name, History: 20, Replicas: 1}, nil, false)
		var unrepairable *UnrepairableError
		if !errors.As(err, &unrepairable) || len(unrepairable.Differences) != 1 ||
			!strings.Contains(err.Error(), "allow_msg_ttl is true") {
			t.Errorf("Update: %v", err)
		}
		if diff := cmp.Diff(plain(t, before), plain(t, streamConfig(t, nc, spec.Name))); diff != "" {
			t.Errorf("the stream was touched:\n%s", diff)
		}
	})
	t.Run("nothing to do", func(t *testing.T) {
		spec := Spec{Name: "same", History: 10, Replicas: 1}
		mustCreate(t, js, spec)
		requests := lab.Requests(t)
		if _, err := Update(t.Context(), js, spec, nil, false); err != nil {
			t.Fatal(err)
		}
		if sent := requests.Snapshot(); sent["$JS.API.STREAM.UPDATE.KV_same"] != 0 {
			t.Errorf("an update was sent: %v", sent)
		}
	})
}
