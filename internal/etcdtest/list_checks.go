package etcdtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// listing is the result of listing a prefix, with all pages combined.
type listing struct {
	kvs      []*mvccpb.KeyValue
	revision int64 // of the first page's header; the other pages are read at it
	pages    int
}

// list reads all keys below a prefix in pages, like the apiserver: the first page at revision at (0 means now), each
// following page at the revision of the first one and from the key after the last. It calls between, unless nil,
// after the first page.
func list(
	ctx context.Context, c *clientv3.Client, prefix string, limit, at int64, between func() error,
) (listing, error) {
	var l listing
	end := clientv3.GetPrefixRangeEnd(prefix)
	for from := prefix; ; {
		resp, err := c.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(limit), clientv3.WithRev(at))
		if err != nil {
			return l, fmt.Errorf("page %d of the list of %q at revision %d: %w", l.pages+1, prefix, at, err)
		}
		l.pages++
		if l.pages == 1 {
			l.revision = resp.Header.GetRevision()
			if at == 0 {
				at = l.revision
			}
			if between != nil {
				if err := between(); err != nil {
					return l, err
				}
			}
		}
		l.kvs = append(l.kvs, resp.Kvs...)
		switch n := int64(len(resp.Kvs)); {
		case limit > 0 && n > limit:
			return l, fmt.Errorf("requested a page of %d keys, got %d", limit, n)
		case !resp.More && resp.Count != n:
			return l, fmt.Errorf("the last page has %d keys and a count of %d", n, resp.Count)
		case !resp.More:
			return l, ordered(l.kvs)
		case n == 0 || resp.Count <= n:
			return l, fmt.Errorf("a page that is not the last has %d keys and a count of %d", n, resp.Count)
		}
		from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
	}
}

// ordered checks that the keys are unique and in ascending order.
func ordered(kvs []*mvccpb.KeyValue) error {
	for i := 1; i < len(kvs); i++ {
		if string(kvs[i-1].Key) >= string(kvs[i].Key) {
			return fmt.Errorf("the list contains %q before %q", kvs[i-1].Key, kvs[i].Key)
		}
	}
	return nil
}

// state is the expected content of a prefix: the value and the revision of each key.
type state map[string]stored

type stored struct {
	value    string
	revision int64
}

// check compares a listing with the state in both directions.
func (s state) check(l listing) error {
	seen := map[string]bool{}
	for _, kv := range l.kvs {
		want, ok := s[string(kv.Key)]
		if !ok {
			return fmt.Errorf("the list contains an unexpected key: %s", describe(kv))
		}
		if err := expectKey(kv, want.value, want.revision); err != nil {
			return fmt.Errorf("the list contains %w", err)
		}
		seen[string(kv.Key)] = true
	}
	for key := range s {
		if !seen[key] {
			return fmt.Errorf("%q is missing from the list of %d keys", key, len(l.kvs))
		}
	}
	return nil
}

// fill creates n keys below prefix.
func fill(ctx context.Context, c *clientv3.Client, prefix string, n int) (state, error) {
	s := state{}
	for i := range n {
		key, value := fmt.Sprintf("%s%03d", prefix, i), fmt.Sprintf("value %d", i)
		revision, err := accepted(createKey(ctx, c, key, value))
		if err != nil {
			return nil, err
		}
		s[key] = stored{value, revision}
	}
	return s, nil
}

