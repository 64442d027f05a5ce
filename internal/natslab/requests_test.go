package natslab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestRequestsAreExact(t *testing.T) {
	s := Single(t, Domain("hub"))
	nc := s.Connect(t)
	js := newJetStream(t, nc)
	r := s.Requests(t)
	ctx := testContext(t)

	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "DATA", Subjects: []string{"data.>"}, AllowDirect: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "data.x", []byte("$JS.API.INFO")); err != nil { // a payload is not a request
		t.Fatal(err)
	}
	for range 3 {
		if _, err := stream.Info(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.GetLastMsgForSubject(ctx, "data.x"); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(ctx, "NONE"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	withDomain, err := jetstream.NewWithDomain(nc, "hub")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := withDomain.AccountInfo(ctx); err != nil {
		t.Fatal(err)
	}
	header := nats.NewMsg("$JS.API.STREAM.NAMES")
	header.Header.Set("Test", "HPUB")
	if _, err := nc.RequestMsgWithContext(ctx, header); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"$JS.API.STREAM.CREATE.DATA":     1,
		"$JS.API.STREAM.INFO.DATA":       3,
		"$JS.API.DIRECT.GET.DATA.data.x": 1,
		"$JS.API.STREAM.INFO.NONE":       1,
		"$JS.hub.API.INFO":               1,
		"$JS.API.STREAM.NAMES":           1,
	}
	if diff := cmp.Diff(want, r.Snapshot()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := r.Total(); got != 8 {
		t.Errorf("%d requests in total, want 8", got)
	}

	r.Reset()
	if got := r.Snapshot(); len(got) != 0 {
		t.Errorf("after Reset: %v", got)
	}
	r.Stop()
	if _, err := stream.Info(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.Total(); got != 0 {
		t.Errorf("%d requests after Stop", got)
	}
}

// TestRequestsMissNone sends requests over many connections to all servers of a cluster, with some connections older
// than the counter, and checks the counts as soon as the last reply has arrived.
func TestRequestsMissNone(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3)
	const clients, each = 9, 50
	conns := make([]*nats.Conn, clients)
	for i := range conns {
		conns[i] = c.Servers()[i%3].Connect(t)
	}
	r := c.Requests(t)
	for round := range 3 {
		var wg sync.WaitGroup
		for i, nc := range conns {
			wg.Go(func() {
				for range each {
					_, err := nc.RequestWithContext(testContext(t), fmt.Sprintf("$JS.API.STREAM.INFO.S%d", i), nil)
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		want := make(map[string]int)
		for i := range conns {
			want[fmt.Sprintf("$JS.API.STREAM.INFO.S%d", i)] = each
		}
		if diff := cmp.Diff(want, r.Snapshot()); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		r.Reset()
	}
}

func TestRequestsGoOnAfterRestart(t *testing.T) {
	s := Single(t)
	r := s.Requests(t)
	s.Restart(t)
	if got := r.Snapshot(); len(got) != 0 {
		t.Errorf("the lab's own requests were counted: %v", got)
	}
	if _, err := newJetStream(t, s.Connect(t)).AccountInfo(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := r.Total(); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// TestRequestsDoNotDisturb shows why the counter is not a subscription: a request without a responder must fail
// immediately, but with a subscription the client times out.
func TestRequestsDoNotDisturb(t *testing.T) {
	s := Single(t)
	nc := s.Connect(t)
	r := s.Requests(t)
	const subject = "$JS.API.DIRECT.GET.NONE.x"
	request := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		_, err := nc.RequestWithContext(ctx, subject, nil)
		return err
	}
	if err := request(startTimeout); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("with the counter: %v, want no responders", err)
	}
	if got := r.Snapshot()[subject]; got != 1 {
		t.Errorf("%d requests were counted, want 1", got)
	}
	other := s.Connect(t)
	if _, err := other.Subscribe("$JS.API.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := other.FlushTimeout(probeTimeout); err != nil {
		t.Fatal(err)
	}
	if err := request(200 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a subscription: %v, want a timeout", err)
	}
}

func TestIsJetStreamAPI(t *testing.T) {
	tests := map[string]bool{
		"$JS.API.INFO":                        true,
		"$JS.API.CONSUMER.MSG.NEXT.KV_b.c":    true,
		"$JS.hub.API.STREAM.INFO.KV_b":        true,
		"$JS.ACK.KV_b.c.1.1.1.1.1":            false,
		"$JS.FC.KV_b.c.x":                     false,
		"$JS.EVENT.ADVISORY.API":              false,
		"$JS.API":                             false,
		"$KV.b.$JS.API.x":                     false,
		"$JS.EVENT.ADVISORY.STREAM.API.STUFF": false,
		"":                                    false,
	}
	for subject, want := range tests {
		if got := isJetStreamAPI(subject); got != want {
			t.Errorf("isJetStreamAPI(%q) = %t", subject, got)
		}
	}
}
