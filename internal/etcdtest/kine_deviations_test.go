package etcdtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// soon limits the wait for an answer that must not arrive.
const soon = 300 * time.Millisecond

// deviation is a question with its two answers.
type deviation struct {
	name       string
	ask        func(ctx context.Context, c *clientv3.Client, prefix string) (string, error)
	etcd, kine string
}

// TestKineDeviations records how KINE v0.17.5 differs from etcd on a bucket with one replica, and what the checks
// therefore omit. Each question is also asked of etcd. If a KINE answers like etcd, this test fails, and the check
// must be made stricter.
func TestKineDeviations(t *testing.T) {
	t.Parallel()
	deviations := []deviation{
		// A watch from a revision before a delete that is the last write.
		{"watch-before-delete", watchBeforeDelete, "immediately", "after the next write; until then, no other watch of the stream starts"},
		{"progress-after-delete", progressAfterDelete, "told", "told after the next write"},
		// Difference between the revision of a delete and that of the next write.
		{"revisions-of-delete", revisionsOfDelete, "1", "2"},
		// A read fifteen updates back with KINE's default history of ten.
		{"read-beyond-history", readBeyondHistory, "the old value", "no such key"},
		// 768 KiB of incompressible data with the server's default max_payload of 1 MiB.
		{"large-value", largestValue, "stored", "nats: maximum payload exceeded"},
		{"keys-only", keysOnly, "no values, version 1", "values, version 0"},
		{"header-of-refused-create", headerOfRefusedCreate, "the datastore's revision", "the key's revision"},
		{"header-of-status", headerOfStatus, "a revision", "no revision"},
		{"put-without-guard", plainPut, "accepted", "accepted"},
		{"delete-without-guard", plainDelete, "accepted", "delete is not implemented by kine"},
		// The previous value of an update and of a delete of keys that were written before the last compaction.
		{"previous-after-compaction", previousAfterCompaction, "sent", "not sent"},
	}
	endpoints := map[string]string{"etcd": startEtcd(t), "kine": startKine(t, "?noEmbed")}
	for _, d := range deviations {
		for name, want := range map[string]string{"etcd": d.etcd, "kine": d.kine} {
			t.Run(d.name+"/"+name, func(t *testing.T) { //nolint:tparallel // the last write is part of the question
				got, err := d.ask(t.Context(), dialTest(t, endpoints[name]), NewPrefix())
				if err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%q, want %q", got, want)
				}
			})
		}
	}
}

