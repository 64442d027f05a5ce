package kine

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// newClient returns a client of the servers that is closed with the test.
func newClient(tb testing.TB, servers []string, auth natsconn.Auth) *natsconn.Client {
	tb.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: servers, Auth: auth}, nil)
	tb.Cleanup(client.Close)
	return client
}

// openAPI returns the JetStream API of the servers.
func openAPI(tb testing.TB, servers []string) *natsconn.JetStream {
	tb.Helper()
	return newClient(tb, servers, natsconn.Auth{}).JetStream("")
}

// call sends one request to the JetStream API and fails the test on an error.
func call(tb testing.TB, js *natsconn.JetStream, name string, request, response any) {
	tb.Helper()
	if err := js.Request(tb.Context(), name, request, response); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}

// streamConfig returns a stream's configuration as the server sends it, read independently of the code under test.
func streamConfig(tb testing.TB, nc *nats.Conn, bucket string) Config {
	tb.Helper()
	answer, err := nc.Request("$JS.API.STREAM.INFO."+StreamName(bucket), nil, time.Minute)
	if err != nil {
		tb.Fatal(err)
	}
	var info struct {
		Error  *natsconn.APIError `json:"error"`
		Config Config             `json:"config"`
	}
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		tb.Fatal(err)
	}
	if info.Error != nil {
		tb.Fatalf("stream of bucket %s: %v", bucket, info.Error)
	}
	return info.Config
}

// mustCreate creates a bucket without a placement.
func mustCreate(tb testing.TB, js *natsconn.JetStream, spec Spec) {
	tb.Helper()
	if _, err := Create(tb.Context(), js, spec, nil); err != nil {
		tb.Fatalf("creating %+v: %v", spec, err)
	}
}

// endpointURL returns the datastore endpoint of a bucket on the servers.
func endpointURL(tb testing.TB, servers []string, spec Spec) string {
	tb.Helper()
	url, err := Endpoint{Servers: servers, Spec: spec}.URL()
	if err != nil {
		tb.Fatal(err)
	}
	return url
}

// runKINE runs KINE on a bucket until the test ends and returns a client for it.
func runKINE(tb testing.TB, servers []string, spec Spec) (*kinelab.Kine, *clientv3.Client) {
	tb.Helper()
	k := kinelab.Run(tb, endpointURL(tb, servers, spec))
	return k, dialKINE(tb, k)
}

// dialKINE returns a client of a KINE. The client is closed with the test.
func dialKINE(tb testing.TB, k *kinelab.Kine) *clientv3.Client {
	tb.Helper()
	client, err := etcdtest.Dial(tb.Context(), k.Endpoint())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// startsKINE returns why KINE does not start on a bucket, or nil if it does.
func startsKINE(tb testing.TB, servers []string, spec Spec) error {
	tb.Helper()
	ctx, cancel := natslab.WithPatience(tb.Context(), 20*time.Second)
	defer cancel()
	k, err := kinelab.Start(ctx, kinelab.Config{Endpoint: endpointURL(tb, servers, spec), StartTimeout: time.Minute})
	if err != nil {
		return err
	}
	return k.Stop()
}