// listPages checks that a list read in pages is a snapshot: it does not contain writes made after its first page.
func listPages(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	const keys, page = 25, 10
	s, err := fill(ctx, c, prefix, keys)
	if err != nil {
		return Result{}, err
	}
	// A key that starts with the prefix without its slash is not below the prefix.
	neighbour := strings.TrimSuffix(prefix, "/") + "-neighbour"
	outside, err := accepted(createKey(ctx, c, neighbour, "outside"))
	if err != nil {
		return Result{}, err
	}
	defer func() { _, _ = deleteKey(ctx, c, neighbour, outside) }()

	after := state{}
	maps.Copy(after, s)
	l, err := list(ctx, c, prefix, page, 0, func() error {
		updated, deleted, added := prefix+"015", prefix+"020", prefix+"0155"
		revision, err := accepted(updateKey(ctx, c, updated, "changed", s[updated].revision))
		if err != nil {
			return err
		}
		after[updated] = stored{"changed", revision}
		if _, err := accepted(deleteKey(ctx, c, deleted, s[deleted].revision)); err != nil {
			return err
		}
		delete(after, deleted)
		revision, err = accepted(createKey(ctx, c, added, "added"))
		after[added] = stored{"added", revision}
		return err
	})
	if err == nil {
		err = s.check(l)
	}
	if err != nil {
		return Result{}, fmt.Errorf("list by pages with writes between them: %w", err)
	}
	now, err := list(ctx, c, prefix, 0, 0, nil)
	if err == nil {
		err = after.check(now)
	}
	if err == nil && now.revision <= l.revision {
		err = fmt.Errorf("its header has revision %d, it had %d before the writes", now.revision, l.revision)
	}
	if err != nil {
		return Result{}, fmt.Errorf("list after the writes: %w", err)
	}
	past, err := list(ctx, c, prefix, 0, l.revision, nil)
	if err == nil {
		err = s.check(past)
	}
	if err != nil {
		return Result{}, fmt.Errorf("list at the older revision %d: %w", l.revision, err)
	}
	return Result{Revision: now.revision, Details: fmt.Sprintf("%d keys in %d pages at revision %d", keys, l.pages,
		l.revision)}, nil
}

// count checks counts without keys, and lists of keys without values. KINE includes the values in the latter; a
// client that requests only keys must ignore them, and so does the check.
func count(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	const keys = 12
	counted := func(at int64, want int64) error {
		resp, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly(), clientv3.WithRev(at))
		switch {
		case err != nil:
			return fmt.Errorf("count at revision %d: %w", at, err)
		case resp.Count != want:
			return fmt.Errorf("the count at revision %d is %d, want %d", at, resp.Count, want)
		case len(resp.Kvs) != 0:
			return fmt.Errorf("the count includes %d keys", len(resp.Kvs))
		}
		return nil
	}
	if err := counted(0, 0); err != nil {
		return Result{}, err
	}
	s, err := fill(ctx, c, prefix, keys)
	if err != nil {
		return Result{}, err
	}
	last := prefix + fmt.Sprintf("%03d", keys-1)
	filled := s[last].revision
	deleted, err := accepted(deleteKey(ctx, c, last, filled))
	if err != nil {
		return Result{}, err
	}
	for _, err := range []error{
		counted(0, keys-1), counted(deleted, keys-1), counted(filled, keys), counted(filled-1, keys-1),
	} {
		if err != nil {
			return Result{}, err
		}
	}
	resp, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return Result{}, fmt.Errorf("list of keys only: %w", err)
	}
	if resp.Count != keys-1 || len(resp.Kvs) != keys-1 {
		return Result{}, fmt.Errorf("the list of keys only has %d keys and a count of %d, want %d", len(resp.Kvs),
			resp.Count, keys-1)
	}
	return Result{Revision: deleted, Details: fmt.Sprintf("%d keys, %d after a delete", keys, keys-1)},
		ordered(resp.Kvs)
}