// dialTest connects, and disconnects when the test ends.
func dialTest(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	c, err := Dial(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func watchBeforeDelete(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	created, err := accepted(createKey(ctx, c, prefix+"key", "value"))
	if err != nil {
		return "", err
	}
	if _, err := accepted(deleteKey(ctx, c, prefix+"key", created)); err != nil {
		return "", err
	}
	watcher := clientv3.NewWatcher(c)
	defer func() { _ = watcher.Close() }()
	// Watch returns when the endpoint confirms the watch.
	begin := func(from int64) <-chan struct{} {
		began := make(chan struct{})
		go func() {
			defer close(began)
			watcher.Watch(ctx, prefix, clientv3.WithRev(from))
		}()
		return began
	}
	first := begin(created)
	select {
	case <-first:
		return "immediately", nil
	case <-time.After(soon):
	}
	answer := "after the next write"
	other := begin(0)
	select {
	case <-other:
	case <-time.After(soon):
		answer += "; until then, no other watch of the stream starts"
	}
	if _, err := accepted(createKey(ctx, c, prefix+"next", "value")); err != nil {
		return "", err
	}
	for _, began := range []<-chan struct{}{first, other} {
		select {
		case <-began:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return answer, nil
}

func progressAfterDelete(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	w, err := openWatch(ctx, c, prefix, 0)
	if err != nil {
		return "", err
	}
	defer w.close()
	told := func(revision int64) (bool, error) {
		for range 3 {
			if err := w.requestProgress(ctx); err != nil {
				return false, err
			}
			if at, err := w.progress(ctx); err != nil || at >= revision {
				return true, err
			}
		}
		return false, nil
	}
	created, err := accepted(createKey(ctx, c, prefix+"key", "value"))
	if err != nil {
		return "", err
	}
	deleted, err := accepted(deleteKey(ctx, c, prefix+"key", created))
	if err != nil {
		return "", err
	}
	for range 2 {
		if _, err := w.next(ctx); err != nil {
			return "", err
		}
	}
	if yes, err := told(deleted); err != nil || yes {
		return "told", err
	}
	next, err := accepted(createKey(ctx, c, prefix+"next", "value"))
	if err != nil {
		return "", err
	}
	if _, err := w.next(ctx); err != nil {
		return "", err
	}
	if yes, err := told(next); err != nil || yes {
		return "told after the next write", err
	}
	return "not told", nil
}

func revisionsOfDelete(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	created, err := accepted(createKey(ctx, c, prefix+"key", "value"))
	if err != nil {
		return "", err
	}
	deleted, err := accepted(deleteKey(ctx, c, prefix+"key", created))
	if err != nil {
		return "", err
	}
	next, err := accepted(createKey(ctx, c, prefix+"next", "value"))
	return strconv.FormatInt(next-deleted, 10), err
}

func readBeyondHistory(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	first, err := accepted(createKey(ctx, c, prefix+"key", "first"))
	last := first
	for i := 0; err == nil && i < 15; i++ {
		last, err = accepted(updateKey(ctx, c, prefix+"key", "later", last))
	}
	if err != nil {
		return "", err
	}
	kv, _, err := getKey(ctx, c, prefix+"key", clientv3.WithRev(first))
	if err == nil && expectKey(kv, "first", first) == nil {
		return "the old value", nil
	}
	return describe(kv), err
}

func largestValue(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	value := make([]byte, 768<<10)
	_, _ = rand.Read(value) // never fails
	if _, err := accepted(createKey(ctx, c, prefix+"below", string(value[:760<<10]))); err != nil {
		return "", err
	}
	_, err := createKey(ctx, c, prefix+"above", string(value))
	return answerOf(err, "stored"), nil
}

// answerOf returns the server's own text of an error, or without if there is no error.
func answerOf(err error, without string) string {
	if err == nil {
		return without
	}
	text := err.Error()
	return text[strings.LastIndex(text, "desc = ")+len("desc = "):]
}

func keysOnly(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	if _, err := accepted(createKey(ctx, c, prefix+"key", "value")); err != nil {
		return "", err
	}
	resp, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(resp.Kvs) != 1 {
		return "no key", err
	}
	values := "values"
	if len(resp.Kvs[0].Value) == 0 {
		values = "no values"
	}
	return fmt.Sprintf("%s, version %d", values, resp.Kvs[0].Version), nil
}

func headerOfRefusedCreate(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	key, err := accepted(createKey(ctx, c, prefix+"key", "value"))
	if err != nil {
		return "", err
	}
	last, err := accepted(createKey(ctx, c, prefix+"other", "value"))
	if err != nil {
		return "", err
	}
	o, err := createKey(ctx, c, prefix+"key", "value")
	switch {
	case err != nil:
		return "", err
	case o.revision == last:
		return "the datastore's revision", nil
	case o.revision == key:
		return "the key's revision", nil
	}
	return fmt.Sprintf("revision %d, the key is at %d and the datastore at %d", o.revision, key, last), nil
}

func headerOfStatus(ctx context.Context, c *clientv3.Client, _ string) (string, error) {
	status, err := c.Status(ctx, c.Endpoints()[0])
	if err != nil || status.Header.GetRevision() != 0 {
		return "a revision", err
	}
	return "no revision", nil
}

func plainPut(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	_, err := c.Put(ctx, prefix+"key", "value")
	return answerOf(err, "accepted"), nil
}

func plainDelete(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	_, err := c.Delete(ctx, prefix+"key")
	return answerOf(err, "accepted"), nil
}

// previousAfterCompaction matters to Kubernetes: the apiserver ends a watch on an event without a previous value
// ("etcd event received with PrevKv=nil", apiserver/pkg/storage/etcd3/event.go), and compacts every five minutes.
func previousAfterCompaction(ctx context.Context, c *clientv3.Client, prefix string) (string, error) {
	old, err := Seed(ctx, c, prefix, 2)
	if err != nil {
		return "", err
	}
	updated, deleted := prefix+"seed-000000", prefix+"seed-000001"
	mark, err := accepted(createKey(ctx, c, prefix+"mark", "value"))
	if err != nil {
		return "", err
	}
	if _, err := c.Compact(ctx, mark); err != nil {
		return "", err
	}
	for err == nil {
		_, _, err = getKey(ctx, c, prefix+"mark", clientv3.WithRev(mark-1))
	}
	if !errors.Is(err, rpctypes.ErrCompacted) {
		return "", err
	}
	w, err := openWatch(ctx, c, prefix, 0)
	if err != nil {
		return "", err
	}
	defer w.close()
	if _, err := accepted(updateKey(ctx, c, updated, "new", old[updated])); err != nil {
		return "", err
	}
	if _, err := accepted(deleteKey(ctx, c, deleted, old[deleted])); err != nil {
		return "", err
	}
	sent := 0
	for range 2 {
		event, err := w.next(ctx)
		if err != nil {
			return "", err
		}
		if event.PrevKv != nil {
			sent++
		}
	}
	switch sent {
	case 0:
		return "not sent", nil
	case 2:
		return "sent", nil
	}
	return "sent once", nil
}
