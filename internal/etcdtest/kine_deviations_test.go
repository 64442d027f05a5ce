package etcdtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// The tests in this file pin what KINE v0.17.5 does unlike etcd and what the checks therefore leave out or let through.
// Each asks etcd the same. A KINE that answers as etcd does fails its test here: then the check is to be made stricter.

// soon bounds the wait for an answer that must not come.
const soon = 300 * time.Millisecond

// deviation is one question, and the two answers.
type deviation struct {
	name       string
	ask        func(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string
	etcd, kine string
}

func TestKineDeviations(t *testing.T) {
	t.Parallel()
	deviations := []deviation{
		// A watch from a revision before a delete, when that delete is the last write.
		{"watch-before-delete", watchBeforeDelete, "at once", "after the next write; until then no other watch of the client begins either"},
		{"progress-after-delete", progressAfterDelete, "told", "told after the next write"},
		// From the revision of a delete to the one of the next write.
		{"revisions-of-delete", revisionsOfDelete, "1", "2"},
		// A read fifteen updates back, with KINE's default history of ten.
		{"read-beyond-history", readBeyondHistory, "the value of then", "no such key"},
		// 768 KiB that do not compress, with the server's default max_payload of 1 MiB.
		{"large-value", largestValue, "stored", "nats: maximum payload exceeded"},
		{"keys-only", keysOnly, "no values, version 1", "values, version 0"},
		{"header-of-refused-create", headerOfRefusedCreate, "the datastore's revision", "the key's revision"},
		{"header-of-status", headerOfStatus, "a revision", "no revision"},
		{"put-without-guard", plainPut, "accepted", "accepted"},
		{"delete-without-guard", plainDelete, "accepted", "delete is not implemented by kine"},
		// The value before an update, and a delete, of keys that were written before the last compaction.
		{"previous-after-compaction", previousAfterCompaction, "sent", "not sent"},
	}
	for _, side := range []struct {
		name  string
		start func(*testing.T) string
		want  func(deviation) string
	}{
		{"etcd", startEtcd, func(d deviation) string { return d.etcd }},
		{"kine", func(t *testing.T) string { return startKine(t, "?noEmbed") }, func(d deviation) string { return d.kine }},
	} {
		t.Run(side.name, func(t *testing.T) {
			t.Parallel()
			endpoint := side.start(t)
			for _, d := range deviations {
				t.Run(d.name, func(t *testing.T) {
					c := dialTest(t, endpoint)
					if got, want := d.ask(t.Context(), t, c, NewPrefix()), side.want(d); got != want {
						t.Errorf("%q, want %q", got, want)
					}
				})
			}
		})
	}
}

// dialTest connects and disconnects with the test.
func dialTest(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	c, err := Dial(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ok turns a write that must be accepted into its revision.
func ok(t *testing.T) func(outcome, error) int64 {
	return func(o outcome, err error) int64 {
		t.Helper()
		revision, err := accepted(o, err)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
}

// begins says whether a watch begins soon.
func begins(ctx context.Context, c *clientv3.Client, prefix string, from int64) bool {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	w, err := openWatch(ctx, c, prefix, from)
	if err != nil {
		return false
	}
	w.close()
	return true
}

func watchBeforeDelete(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	created := ok(t)(createKey(ctx, c, prefix+"key", "value"))
	ok(t)(deleteKey(ctx, c, prefix+"key", created))
	began := make(chan *watch, 1)
	go func() {
		w, err := openWatch(ctx, c, prefix, created)
		if err != nil {
			t.Error(err)
		}
		began <- w
	}()
	select {
	case <-began:
		return "at once"
	case <-time.After(soon):
	}
	others := begins(ctx, c, prefix+"other/", 0)
	ok(t)(createKey(ctx, c, prefix+"next", "value"))
	w := <-began
	w.close()
	answer := "after the next write"
	if !others {
		answer += "; until then no other watch of the client begins either"
	}
	return answer
}

func progressAfterDelete(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	w, err := openWatch(ctx, c, prefix, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	told := func(revision int64) bool {
		for range 3 {
			if err := c.RequestProgress(clientv3.WithRequireLeader(ctx)); err != nil {
				t.Fatal(err)
			}
			at, err := w.progress(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if at >= revision {
				return true
			}
		}
		return false
	}
	created := ok(t)(createKey(ctx, c, prefix+"key", "value"))
	deleted := ok(t)(deleteKey(ctx, c, prefix+"key", created))
	for range 2 {
		if _, err := w.next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if told(deleted) {
		return "told"
	}
	next := ok(t)(createKey(ctx, c, prefix+"next", "value"))
	if _, err := w.next(ctx); err != nil {
		t.Fatal(err)
	}
	if told(next) {
		return "told after the next write"
	}
	return "not told"
}

func revisionsOfDelete(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	created := ok(t)(createKey(ctx, c, prefix+"key", "value"))
	deleted := ok(t)(deleteKey(ctx, c, prefix+"key", created))
	next := ok(t)(createKey(ctx, c, prefix+"next", "value"))
	return fmt.Sprint(next - deleted)
}

func readBeyondHistory(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	first := ok(t)(createKey(ctx, c, prefix+"key", "first"))
	last := first
	for range 15 {
		last = ok(t)(updateKey(ctx, c, prefix+"key", "later", last))
	}
	kv, _, err := getKey(ctx, c, prefix+"key", clientv3.WithRev(first))
	if err != nil {
		t.Fatal(err)
	}
	if expectKey(kv, "first", first) == nil {
		return "the value of then"
	}
	return describe(kv)
}

func largestValue(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	value := make([]byte, 768<<10)
	_, _ = rand.Read(value)
	ok(t)(createKey(ctx, c, prefix+"below", string(value[:760<<10])))
	_, err := createKey(ctx, c, prefix+"above", string(value))
	return answerOf(err, "stored")
}

// answerOf is the server's own words of an error, or what is said without one.
func answerOf(err error, without string) string {
	if err == nil {
		return without
	}
	text := err.Error()
	return text[strings.LastIndex(text, "desc = ")+len("desc = "):]
}

func keysOnly(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	ok(t)(createKey(ctx, c, prefix+"key", "value"))
	resp, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(resp.Kvs) != 1 {
		t.Fatal(resp, err)
	}
	values := "values"
	if len(resp.Kvs[0].Value) == 0 {
		values = "no values"
	}
	return fmt.Sprintf("%s, version %d", values, resp.Kvs[0].Version)
}

func headerOfRefusedCreate(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	key := ok(t)(createKey(ctx, c, prefix+"key", "value"))
	last := ok(t)(createKey(ctx, c, prefix+"other", "value"))
	o, err := createKey(ctx, c, prefix+"key", "value")
	switch {
	case err != nil || o.done:
		t.Fatal(o, err)
	case o.revision == last:
		return "the datastore's revision"
	case o.revision == key:
		return "the key's revision"
	}
	return fmt.Sprintf("revision %d, the key is at %d and the datastore at %d", o.revision, key, last)
}

func headerOfStatus(ctx context.Context, t *testing.T, c *clientv3.Client, _ string) string {
	status, err := c.Status(ctx, c.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	if status.Header.GetRevision() == 0 {
		return "no revision"
	}
	return "a revision"
}

func plainPut(ctx context.Context, _ *testing.T, c *clientv3.Client, prefix string) string {
	_, err := c.Put(ctx, prefix+"key", "value")
	return answerOf(err, "accepted")
}

func plainDelete(ctx context.Context, _ *testing.T, c *clientv3.Client, prefix string) string {
	_, err := c.Delete(ctx, prefix+"key")
	return answerOf(err, "accepted")
}

// previousAfterCompaction matters to Kubernetes: the apiserver ends a watch on an event without the value before it
// ("etcd event received with PrevKv=nil", apiserver/pkg/storage/etcd3/event.go), and compacts every five minutes.
func previousAfterCompaction(ctx context.Context, t *testing.T, c *clientv3.Client, prefix string) string {
	old := ok(t)(createKey(ctx, c, prefix+"old", "old"))
	gone := ok(t)(createKey(ctx, c, prefix+"gone", "gone"))
	mark := ok(t)(createKey(ctx, c, prefix+"mark", "value"))
	if _, err := c.Compact(ctx, mark); err != nil {
		t.Fatal(err)
	}
	for {
		_, _, err := getKey(ctx, c, prefix+"mark", clientv3.WithRev(mark-1))
		if errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := openWatch(ctx, c, prefix, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ok(t)(updateKey(ctx, c, prefix+"old", "new", old))
	ok(t)(deleteKey(ctx, c, prefix+"gone", gone))
	var previous []*mvccpb.KeyValue
	for range 2 {
		event, err := w.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if event.PrevKv != nil {
			previous = append(previous, event.PrevKv)
		}
	}
	switch len(previous) {
	case 0:
		return "not sent"
	case 2:
		return "sent"
	}
	return fmt.Sprint("sent once: ", previous)
}
