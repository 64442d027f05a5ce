package etcdtest

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// script performs creates, updates, deletes and a create after a delete below prefix, and returns them as changes.
// The last one is a create, see watchReplay. No key needs more than four entries of a KINE bucket's history, in which
// a delete takes two: with a smaller history, KINE cannot replay the script.
func script(ctx context.Context, c *clientv3.Client, prefix string) ([]change, error) {
	var changes []change
	now := map[string]stored{}
	for _, step := range []struct {
		key, value string // empty for a delete
	}{
		{"updated", "1"},
		{"again/created", "2"},
		{"updated", "3"},
		{"deleted", "4"},
		{"again/created", ""},
		{"deleted", "5"},
		{"updated", "6"},
		{"deleted", ""},
		{"updated", "7"},
		{"again/created", "8"},
	} {
		var err error
		ch := change{key: prefix + step.key, value: step.value, deleted: step.value == ""}
		before, exists := now[ch.key]
		if exists {
			ch.previous = &before
		}
		if ch.deleted {
			ch.revision, err = accepted(deleteKey(ctx, c, ch.key, before.revision))
			delete(now, ch.key)
		} else {
			ch.revision, err = accepted(updateKey(ctx, c, ch.key, ch.value, before.revision))
			now[ch.key] = stored{ch.value, ch.revision}
		}
		if err != nil {
			return nil, err
		}
		if n := len(changes); n > 0 && ch.revision <= changes[n-1].revision {
			return nil, fmt.Errorf("%s follows %s", ch, changes[n-1])
		}
		changes = append(changes, ch)
	}
	return changes, nil
}

// watchLive watches while the script runs. Two writes outside the prefix, and a last one below it, show without
// waiting that no event is repeated, late or from outside the prefix.
func watchLive(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	w, err := openWatch(ctx, c, prefix+"watched/", 0)
	if err != nil {
		return Result{}, err
	}
	defer w.close()
	if _, err := accepted(createKey(ctx, c, prefix+"watched-not", "outside")); err != nil {
		return Result{}, err
	}
	changes, err := script(ctx, c, prefix+"watched/")
	if err != nil {
		return Result{}, err
	}
	if _, err := accepted(createKey(ctx, c, prefix+"watched-neither", "outside")); err != nil {
		return Result{}, err
	}
	end := change{key: prefix + "watched/end", value: "end"}
	if end.revision, err = accepted(createKey(ctx, c, end.key, end.value)); err != nil {
		return Result{}, err
	}
	if err := w.expect(ctx, append(changes, end)...); err != nil {
		return Result{}, err
	}
	return Result{Revision: end.revision, Details: fmt.Sprintf("%d events", len(changes)+1)}, nil
}

// watchReplay starts watches at past revisions of the script and lets them continue with new changes.
//
// With KINE, the last write before such a watch must not be a delete: the watch then sends nothing, not even a
// confirmation, until the next write anywhere in the datastore (pkg/drivers/nats/backend.go, after: it waits for the
// datastore's last revision, which is the marker behind the tombstone, and does not show markers). A running cluster
// writes every second or two, but a test may not. The script therefore ends with a create.
func watchReplay(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	changes, err := script(ctx, c, prefix)
	if err != nil {
		return Result{}, err
	}
	starts := []int{0, 3, len(changes) - 1}
	var watches []*watch
	defer func() {
		for _, w := range watches {
			w.close()
		}
	}()
	for _, start := range starts {
		w, err := openWatch(ctx, c, prefix, changes[start].revision)
		if err != nil {
			return Result{}, err
		}
		watches = append(watches, w)
	}
	end := change{key: prefix + "end", value: "end"}
	if end.revision, err = accepted(createKey(ctx, c, end.key, end.value)); err != nil {
		return Result{}, err
	}
	for i, start := range starts {
		if err := watches[i].expect(ctx, append(changes[start:len(changes):len(changes)], end)...); err != nil {
			return Result{}, fmt.Errorf("from revision %d: %w", changes[start].revision, err)
		}
	}
	return Result{Revision: end.revision, Details: fmt.Sprintf("%d events replayed", len(changes))}, nil
}

// progressInterval is how often the apiserver asks for progress (apiserver/pkg/storage/cacher/progress).
const progressInterval = 100 * time.Millisecond

// watchProgress requests the progress of a watch, as the apiserver does before it answers a list from its cache: the
// answer must reach the last write, even of a key outside the watch.
//
// KINE answers a request only if all watches of the stream have reached the datastore's revision, and drops it
// otherwise; the request is therefore repeated at the apiserver's own interval. After a delete, it is not answered
// until the next write, see watchReplay; the last write here is a create.
func watchProgress(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	w, err := openWatch(ctx, c, prefix+"watched/", 0)
	if err != nil {
		return Result{}, err
	}
	defer w.close()
	seen := change{key: prefix + "watched/key", value: "seen"}
	if seen.revision, err = accepted(createKey(ctx, c, seen.key, seen.value)); err != nil {
		return Result{}, err
	}
	if err := w.expect(ctx, seen); err != nil {
		return Result{}, err
	}
	unseen, err := accepted(createKey(ctx, c, prefix+"elsewhere", "unseen"))
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	for requests := 1; ; requests++ {
		if err := w.requestProgress(ctx); err != nil {
			return Result{}, err
		}
		told, err := w.progress(ctx)
		if err != nil {
			return Result{}, fmt.Errorf("after %d requests for progress up to revision %d: %w", requests, unseen, err)
		}
		if told >= unseen {
			return Result{Revision: told, Details: fmt.Sprintf("reported after %s and %d requests",
				time.Since(start).Round(time.Millisecond), requests)}, nil
		}
	}
}

