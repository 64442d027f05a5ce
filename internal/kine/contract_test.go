package kine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestCheckBucket(t *testing.T) {
	good := []string{"kine", "k", "0", "_", "-", "KV_kine", "A-Z_a-z-09", strings.Repeat("n", 252)}
	for _, name := range good {
		if err := CheckBucket(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	bad := map[string]string{
		"":                       "must not be empty",
		strings.Repeat("n", 253): "at most 252 characters, not 253",
		"a.b":                    "only letters",
		"a b":                    "only letters",
		"a\n":                    "only letters",
		"*":                      "only letters",
		">":                      "only letters",
		"a/b":                    "only letters",
		"ü":                      "only letters",
		"a=b":                    "only letters",
		"$KV":                    "only letters",
	}
	for name, want := range bad {
		if err := CheckBucket(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", name, err, want)
		}
	}
}

// lab is the part of a server or a topology that the tests need.
type lab interface {
	URLs() []string
	Connect(tb testing.TB, opts ...nats.Option) *nats.Conn
}

// A bucket created by Create has the same value in every field as one that KINE creates, and KINE starts on it.
func TestContract(t *testing.T) {
	t.Parallel()
	specs := func(replicas ...int) []Spec {
		var all []Spec
		for _, r := range replicas {
			for _, history := range []int64{MinHistory, DefaultHistory, MaxHistory} {
				all = append(all, Spec{Name: fmt.Sprintf("kine-%d-%d", history, r), History: history, Replicas: r})
			}
		}
		return all
	}
	t.Run("single server", func(t *testing.T) {
		t.Parallel()
		testContract(t, natslab.Single(t), specs(1))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		testContract(t, natslab.Cluster(t, 3), specs(1, 2, 3))
	})
}

func testContract(t *testing.T, lab lab, specs []Spec) {
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	for _, spec := range specs {
		t.Run(spec.Name, func(t *testing.T) {
			if err := startsKINE(t, lab.URLs(), spec); err != nil {
				t.Fatalf("KINE on nothing: %v", err)
			}
			theirs := plain(t, streamConfig(t, nc, spec.Name))
			if err := Delete(t.Context(), js, spec.Name, true); err != nil {
				t.Fatal(err)
			}

			bucket, err := Create(t.Context(), js, spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			if age := time.Since(bucket.Created); age < -time.Minute || age > time.Minute {
				t.Errorf("the bucket was created at %s", bucket.Created)
			}
			want := &Bucket{Spec: spec, Cluster: bucket.Cluster, Created: bucket.Created}
			if diff := cmp.Diff(want, bucket); diff != "" {
				t.Errorf("the bucket returned differs:\n%s", diff)
			}
			if diff := cmp.Diff(theirs, plain(t, streamConfig(t, nc, spec.Name))); diff != "" {
				t.Errorf("the stream differs (- KINE's, + ours):\n%s", diff)
			}
			if err := startsKINE(t, lab.URLs(), spec); err != nil {
				t.Errorf("KINE on our bucket: %v", err)
			}
			if read, err := Read(t.Context(), js, spec.Name); err != nil || len(read.Differences) > 0 || read.Messages == 0 ||
				read.Keys == 0 {
				t.Errorf("Read after KINE ran: %+v, %v", read, err)
			}
		})
	}
}

// plain returns a configuration as decoded JSON, without the metadata that the server adds.
func plain(t *testing.T, c Config) map[string]any {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	metadata, _ := fields["metadata"].(map[string]any)
	for key := range metadata {
		if strings.HasPrefix(key, "_nats.") {
			delete(metadata, key)
		}
	}
	if len(metadata) == 0 {
		delete(fields, "metadata")
	}
	return fields
}
