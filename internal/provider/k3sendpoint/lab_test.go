package k3sendpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const (
	address = "nats_k3s_datastore_endpoint.test"
	// literal is the datastore of a bucket with KINE's defaults.
	literal = "datastore = {\n    name     = \"kine\"\n    history  = 10\n    replicas = 1\n  }"
	// bucket is a bucket with KINE's defaults.
	bucket = "resource \"nats_kine_bucket\" \"test\" {\n  deletion_protection = false\n}\n"
	// ofBucket is its datastore.
	ofBucket = "datastore = nats_kine_bucket.test.datastore"
)

// endpoint returns an endpoint with these lines.
func endpoint(lines ...string) string {
	return fmt.Sprintf("resource \"nats_k3s_datastore_endpoint\" \"test\" {\n  %s\n}\n", strings.Join(lines, "\n  "))
}

// servers returns the line with these servers.
func servers(urls ...string) string {
	quoted := make([]string, len(urls))
	for i, url := range urls {
		quoted[i] = fmt.Sprintf("%q", url)
	}
	return "servers = [" + strings.Join(quoted, ", ") + "]"
}

// natsLab is a server or a topology of servers.
type natsLab interface {
	URLs() []string
	Connect(tb testing.TB, opts ...nats.Option) *nats.Conn
}

// openJetStream connects to the lab independently of the provider.
func openJetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// makeBucket creates a bucket as KINE does, with changes to its configuration.
func makeBucket(t *testing.T, js jetstream.JetStream, name string, changes ...func(*jetstream.StreamConfig)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := kine.Contract(kine.Spec{Name: name, History: kine.DefaultHistory, Replicas: kine.DefaultReplicas})
	for _, change := range changes {
		change(&config)
	}
	if _, err := js.CreateStream(ctx, config); err != nil {
		t.Fatalf("creating bucket %s: %v", name, err)
	}
}

// contents describes all streams of an account with their configurations and sequences, to detect any change.
func contents(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var b strings.Builder
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		config, err := json.Marshal(info.Config)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s first %d last %d consumers %d\n", config, info.State.FirstSeq, info.State.LastSeq,
			info.State.Consumers)
	}
	if err := streams.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		t.Fatal(err)
	}
	return b.String()
}

// readFile returns the text of a file.
func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