// progress waits for a progress notification for as long as the apiserver waits before it asks again, and returns the
// notified revision, or 0 if there was none.
func (w *watch) progress(ctx context.Context) (int64, error) {
	tick, cancel := context.WithTimeout(ctx, progressInterval)
	defer cancel()
	resp, err := w.receive(tick)
	switch {
	case err != nil && tick.Err() != nil && ctx.Err() == nil:
		return 0, nil
	case err != nil:
		return 0, err
	case len(w.events) > 0:
		return 0, fmt.Errorf("the watch showed a %s of %s", w.events[0].Type, describe(w.events[0].Kv))
	case !resp.IsProgressNotify():
		return 0, nil
	}
	return resp.Header.GetRevision(), nil
}

// leaseSeconds is the requested time to live; etcd grants at least two seconds with its default timing.
const leaseSeconds = 1

// lease checks that a key with a lease is deleted when the lease expires, that a key written again without a lease
// stays, and that a watch shows the delete. Kubernetes uses leases only for events, and never renews them.
//
// KINE uses the time to live as the ID of the lease, so leases of the same length are the same lease, and it supports
// no renewal, revocation or query of leases. It keeps the expiration times in memory and forgets them when it is
// restarted; the check does not restart it.
func lease(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	w, err := openWatch(ctx, c, prefix, 0)
	if err != nil {
		return Result{}, err
	}
	defer w.close()
	start := time.Now()
	granted, err := c.Grant(ctx, leaseSeconds)
	if err != nil {
		return Result{}, fmt.Errorf("grant of a lease: %w", err)
	}
	ttl := time.Duration(granted.TTL) * time.Second
	if ttl < leaseSeconds*time.Second || granted.ID == 0 {
		return Result{}, fmt.Errorf("requested a lease of %d s, got %s with ID %d", leaseSeconds, ttl, granted.ID)
	}

	kept, leased := prefix+"kept", prefix+"leased"
	keptFirst, err := accepted(createKey(ctx, c, kept, "leased", clientv3.WithLease(granted.ID)))
	if err != nil {
		return Result{}, err
	}
	keptSecond, err := accepted(updateKey(ctx, c, kept, "kept", keptFirst))
	if err != nil {
		return Result{}, err
	}
	created, err := accepted(createKey(ctx, c, leased, "leased", clientv3.WithLease(granted.ID)))
	if err != nil {
		return Result{}, err
	}
	kv, _, err := getKey(ctx, c, leased)
	if err == nil {
		err = expectKey(kv, "leased", created)
	}
	if err == nil && kv.Lease != int64(granted.ID) {
		err = fmt.Errorf("%s has lease %d, want %d", describe(kv), kv.Lease, granted.ID)
	}
	if err != nil {
		return Result{}, err
	}

	if err := w.expect(ctx,
		change{key: kept, value: "leased", revision: keptFirst},
		change{key: kept, value: "kept", revision: keptSecond, previous: &stored{"leased", keptFirst}},
		change{key: leased, value: "leased", revision: created},
	); err != nil {
		return Result{}, err
	}
	event, err := w.next(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("the end of the lease of %s: %w", ttl, err)
	}
	took := time.Since(start)
	ended := change{key: leased, revision: event.Kv.ModRevision, deleted: true, previous: &stored{"leased", created}}
	if err := w.check(ended, event); err != nil {
		return Result{}, fmt.Errorf("the end of the lease: %w", err)
	}
	if took < ttl || ended.revision <= created {
		return Result{}, fmt.Errorf("the lease of %s ended after %s, at revision %d", ttl, took, ended.revision)
	}
	kv, behind, err := getKeySince(ctx, c, leased, ended.revision)
	if err == nil && kv != nil {
		err = fmt.Errorf("%q still exists: %s", leased, describe(kv))
	}
	if err != nil {
		return Result{}, fmt.Errorf("after the end of the lease: %w", err)
	}
	kv, _, err = getKey(ctx, c, kept)
	if err == nil {
		err = expectKey(kv, "kept", keptSecond)
	}
	if err != nil {
		return Result{}, fmt.Errorf("a key written again without a lease: %w", err)
	}
	details := fmt.Sprintf("%s granted, ended after %s", ttl, took.Round(time.Millisecond))
	if behind > 0 {
		details += fmt.Sprintf(", %d reads were behind the watch", behind)
	}
	return Result{Revision: ended.revision, Details: details}, nil
}

// getKeySince reads a key at a revision that a watch has shown, or later, and returns how many reads were older than
// that.
//
// This never happens with etcd. KINE updates its watches and the index for reads separately, and a read right after
// an event can be a millisecond behind; its header shows that, and the apiserver compares the header.
func getKeySince(ctx context.Context, c *clientv3.Client, key string, revision int64) (*mvccpb.KeyValue, int, error) {
	for behind := 0; ; behind++ {
		kv, header, err := getKey(ctx, c, key)
		if err != nil || header >= revision {
			return kv, behind, err
		}
	}
}
