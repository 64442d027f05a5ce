package acctest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// RawStream is a stream's configuration as JSON. Tests use it to set fields that no client library supports.
type RawStream map[string]any

// StreamAPI sends one request to the JetStream API and returns the stream configuration in the response.
func StreamAPI(t *testing.T, nc *nats.Conn, call string, request any) RawStream {
	t.Helper()
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			t.Fatal(err)
		}
	}
	msg, err := nc.Request("$JS.API."+call, body, 5*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	var answer struct {
		Error  *struct{ Description string } `json:"error"`
		Config RawStream                     `json:"config"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != nil {
		t.Fatalf("%s: %s", call, answer.Error.Description)
	}
	return answer.Config
}

// DeleteMarker returns a message that KINE accepts as its own: the delete marker of a key, with this many bytes of
// data.
func DeleteMarker(t *testing.T, bucket, key string, size int) *nats.Msg {
	t.Helper()
	encoded, err := kine.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &nats.Msg{Subject: kine.KeySubject(bucket, encoded), Header: nats.Header{"KV-Operation": {"DEL"}},
		Data: make([]byte, size)}
}

// WaitFor polls until a condition holds, for at most half a minute.
func WaitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("timeout while waiting for %s", what)
		}
	}
}
