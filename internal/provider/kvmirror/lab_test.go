package kvmirror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const address = "nats_kv_mirror.test"

// mirrorConfig returns a mirror in the domain leaf with this source and additional lines.
func mirrorConfig(source, lines string) string {
	return fmt.Sprintf(`
resource "nats_kv_mirror" "test" {
  source           = { %s }
  jetstream_domain = "leaf"
  %s
}
`, source, lines)
}

const (
	fromHub     = `bucket = "kine", jetstream_domain = "hub"`
	unprotected = "deletion_protection = false"
)

// hubBucket creates the bucket kine with some messages in the domain of the hub.
func hubBucket(t *testing.T, lab *natslab.HubLeaf) {
	t.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Hub.URLs()}, nil)
	t.Cleanup(client.Close)
	makeBucket(t, client.JetStream(""), lab.Hub.Connect(t))
}

// makeBucket creates the bucket kine with some messages.
func makeBucket(t *testing.T, js *natsconn.JetStream, nc *nats.Conn) {
	t.Helper()
	if _, err := kine.Create(t.Context(), js, kine.Spec{Name: "kine", History: 12, Replicas: 1}, nil); err != nil {
		t.Fatal(err)
	}
	put(t, nc, 5)
}

// put writes messages into the bucket kine.
func put(t *testing.T, nc *nats.Conn, messages int) {
	t.Helper()
	for i := range messages {
		if _, err := nc.Request(kine.KeySubject("kine", fmt.Sprint("k", i)), []byte(time.Now().String()),
			time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// info returns the information of the server about the stream of the bucket or mirror kine.
func info(t *testing.T, js jetstream.JetStream) *jetstream.StreamInfo {
	t.Helper()
	s, err := js.Stream(t.Context(), "KV_kine")
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo()
}

// change updates fields of a stream outside Terraform.
func change(t *testing.T, nc *nats.Conn, stream string, fields acctest.RawStream) {
	t.Helper()
	config := acctest.StreamAPI(t, nc, "STREAM.INFO."+stream, nil)
	for field, value := range fields {
		if config[field] = value; value == nil {
			delete(config, field)
		}
	}
	acctest.StreamAPI(t, nc, "STREAM.UPDATE."+stream, config)
}

// noStream checks at the end of a test that the streams no longer exist.
func noStream(js jetstream.JetStream, names ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, name := range names {
			if _, err := js.Stream(context.Background(), name); !errors.Is(err, jetstream.ErrStreamNotFound) {
				return fmt.Errorf("stream %s after the destroy: %w", name, err)
			}
		}
		return nil
	}
}
