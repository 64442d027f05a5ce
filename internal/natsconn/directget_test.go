package natsconn

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Messages are read by subject and by sequence, and what is missing is told apart from what cannot be asked.
func TestDirectGet(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t, natslab.Domain("hub"))
	stream, err := jetstream.New(lab.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, direct := range map[string]bool{"DIRECT": true, "OTHER": false} {
		config := jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, MaxMsgsPerSubject: 1,
			AllowDirect: direct}
		if _, err := stream.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for _, key := range []string{"a", "b", "a", "c", "c"} { // sequences 2, 3 and 5 are left
		msg := &nats.Msg{Subject: "DIRECT." + key, Data: []byte("value of " + key), Header: nats.Header{"Mine": {key}}}
		if _, err := stream.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	for _, domain := range []string{"", "hub"} {
		js := newTestClient(t, Settings{Servers: lab.URLs()}).JetStream(domain)
		for sequence, want := range map[uint64]struct {
			sequence uint64
			key      string
		}{0: {2, "b"}, 1: {2, "b"}, 2: {2, "b"}, 3: {3, "a"}, 4: {5, "c"}, 5: {5, "c"}} {
			msg, err := js.DirectGetNext(t.Context(), "DIRECT", sequence)
			if err != nil {
				t.Errorf("from %d on: %v", sequence, err)
				continue
			}
			if msg.Sequence != want.sequence || msg.Subject != "DIRECT."+want.key || string(msg.Data) != "value of "+want.key ||
				msg.Header.Get("Mine") != want.key || msg.Time.Before(began.Add(-time.Second)) || msg.Time.After(time.Now()) {
				t.Errorf("from %d on: %+v", sequence, msg)
			}
		}
		if _, err := js.DirectGetNext(t.Context(), "DIRECT", 6); !errors.Is(err, ErrNoMessage) {
			t.Errorf("behind the last one: %v", err)
		}
		if msg, err := js.DirectGet(t.Context(), "DIRECT", "DIRECT.a"); err != nil || string(msg.Data) != "value of a" {
			t.Errorf("the last one of a subject: %v", err)
		}
		if _, err := js.DirectGet(t.Context(), "DIRECT", "DIRECT.z"); !errors.Is(err, ErrNoMessage) {
			t.Errorf("a subject without a message: %v", err)
		}
		if _, err := js.DirectGetNext(t.Context(), "OTHER", 1); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("a stream that allows no direct gets: %v", err)
		}
	}
}
