package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// DefaultWriteInterval is the default interval of a Writer, about the write rate of a small cluster.
const DefaultWriteInterval = 10 * time.Millisecond

// rewatchDelay is the interval of the attempts to reopen the watch.
const rewatchDelay = 50 * time.Millisecond

// Writer creates keys in the background, one after the other, while a test changes the datastore: a move, a change of
// leader, a restart. It records the acknowledged writes and the longest gap between them, and watches its own keys.
//
// Each write is sent once. A write that returns an error may or may not have been stored; the Writer continues with
// the next key.
type Writer struct {
	client   *clientv3.Client
	prefix   string
	interval time.Duration
	cancel   context.CancelFunc
	work     sync.WaitGroup
	stop     sync.Once
	stopping chan struct{} // closed by Stop: no more writes
	written  chan struct{} // closed when the last write has returned
	followed chan struct{} // closed when the watch is no longer read

	mu     sync.Mutex
	report Report
	writes gap
	events gap
	seen   map[string]int64 // revisions of the watch events by key
	watch  int64            // the last revision that the watch has shown
	wake   chan struct{}    // signaled after each event
	broken []error          // violations of the guarantees of a watch
}

// Report is the report of a Writer.
type Report struct {
	// Written maps the acknowledged keys to their revisions; the value of each key is its SeedValue.
	Written map[string]int64
	// Unsure holds the keys whose write returned an error. Each of them may have been stored.
	Unsure []string
	// LastError is the error of the last of these writes.
	LastError error
	// FirstRevision and LastRevision are the revisions of the first and the last acknowledged write.
	FirstRevision, LastRevision int64
	// Duration is the time from the start of the Writer to its stop.
	Duration time.Duration
	// LongestWriteGap is the longest time without an acknowledged write, from start to stop. If the endpoint itself
	// was down, it includes the client's delay before it reconnects, one second after the first failure.
	LongestWriteGap time.Duration
	// LongestEventGap is the longest time without a watch event, from the start to the last expected event.
	LongestEventGap time.Duration
	// Events is the number of watch events, and Rewatched is the number of times the watch ended and was reopened.
	Events, Rewatched int
}

// gap measures the longest time between two moments.
type gap struct {
	last    time.Time
	longest time.Duration
}

func (g *gap) mark(now time.Time) {
	g.longest = max(g.longest, now.Sub(g.last))
	g.last = now
}

// StartWriter opens the watch and starts to write keys below prefix, one per interval; zero means
// DefaultWriteInterval. It continues until Stop or until ctx ends. Use Clean to remove the keys.
func StartWriter(ctx context.Context, client *clientv3.Client, prefix string, interval time.Duration) (*Writer, error) {
	if interval <= 0 {
		interval = DefaultWriteInterval
	}
	ctx, cancel := context.WithCancel(ctx)
	first, err := openWatch(ctx, client, prefix, 0)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("unable to start the writer: %w", err)
	}
	now := time.Now()
	w := &Writer{
		client: client, prefix: prefix, interval: interval, cancel: cancel,
		stopping: make(chan struct{}), written: make(chan struct{}), followed: make(chan struct{}),
		wake:   make(chan struct{}, 1),
		report: Report{Written: map[string]int64{}}, writes: gap{last: now}, events: gap{last: now},
		seen: map[string]int64{},
	}
	w.work.Go(func() { w.write(ctx) })
	w.work.Go(func() { w.follow(ctx, first) })
	return w, nil
}

func (w *Writer) write(ctx context.Context) {
	defer close(w.written)
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	start := time.Now()
	for n := 0; ; n++ {
		key := fmt.Sprintf("%swrite-%06d", w.prefix, n)
		revision, err := accepted(createKey(ctx, w.client, key, SeedValue(key)))
		w.mu.Lock()
		if err == nil {
			w.writes.mark(time.Now())
			w.report.Written[key] = revision
			w.report.LastRevision = revision
			if w.report.FirstRevision == 0 {
				w.report.FirstRevision = revision
			}
		} else {
			w.report.Unsure = append(w.report.Unsure, key)
			w.report.LastError = err
		}
		w.mu.Unlock()

		select {
		case <-tick.C:
			continue
		case <-w.stopping:
		case <-ctx.Done():
		}
		w.mu.Lock()
		w.writes.mark(time.Now()) // include a gap that lasts until the end
		w.report.Duration = time.Since(start)
		w.mu.Unlock()
		return
	}
}

// follow records the events of the watch. If the watch ends, follow reopens it after the last event.
func (w *Writer) follow(ctx context.Context, open *watch) {
	defer close(w.followed)
	for open != nil {
		event, err := open.next(ctx)
		if err == nil {
			w.note(event)
			continue
		}
		open.close()
		open = w.rewatch(ctx)
	}
}

