package kine

import (
	"context"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Equally named buckets in two JetStream domains are each fenced with their own last sequence, from either side.
func TestFenceInTwoDomains(t *testing.T) {
	t.Parallel()
	hub := natslab.Single(t, natslab.Name("hub"), natslab.Domain("hub"), natslab.LeafNodes())
	leaf := natslab.Single(t, natslab.Name("leaf"), natslab.Domain("leaf"),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}}))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for from, domain := range map[*natslab.Server]string{hub: "leaf", leaf: "hub"} {
		for js := newClient(t, from.URLs(), natsconn.Auth{}).JetStream(domain); ; {
			if js.Request(ctx, "INFO", nil, nil) == nil {
				break
			}
			if !natsconn.Pause(ctx, settlePoll) {
				t.Fatalf("domain %q does not show", domain)
			}
		}
	}

	for _, from := range []*natslab.Server{hub, leaf} {
		name := "from-" + from.Name()
		spec := Spec{Name: name, History: 10, Replicas: 1}
		writes := map[string]int{"hub": 5, "leaf": 3}
		for _, side := range []*natslab.Server{hub, leaf} {
			mustCreate(t, openAPI(t, side.URLs()), spec)
			nc := side.Connect(t)
			for range writes[side.Name()] {
				if _, err := nc.Request(KeySubject(name, "x"), []byte("data"), time.Minute); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, domain := range []string{"hub", "leaf", ""} {
			js := newClient(t, from.URLs(), natsconn.Auth{}).JetStream(domain)
			bucket, err := SetFence(t.Context(), js, name, Fence{By: "test"})
			if err != nil {
				t.Fatalf("%s, domain %q: %v", name, domain, err)
			}
			want := writes[domain]
			if domain == "" {
				want = writes[from.Name()]
			}
			if bucket.Fence.LastSequence != uint64(want) {
				t.Errorf("%s: the fence in domain %q has the last sequence %d, not %d", name, domain,
					bucket.Fence.LastSequence, want)
			}
		}
	}
}