// oddNames returns names that a datastore might misinterpret: separators, wildcards and escapes of NATS subjects, SQL
// and URLs, empty parts, and names that are prefixes of others. Kubernetes itself only needs dots, colons and dashes.
func oddNames() []string {
	names := []string{
		"a", "a.b", "a/b", "a/b/c", "a.b/c", "aa", "A", "a-b", "a_b", "a:b", "a b", " a", "a ",
		"*", "a/*", "a/*/b", ">", "a/>", "a.>", "a.*", "$KV.kine.a", "_INBOX.a",
		"/", "a//b", "a/b/", "a.", ".a", "..", "a/../b",
		"%", "%2F", "a%20b", "?", "#", "&", "'", `"`, "`", `\`, `a\nb`, ";--", "{}", "[]", "\t", "\n", "\x01",
		"ü", "u\u0308", "日本語", "🙂", "\u200b", "\uffff",
		strings.Repeat("n", 253), strings.Repeat("long/", 60) + "end",
	}
	slices.Sort(names)
	return names
}

// keyCharacters checks that no two keys are confused and that keys are ordered by their bytes.
func keyCharacters(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	names := oddNames()
	s := state{}
	var revision int64
	for _, name := range names {
		value := "value of " + name
		var err error
		if revision, err = accepted(createKey(ctx, c, prefix+name, value)); err != nil {
			return Result{}, err
		}
		s[prefix+name] = stored{value, revision}
	}
	for key, want := range s {
		kv, _, err := getKey(ctx, c, key)
		if err == nil {
			err = expectKey(kv, want.value, want.revision)
		}
		if err != nil {
			return Result{}, err
		}
	}
	l, err := list(ctx, c, prefix, 7, 0, nil)
	if err == nil {
		err = s.check(l)
	}
	return Result{Revision: revision, Details: fmt.Sprintf("%d keys", len(names))}, err
}

// largeBytes is the size of the large value. etcd limits objects of Kubernetes to about 1.5 MiB; a Secret or
// ConfigMap is limited to 1 MiB. KINE on NATS stores a value as compressed base64 in a single message, so the
// server's default max_payload of 1 MiB limits incompressible values to about 768 KiB.
const largeBytes = 512 << 10

// largeValue checks that a large value behaves like a small one. The value is random, so it cannot be compressed.
func largeValue(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	value := func() string {
		raw := make([]byte, largeBytes)
		_, _ = rand.Read(raw) // never fails
		return string(raw)
	}
	key, small, large, other := prefix+"key", "small", value(), value()
	first, err := accepted(createKey(ctx, c, key, small))
	if err != nil {
		return Result{}, err
	}
	w, err := openWatch(ctx, c, prefix, first+1)
	if err != nil {
		return Result{}, err
	}
	defer w.close()
	second, err := accepted(updateKey(ctx, c, key, large, first))
	if err != nil {
		return Result{}, err
	}
	third, err := accepted(updateKey(ctx, c, key, other, second))
	if err != nil {
		return Result{}, err
	}
	want := state{key: {other, third}}
	l, err := list(ctx, c, prefix, 0, 0, nil)
	if err == nil {
		err = want.check(l)
	}
	if err != nil {
		return Result{}, err
	}
	kv, _, err := getKey(ctx, c, key)
	if err == nil {
		err = expectKey(kv, other, third)
	}
	if err != nil {
		return Result{}, err
	}
	current, err := refused(updateKey(ctx, c, key, small, first))
	if err == nil {
		err = expectKey(current, other, third)
	}
	if err != nil {
		return Result{}, fmt.Errorf("value returned by a refused update: %w", err)
	}
	return Result{Revision: third, Details: base64Size()}, w.expect(ctx,
		change{key: key, value: large, revision: second, previous: &stored{small, first}},
		change{key: key, value: other, revision: third, previous: &stored{large, second}})
}

func base64Size() string {
	return fmt.Sprintf("%d KiB, %d KiB in base64", largeBytes>>10, base64.StdEncoding.EncodedLen(largeBytes)>>10)
}

// manyKeys checks that many concurrent writes are neither lost nor mixed up.
func manyKeys(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	const keys, page = 200, 64
	seeded, err := Seed(ctx, c, prefix, keys)
	if err != nil {
		return Result{}, err
	}
	s, revisions := state{}, map[int64]string{}
	var last int64
	for key, revision := range seeded {
		if other, taken := revisions[revision]; taken {
			return Result{}, fmt.Errorf("%q and %q were both written at revision %d", key, other, revision)
		}
		revisions[revision] = key
		s[key] = stored{SeedValue(key), revision}
		last = max(last, revision)
	}
	l, err := list(ctx, c, prefix, page, 0, nil)
	if err == nil {
		err = s.check(l)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Revision: last, Details: fmt.Sprintf("%d keys in %d pages", keys, l.pages)}, verify(ctx, c, seeded, 0)
}