// rewatch tries to reopen the watch. It returns nil when ctx ends.
func (w *Writer) rewatch(ctx context.Context) *watch {
	for {
		tick := time.NewTimer(rewatchDelay)
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return nil
		}
		w.mu.Lock()
		from := w.watch + 1
		w.mu.Unlock()
		if open, err := openWatch(ctx, w.client, w.prefix, from); err == nil {
			w.mu.Lock()
			w.report.Rewatched++
			w.mu.Unlock()
			return open
		}
	}
}

func (w *Writer) note(event *clientv3.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, revision := string(event.Kv.Key), event.Kv.ModRevision
	switch before, twice := w.seen[key]; {
	case !event.IsCreate():
		w.broken = append(w.broken, fmt.Errorf("the watch showed a %s of %s, which was only created", event.Type,
			describe(event.Kv)))
	case twice:
		w.broken = append(w.broken, fmt.Errorf("the watch showed %q at revision %d and again at %d", key, before,
			revision))
	case revision <= w.watch:
		w.broken = append(w.broken, fmt.Errorf("the watch showed revision %d after %d", revision, w.watch))
	}
	w.seen[key] = revision
	w.watch = max(w.watch, revision)
	w.events.mark(time.Now())
	w.report.Events++
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Acknowledged returns the number of acknowledged writes so far.
func (w *Writer) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.report.Written)
}

// Stop stops writing, waits until the watch has shown the last acknowledged write, and returns the report. It returns
// an error if the watch has not shown each acknowledged write exactly once, in order, with its revision. Only ctx
// limits the wait for a write in progress and for the watch; the report is returned in any case.
//
// Use Report.Verify to check that the datastore still contains the acknowledged writes.
func (w *Writer) Stop(ctx context.Context) (Report, error) {
	w.stop.Do(func() { close(w.stopping) })
	var errs []error
	select {
	case <-w.written:
		errs = append(errs, w.await(ctx))
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("a write has not returned: %w", context.Cause(ctx)))
	}
	w.cancel()
	w.work.Wait()

	w.mu.Lock()
	defer w.mu.Unlock()
	errs = append(errs, w.broken[:min(reported, len(w.broken))]...)
	var missed []string
	for _, key := range slices.Sorted(maps.Keys(w.report.Written)) {
		if revision, ok := w.seen[key]; !ok {
			missed = append(missed, key)
		} else if revision != w.report.Written[key] {
			errs = append(errs, fmt.Errorf("%q was written at revision %d and shown by the watch at %d", key,
				w.report.Written[key], revision))
		}
	}
	if n := len(missed); n > 0 {
		errs = append(errs, fmt.Errorf("the watch did not show %d of %d acknowledged writes: %q", n,
			len(w.report.Written), missed[:min(reported, n)]))
	}
	w.report.LongestWriteGap, w.report.LongestEventGap = w.writes.longest, w.events.longest
	return w.report, errors.Join(errs...)
}

// await waits until the watch has shown the last acknowledged write.
func (w *Writer) await(ctx context.Context) error {
	for {
		w.mu.Lock()
		shown, last := w.watch, w.report.LastRevision
		w.mu.Unlock()
		if shown >= last {
			return nil
		}
		select {
		case <-w.wake:
		case <-w.followed:
			return fmt.Errorf("the watch has reached revision %d of %d, and the context of the writer has ended",
				shown, last)
		case <-ctx.Done():
			return fmt.Errorf("the watch has reached revision %d of %d: %w", shown, last, context.Cause(ctx))
		}
	}
}

// Verify reads all acknowledged keys, from the Writer's endpoint or from another one, for example on a promoted
// mirror, and returns an error if a key is lost or changed. A key whose write returned an error may exist with the
// correct value.
func (r Report) Verify(ctx context.Context, client *clientv3.Client) error {
	if err := VerifyAll(ctx, client, r.Written); err != nil {
		return fmt.Errorf("acknowledged writes: %w", err)
	}
	for _, key := range r.Unsure {
		kv, _, err := getKey(ctx, client, key)
		if err == nil && kv != nil && string(kv.Value) != SeedValue(key) {
			err = fmt.Errorf("a write without acknowledgment left %s", describe(kv))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// String returns the report as one line.
func (r Report) String() string {
	s := fmt.Sprintf("%d writes acknowledged in %s, revisions %d to %d; longest gap %s, longest gap of the watch %s",
		len(r.Written), r.Duration.Round(time.Millisecond), r.FirstRevision, r.LastRevision,
		r.LongestWriteGap.Round(time.Millisecond), r.LongestEventGap.Round(time.Millisecond))
	if len(r.Unsure) > 0 {
		s += fmt.Sprintf("; %d writes without acknowledgment, the last: %v", len(r.Unsure), r.LastError)
	}
	if r.Rewatched > 0 {
		s += fmt.Sprintf("; watch reopened %d times", r.Rewatched)
	}
	return s
}
