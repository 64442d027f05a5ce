package preflight

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/k3s-io/kine/pkg/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

const (
	// maxAttempts limits how often the probe starts again because another probe is using the same bucket.
	maxAttempts = 20
	// The wait between attempts is between backOff and twice as long.
	backOff = 50 * time.Millisecond
	// maxReads and readPause limit how long a write may be invisible: followers of a replicated bucket also answer
	// reads and can lag behind by milliseconds.
	maxReads  = 40
	readPause = 25 * time.Millisecond
	// maxEvents is the number of changes of the reserved key that can be queued. A verification makes three.
	maxEvents = 300
)

// errEnded means that KINE has ended the watch. It does that to a watch that falls behind while KINE replays the
// history, which queues at most a hundred changes (stream in KINE's pkg/broadcaster).
var errEnded = errors.New("the watch ended")

// errConflict means that the reserved key was changed by another probe.
var errConflict = errors.New("another verification keeps writing to the reserved key")

// probe does what k3s does with KINE: it creates, reads, updates and deletes a key, and watches the changes.
func probe(ctx context.Context, backend server.Backend, stage func(string)) error {
	p := prober{backend: backend, stage: stage}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The watch comes first, so that it sees all writes live instead of in the history.
	p.open(ctx)
	for attempt := 1; ; attempt++ {
		err := p.once(ctx)
		if !errors.Is(err, errConflict) && !errors.Is(err, errEnded) || attempt == maxAttempts {
			return err
		}
		if errors.Is(err, errEnded) {
			p.open(ctx)
		}
		if !natsconn.Pause(ctx, backOff+mathrand.N(backOff)) {
			return ctx.Err()
		}
	}
}

type prober struct {
	backend server.Backend
	stage   func(string)
	// events are the changes of the reserved key.
	events <-chan *server.Event
	failed <-chan error
}

// open opens a watch and drains it, so that KINE does not end it.
func (p *prober) open(ctx context.Context) {
	p.stage("opening a watch")
	watch := p.backend.Watch(ctx, 0)
	events := make(chan *server.Event, maxEvents)
	p.events, p.failed = events, watch.Errorc
	go func() {
		defer close(events)
		for batch := range watch.Eventc {
			for _, event := range batch.Events {
				if event.KV == nil || event.KV.Key != ReservedKey {
					continue
				}
				select {
				case events <- event:
				default:
					return // other probes write so often that this probe must start again anyway
				}
			}
		}
	}()
}

func (p *prober) once(ctx context.Context) error {
	value := []byte("terraform-provider-nats " + rand.Text())
	p.stage("deleting the reserved key") // left behind by a verification that was killed
	if _, _, _, err := p.backend.Delete(ctx, ReservedKey, 0); err != nil {
		return err
	}

	p.stage("creating the reserved key")
	created, err := p.backend.Create(ctx, ReservedKey, value, 0)
	switch {
	case errors.Is(err, server.ErrKeyExists):
		return errConflict
	case err != nil:
		return err
	}
	p.stage("reading the reserved key")
	if err := p.read(ctx, created, string(value)); err != nil {
		return err
	}
	p.stage("watching the creation of the reserved key")
	err = p.watch(ctx, created, func(e *server.Event) bool { return e.Create && bytes.Equal(e.KV.Value, value) })
	if err != nil {
		return err
	}

	p.stage("updating the reserved key")
	value = append(value, " updated"...)
	updated, _, done, err := p.backend.Update(ctx, ReservedKey, value, created, 0)
	switch {
	case err != nil:
		return err
	case !done:
		return errConflict
	}
	p.stage("watching the update of the reserved key")
	err = p.watch(ctx, updated, func(e *server.Event) bool {
		return !e.Create && !e.Delete && bytes.Equal(e.KV.Value, value)
	})
	if err != nil {
		return err
	}

	p.stage("deleting the reserved key")
	deleted, _, done, err := p.backend.Delete(ctx, ReservedKey, updated)
	switch {
	case err != nil:
		return err
	case !done:
		return errConflict
	}
	p.stage("watching the deletion of the reserved key")
	return p.watch(ctx, deleted, func(e *server.Event) bool { return e.Delete })
}

// read reads the reserved key until it has the written value and revision.
func (p *prober) read(ctx context.Context, revision int64, value string) error {
	for range maxReads {
		_, kv, err := p.backend.Get(ctx, ReservedKey, 0, false)
		switch {
		case err != nil:
			return err
		case kv != nil && kv.ModRevision == revision && string(kv.Value) == value:
			return nil
		}
		if !natsconn.Pause(ctx, readPause) {
			return ctx.Err()
		}
	}
	return errConflict
}

// watch waits for the event with the given revision of the reserved key and checks that it is as expected.
func (p *prober) watch(ctx context.Context, revision int64, expected func(*server.Event) bool) error {
	for {
		select {
		case event, open := <-p.events:
			switch {
			case !open:
				return errEnded
			case event.KV.ModRevision < revision:
			case event.KV.ModRevision == revision && expected(event):
				return nil
			case event.KV.ModRevision == revision:
				return fmt.Errorf("the watch shows revision %d with a different content than written", revision)
			default:
				// This probe wrote nothing after the awaited revision, so the event belongs to another one, and KINE
				// skipped the awaited event: if two KINEs write to a key, a watch does not show every revision.
				return errConflict
			}
		case err := <-p.failed:
			return fmt.Errorf("the watch failed: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
