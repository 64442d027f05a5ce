package etcdtest

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch is an open watch that is read one event at a time.
type watch struct {
	client  *clientv3.Client
	prefix  string
	resume  int64 // the revision to resume from if the watch must be reopened
	session *session

	watcher clientv3.Watcher
	ch      clientv3.WatchChan
	stop    func() bool       // detaches the watch from its context
	events  []*clientv3.Event // read from ch, but not yet returned
	header  int64             // the highest revision in a header
}

// openWatch opens a watch of a prefix from a revision with the options of the apiserver: previous values and progress
// notifications. It returns when the endpoint confirms the watch, so revision 0 means from now on.
//
// Each watch has its own stream and is closed by closing the stream. Canceling a single watch of a stream is not safe
// with KINE v0.17.5: after it has confirmed the cancellation, it keeps sending empty responses, about seventy for a
// watch with progress notifications, until its goroutines notice (pkg/server/watch.go); and the etcd client v3.7.3
// panics ("send on closed channel") when such a response arrives for a watch that it is closing.
func openWatch(ctx context.Context, c *clientv3.Client, prefix string, from int64) (*watch, error) {
	w := &watch{client: c, prefix: prefix, resume: from, session: sessionOf(ctx)}
	if err := w.open(ctx); err != nil {
		w.close()
		return nil, fmt.Errorf("watch of %q from revision %d: %w", prefix, from, err)
	}
	return w, nil
}

// open opens the watch from the revision that it has reached.
func (w *watch) open(ctx context.Context) error {
	watcher := clientv3.NewWatcher(w.client)
	w.watcher = watcher
	w.stop = context.AfterFunc(ctx, func() { _ = watcher.Close() })
	w.ch = watcher.Watch(streamContext(ctx), w.prefix, clientv3.WithPrefix(), clientv3.WithRev(w.resume),
		clientv3.WithPrevKV(), clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	resp, err := w.receive(ctx)
	switch {
	case err != nil:
		return err
	case !resp.Created:
		return errors.New("the first response does not confirm the watch")
	case w.resume == 0:
		w.resume = w.header + 1
	}
	return nil
}

// streamContext returns the context of a watch's stream, which has the values of ctx but does not end with it.
func streamContext(ctx context.Context) context.Context {
	return clientv3.WithRequireLeader(context.WithoutCancel(ctx))
}

func (w *watch) close() {
	w.stop()
	_ = w.watcher.Close() // the error of a closed stream is of no interest
}

// requestProgress requests a progress notification.
func (w *watch) requestProgress(ctx context.Context) error {
	if err := w.watcher.RequestProgress(streamContext(ctx)); err != nil {
		return fmt.Errorf("request for progress: %w", err)
	}
	return nil
}

// receive returns the next response and keeps its events for next.
func (w *watch) receive(ctx context.Context) (clientv3.WatchResponse, error) {
	select {
	case <-ctx.Done():
		return clientv3.WatchResponse{}, fmt.Errorf("no response from the watch: %w", context.Cause(ctx))
	case resp, open := <-w.ch:
		switch {
		case !open && ctx.Err() != nil:
			return resp, fmt.Errorf("no response from the watch: %w", context.Cause(ctx))
		case !open && w.session.allowRewatch():
			w.close()
			return clientv3.WatchResponse{Created: true}, w.open(ctx)
		case !open:
			return resp, errors.New("the watch ended without an error")
		case resp.Err() != nil:
			return resp, fmt.Errorf("the watch ended: %w", resp.Err())
		case resp.Header.GetRevision() < w.header:
			return resp, fmt.Errorf("the watch went back from revision %d to %d", w.header, resp.Header.GetRevision())
		}
		w.header = resp.Header.GetRevision()
		w.events = append(w.events, resp.Events...)
		if n := len(w.events); n > 0 && w.events[n-1].Kv != nil {
			w.resume = w.events[n-1].Kv.ModRevision + 1
		}
		return resp, nil
	}
}

// next returns the next event.
func (w *watch) next(ctx context.Context) (*clientv3.Event, error) {
	for len(w.events) == 0 {
		if _, err := w.receive(ctx); err != nil {
			return nil, err
		}
	}
	event := w.events[0]
	w.events = w.events[1:]
	if event.Kv == nil {
		return nil, fmt.Errorf("the watch showed a %s without a key", event.Type)
	}
	return event, nil
}

// change is an expected event.
type change struct {
	key      string
	value    string // empty for a delete
	revision int64
	deleted  bool
	previous *stored // nil for a create
}

// expect reads one event for each change and compares them in order.
func (w *watch) expect(ctx context.Context, changes ...change) error {
	for i, want := range changes {
		event, err := w.next(ctx)
		if err == nil {
			err = w.check(want, event)
		}
		if err != nil {
			return fmt.Errorf("event %d of %d, %s: %w", i+1, len(changes), want, err)
		}
	}
	return nil
}

// check compares an event with the expected change. Only the key and the revision of a delete are compared: etcd
// sends nothing else, and KINE also sends the last value.
func (w *watch) check(want change, event *clientv3.Event) error {
	got := event.Kv
	switch {
	case string(got.Key) != want.key || got.ModRevision != want.revision:
		return fmt.Errorf("the watch showed a %s of %s", event.Type, describe(got))
	case want.deleted != (event.Type == mvccpb.DELETE):
		return fmt.Errorf("the watch showed it as a %s", event.Type)
	case !want.deleted && string(got.Value) != want.value:
		return fmt.Errorf("the watch showed %s", describe(got))
	case !want.deleted && event.IsCreate() != (want.previous == nil):
		return fmt.Errorf("the watch showed %s with IsCreate %t", describe(got), event.IsCreate())
	case want.previous == nil && event.PrevKv != nil:
		return fmt.Errorf("the watch showed a previous value: %s", describe(event.PrevKv))
	case want.previous == nil:
		return nil
	case event.PrevKv == nil && w.session.allowNoPrevious():
		return nil
	}
	if err := expectKey(event.PrevKv, want.previous.value, want.previous.revision); err != nil {
		return fmt.Errorf("previous value in the event: %w", err)
	}
	return nil
}

func (want change) String() string {
	switch {
	case want.deleted:
		return fmt.Sprintf("the delete of %q at revision %d", want.key, want.revision)
	case want.previous == nil:
		return fmt.Sprintf("the create of %q at revision %d", want.key, want.revision)
	}
	return fmt.Sprintf("the update of %q at revision %d", want.key, want.revision)
}
