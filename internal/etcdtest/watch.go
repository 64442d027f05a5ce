package etcdtest

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch is an open watch that is read event by event.
type watch struct {
	client  *clientv3.Client
	prefix  string
	resume  int64 // the revision to start from, if the watch had to be opened again
	session *session

	watcher clientv3.Watcher
	ch      clientv3.WatchChan
	stop    func() bool       // ends the watch's tie to its context
	events  []*clientv3.Event // read from ch, not yet returned
	header  int64             // the highest revision that a header has told
}

// openWatch opens a watch of a prefix from a revision on, with what the apiserver asks for: previous values and progress
// notifications. It returns when the endpoint says that the watch is there, so a revision of 0 means from now on.
//
// The watch has a stream of its own, and its end is the end of the stream. To cancel a single watch of a stream is not
// safe with KINE v0.17.5: after the answer to the cancellation it goes on with empty responses, about seventy for a
// watch with progress notifications, until its goroutines have noticed (pkg/server/watch.go); and the etcd client
// v3.7.3 panics ("send on closed channel") when such a response meets a watch that it is still closing.
func openWatch(ctx context.Context, c *clientv3.Client, prefix string, from int64) (*watch, error) {
	w := &watch{client: c, prefix: prefix, resume: from, session: sessionOf(ctx)}
	if err := w.open(ctx); err != nil {
		w.close()
		return nil, fmt.Errorf("watch of %q from revision %d: %w", prefix, from, err)
	}
	return w, nil
}

// open opens the watch from the revision that it has come to.
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
		return errors.New("it began without saying so")
	case w.resume == 0:
		w.resume = w.header + 1
	}
	return nil
}

// streamContext is the context of a watch's stream: with ctx's values, but without its end.
func streamContext(ctx context.Context) context.Context {
	return clientv3.WithRequireLeader(context.WithoutCancel(ctx))
}

func (w *watch) close() {
	w.stop()
	_ = w.watcher.Close() // says how the stream has ended, which is of no interest any more
}

// requestProgress asks the endpoint how far the watch has come.
func (w *watch) requestProgress(ctx context.Context) error {
	if err := w.watcher.RequestProgress(streamContext(ctx)); err != nil {
		return fmt.Errorf("request for progress: %w", err)
	}
	return nil
}

// receive returns the next response, and keeps its events for next.
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
			return resp, errors.New("the watch ended without a word")
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
		return nil, fmt.Errorf("the watch showed a %s of no key", event.Type)
	}
	return event, nil
}

// change is an event as it must be.
type change struct {
	key      string
	value    string // "" and deleted: a delete
	revision int64
	deleted  bool
	previous *stored // nil: a create
}

// expect reads as many events as there are changes and compares them in order.
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

// check compares an event with the change that it must be. Of a delete the key and the revision alone count: etcd sends
// no more, KINE sends the last value along.
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
		return fmt.Errorf("the watch showed %s as if created: %t", describe(got), event.IsCreate())
	case want.previous == nil && event.PrevKv != nil:
		return fmt.Errorf("the watch showed a previous value: %s", describe(event.PrevKv))
	case want.previous == nil:
		return nil
	case event.PrevKv == nil && w.session.allowNoPrevious():
		return nil
	}
	if err := expectKey(event.PrevKv, want.previous.value, want.previous.revision); err != nil {
		return fmt.Errorf("the watch showed as the value before it %w", err)
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
