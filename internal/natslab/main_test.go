package natslab

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestMain(m *testing.M) {
	RunChild()
	if os.Getenv(executableVariable) != "" {
		actAsServer()
	}
	if os.Getenv(parentVariable) != "" {
		actAsParent()
	}
	Main(m)
}

// testContext limits the waiting time of a test.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func newJetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// fill creates a file stream with the given number of replicas and publishes n messages to it.
func fill(t *testing.T, js jetstream.JetStream, stream string, replicas, n int) {
	t.Helper()
	ctx := testContext(t)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{stream + ".>"}, Replicas: replicas,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := js.Publish(ctx, stream+".x", []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
}

func messages(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	s, err := js.Stream(testContext(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// eventually polls until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	if err := poll(testContext(t), what, check); err != nil {
		t.Fatal(err)
	}
}

// wantNoGoroutines waits until no goroutine has any of the names in its stack.
func wantNoGoroutines(t *testing.T, names ...string) {
	t.Helper()
	eventually(t, "goroutines to end", func() error {
		buf := make([]byte, 16<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		for stack := range strings.SplitSeq(stacks, "\n\n") {
			for _, name := range names {
				if strings.Contains(stack, name) {
					return errors.New(stack)
				}
			}
		}
		return nil
	})
}
