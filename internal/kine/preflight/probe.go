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
)

const (
	// maxAttempts bounds how often the probe begins anew because another one is at work on the same bucket.
	maxAttempts = 20
	// A wait before that is between backOff and twice as long.
	backOff = 50 * time.Millisecond
	// maxReads and readPause bound how long a fresh write may be unseen: followers of a replicated bucket answer reads too, and
	// lag behind for milliseconds.
	maxReads  = 40
	readPause = 25 * time.Millisecond
	// maxEvents is how many changes of the reserved key may wait to be looked at: three of each verification.
	maxEvents = 300
)

// errEnded says that KINE has ended the watch. It does so with one that does not keep up with the history that it replays first of all: a
// hundred changes wait for it at most (stream in KINE's pkg/broadcaster).
var errEnded = errors.New("the watch has ended")

// errConflict says that the reserved key is not what the probe has made of it.
var errConflict = errors.New("another verification writes to the reserved key all the time")

// probe does with KINE what k3s does: it creates, reads, updates and deletes a key, and watches all of it.
func probe(ctx context.Context, backend server.Backend, stage func(string)) error {
	p := prober{backend: backend, stage: stage}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The watch comes first: what is written before it is open would have to be looked up in the history.
	p.open(ctx)
	for attempt := 1; ; attempt++ {
		err := p.once(ctx)
		if !errors.Is(err, errConflict) && !errors.Is(err, errEnded) || attempt == maxAttempts {
			return err
		}
		if errors.Is(err, errEnded) {
			p.open(ctx)
		}
		if err := pause(ctx, backOff+mathrand.N(backOff)); err != nil {
			return err
		}
	}
}

type prober struct {
	backend server.Backend
	stage   func(string)
	// events are those of the reserved key.
	events <-chan *server.Event
	failed <-chan error
}

// open opens a watch, and takes from it whatever comes, so that KINE does not end it.
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
					return // others write to the key so much that this probe has to begin anew anyway
				}
			}
		}
	}()
}

func (p *prober) once(ctx context.Context) error {
	value := []byte("terraform-provider-nats " + rand.Text())
	p.stage("deleting the reserved key") // of a verification that was killed
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
	p.stage("watching the reserved key's creation")
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
	p.stage("watching the reserved key's update")
	err = p.watch(ctx, updated, func(e *server.Event) bool { return !e.Create && !e.Delete && bytes.Equal(e.KV.Value, value) })
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
	p.stage("watching the reserved key's deletion")
	return p.watch(ctx, deleted, func(e *server.Event) bool { return e.Delete })
}

// read reads the reserved key until it is as it was written.
func (p *prober) read(ctx context.Context, revision int64, value string) error {
	for range maxReads {
		_, kv, err := p.backend.Get(ctx, ReservedKey, 0, false)
		switch {
		case err != nil:
			return err
		case kv != nil && kv.ModRevision == revision && string(kv.Value) == value:
			return nil
		}
		if err := pause(ctx, readPause); err != nil {
			return err
		}
	}
	return errConflict
}

// watch waits for the event of a revision of the reserved key, which must be as expected.
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
				return fmt.Errorf("the watch shows revision %d as something else than was written", revision)
			default:
				// Nothing was written here after the revision that is waited for, so this is somebody else's, over which KINE has
				// passed the other by: of a key that two KINEs write to, a watch does not show each revision.
				return errConflict
			}
		case err := <-p.failed:
			return fmt.Errorf("the watch has failed: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
