package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// openAPI returns the JetStream API of the servers. It connects as the given user with the same password unless user is
// empty.
func openAPI(tb testing.TB, servers []string, user string) *natsconn.JetStream {
	tb.Helper()
	settings := natsconn.Settings{Servers: servers, Auth: natsconn.Auth{User: user, Password: user}}
	client := natsconn.NewClient(settings, nil)
	tb.Cleanup(client.Close)
	return client.JetStream("")
}

// within returns a context that limits a wait of the test.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

// specOf returns the spec of a mirror with the history and replicas of the tests' buckets.
func specOf(name string, source Source) Spec {
	return Spec{Spec: kine.Spec{Name: name, History: 10, Replicas: 1}, Source: source}
}

// kineIn returns the bucket that most tests mirror, in another domain.
func kineIn(domain string) Source { return Source{Bucket: "kine", Domain: domain} }

// makeBucket creates the bucket kine and writes messages to it.
func makeBucket(tb testing.TB, js *natsconn.JetStream, nc *nats.Conn, messages int) {
	tb.Helper()
	if _, err := kine.Create(tb.Context(), js, kine.Spec{Name: "kine", History: 10, Replicas: 1}, nil); err != nil {
		tb.Fatal(err)
	}
	write(tb, nc, "kine", messages, 10)
}

// write stores messages of a size in a bucket: some under one key each, most under a few keys.
func write(tb testing.TB, nc *nats.Conn, bucket string, messages, size int) {
	tb.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range messages {
		key := fmt.Sprintf("hot%d", i%3)
		if i%4 == 0 {
			key = fmt.Sprintf("k%d", i)
		}
		data := append(fmt.Appendf(nil, "%d ", time.Now().UnixNano()), make([]byte, size)...)
		if _, err := js.PublishAsync(kine.KeySubject(bucket, key), data,
			jetstream.WithStallWait(10*time.Second)); err != nil {
			tb.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-within(tb, time.Minute).Done():
		tb.Fatal("the messages were not stored in time")
	}
}

// establish creates a mirror that must get in sync.
func establish(tb testing.TB, js, source *natsconn.JetStream, spec Spec) *Mirror {
	tb.Helper()
	m, err := Establish(within(tb, time.Minute), js, source, spec, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// lastSequence returns the last sequence of the bucket kine.
func lastSequence(tb testing.TB, js *natsconn.JetStream) uint64 {
	tb.Helper()
	m, err := Read(tb.Context(), js, "kine")
	if err != nil {
		tb.Fatal(err)
	}
	return m.LastSequence
}

// eventually calls check until it returns true.
func eventually(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	ctx := within(tb, time.Minute)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !check() {
		select {
		case <-ctx.Done():
			tb.Fatalf("timeout while waiting for %s", what)
		case <-ticker.C:
		}
	}
}

// mustNotExist checks that no mirror was left behind.
func mustNotExist(tb testing.TB, js *natsconn.JetStream, name string) {
	tb.Helper()
	if _, err := Read(tb.Context(), js, name); !errors.Is(err, kine.ErrNotFound) {
		tb.Errorf("something was left behind: %v", err)
	}
}

// The prefixes under which the tests import the shared subjects.
const (
	apiOfOrigin     = "JS.origin.API"
	deliverOfOrigin = "deliver.origin"
)

// shared is the bucket kine of the account ORIGIN for the account EDGE.
var shared = Source{Bucket: "kine", APIPrefix: apiOfOrigin, DeliverPrefix: deliverOfOrigin}

// accounts returns ORIGIN with the user origin and EDGE with the user edge. ORIGIN shares what a mirror needs except
// the named parts.
func accounts(without ...string) []natslab.Account {
	from := func(subject string) *natslab.ImportSource {
		return &natslab.ImportSource{Account: "ORIGIN", Subject: subject}
	}
	var exports []natslab.Export
	var imports []natslab.Import
	for _, share := range []struct{ name, service, stream, to string }{
		{"create", "$JS.API.CONSUMER.CREATE.KV_kine", "", apiOfOrigin + ".CONSUMER.CREATE.KV_kine"},
		{"create filtered", "$JS.API.CONSUMER.CREATE.KV_kine.>", "", apiOfOrigin + ".CONSUMER.CREATE.KV_kine.>"},
		{"delete", "$JS.API.CONSUMER.DELETE.KV_kine.>", "", apiOfOrigin + ".CONSUMER.DELETE.KV_kine.>"},
		{"flow control", "$JS.FC.KV_kine.>", "", ""},
		{"deliver", "", deliverOfOrigin + ".>", ""},
	} {
		left := false
		for _, name := range without {
			left = left || name == share.name
		}
		switch {
		case left:
		case share.service != "":
			exports = append(exports, natslab.Export{Service: share.service})
			imports = append(imports, natslab.Import{Service: from(share.service), To: share.to})
		default:
			exports = append(exports, natslab.Export{Stream: share.stream})
			imports = append(imports, natslab.Import{Stream: from(share.stream)})
		}
	}
	user := func(name string) []natslab.User { return []natslab.User{{Name: name, Password: name}} }
	return []natslab.Account{
		{Name: "ORIGIN", Users: user("origin"), Exports: exports},
		{Name: "EDGE", Users: user("edge"), Imports: imports},
	}
}

// asOrigin connects as the user of the account ORIGIN.
func asOrigin() nats.Option { return nats.UserInfo("origin", "origin") }

// atOnce runs subtests that mostly wait concurrently, regardless of the number of processors.
func atOnce(t *testing.T, cases map[string]func(*testing.T)) {
	t.Helper()
	var wg sync.WaitGroup
	for name, run := range cases {
		wg.Go(func() { t.Run(name, run) })
	}
	wg.Wait()
}

// at returns a bucket with this last revision.
func at(revision uint64) kine.Bucket { return kine.Bucket{LastSequence: revision} }
