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

// openAPI returns the JetStream API of these servers, as the user of that name and password unless it is empty.
func openAPI(tb testing.TB, servers []string, user string) *natsconn.JetStream {
	tb.Helper()
	settings := natsconn.Settings{Servers: servers, Auth: natsconn.Auth{User: user, Password: user}}
	client := natsconn.NewClient(settings, nil)
	tb.Cleanup(client.Close)
	return client.JetStream("")
}

// within bounds what a test waits for.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

// specOf is a mirror of this source, as the tests make their buckets.
func specOf(name string, source Source) Spec {
	return Spec{Spec: kine.Spec{Name: name, History: 10, Replicas: 1}, Source: source}
}

// kineIn is the bucket that most tests mirror, in another domain.
func kineIn(domain string) Source { return Source{Bucket: "kine", Domain: domain} }

// makeBucket makes the bucket kine and writes messages into it.
func makeBucket(tb testing.TB, js *natsconn.JetStream, nc *nats.Conn, messages int) {
	tb.Helper()
	if _, err := kine.Create(tb.Context(), js, kine.Spec{Name: "kine", History: 10, Replicas: 1}, nil); err != nil {
		tb.Fatal(err)
	}
	write(tb, nc, "kine", messages, 10)
}

// write stores messages of a size in a bucket, some of them under one key each, most under few.
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
		if _, err := js.PublishAsync(kine.KeySubject(bucket, key), data, jetstream.WithStallWait(10*time.Second)); err != nil {
			tb.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-within(tb, time.Minute).Done():
		tb.Fatal("the messages were not stored in time")
	}
}

// establish makes a mirror that must come into sync.
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

// eventually calls check until it says that all is well.
func eventually(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	ctx := within(tb, time.Minute)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !check() {
		select {
		case <-ctx.Done():
			tb.Fatalf("%s: it does not come about", what)
		case <-ticker.C:
		}
	}
}

// mustNotExist checks that nothing was left behind.
func mustNotExist(tb testing.TB, js *natsconn.JetStream, name string) {
	tb.Helper()
	if _, err := Read(tb.Context(), js, name); !errors.Is(err, kine.ErrNotFound) {
		tb.Errorf("something was left behind: %v", err)
	}
}

// The prefixes under which the tests import what an account shares.
const (
	apiOfOrigin     = "JS.origin.API"
	deliverOfOrigin = "deliver.origin"
)

// shared is the bucket kine of the account ORIGIN for the account EDGE.
var shared = Source{Bucket: "kine", APIPrefix: apiOfOrigin, DeliverPrefix: deliverOfOrigin}

// accounts are ORIGIN with its user origin, and EDGE with its user edge, which shares what a mirror needs but for what is
// left out.
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

// atOnce runs subtests, which do little but wait, all at the same time, however few processors there are.
func atOnce(t *testing.T, cases map[string]func(*testing.T)) {
	t.Helper()
	var wg sync.WaitGroup
	for name, run := range cases {
		wg.Go(func() { t.Run(name, run) })
	}
	wg.Wait()
}

// at is a bucket whose last revision this is.
func at(revision uint64) kine.Bucket { return kine.Bucket{LastSequence: revision} }
