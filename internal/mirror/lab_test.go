package mirror

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// openAPI returns the JetStream API of these servers, as a user if name is set.
func openAPI(tb testing.TB, servers []string, name string) *natsconn.JetStream {
	tb.Helper()
	settings := natsconn.Settings{Servers: servers, Auth: natsconn.Auth{User: name, Password: name}}
	client := natsconn.NewClient(settings, nil)
	tb.Cleanup(client.Close)
	return client.JetStream("")
}

// hubAndEdge runs two servers, each with a JetStream domain of its own, joined by a leaf node.
func hubAndEdge(tb testing.TB) (hub, edge *natslab.Server) {
	tb.Helper()
	hub = natslab.Single(tb, natslab.Name("hub"), natslab.Domain("hub"), natslab.LeafNodes())
	edge = natslab.Single(tb, natslab.Name("edge"), natslab.Domain("edge"),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	return hub, edge
}

// within bounds what a test waits for.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

// makeBucket makes a bucket and writes some messages into it.
func makeBucket(tb testing.TB, js *natsconn.JetStream, nc *nats.Conn, name string, messages int) {
	tb.Helper()
	if _, err := kine.Create(tb.Context(), js, kine.Spec{Name: name, History: 10, Replicas: 1}, nil); err != nil {
		tb.Fatal(err)
	}
	write(tb, nc, name, 0, messages)
}

// write stores messages in a bucket.
func write(tb testing.TB, nc *nats.Conn, bucket string, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		if _, err := nc.Request(kine.KeySubject(bucket, fmt.Sprintf("k%d", i%100)), fmt.Appendf(nil, "value %d", i), 5*time.Second); err != nil {
			tb.Fatal(err)
		}
	}
}
