package etcdtest

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

const (
	cleanPage = 500 // keys per list request
	cleanJobs = 16  // concurrent deletes
)

// outcome is the outcome of a guarded transaction.
type outcome struct {
	what, key string
	done      bool
	revision  int64            // from the header: the revision of the write if done is true
	current   *mvccpb.KeyValue // the key as returned if the guard fails; nil if absent or not requested
}

// createKey creates a key that must not exist, like the apiserver (staging/src/k8s.io/apiserver/pkg/storage/etcd3).
func createKey(ctx context.Context, c *clientv3.Client, key, value string, opts ...clientv3.OpOption) (outcome, error) {
	resp, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value, opts...)).
		Commit()
	return result("create", key, resp, err)
}

// updateKey replaces the value of a key if the key is still at a revision, and otherwise returns the key. At revision
// 0 it creates the key.
func updateKey(ctx context.Context, c *clientv3.Client, key, value string, revision int64) (outcome, error) {
	resp, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, value)).
		Else(clientv3.OpGet(key)).
		Commit()
	return result("update", key, resp, err)
}

// createAndUpdate writes a key twice, with the values "first" and "second", and returns both revisions.
func createAndUpdate(ctx context.Context, c *clientv3.Client, key string) (first, second int64, err error) {
	if first, err = accepted(createKey(ctx, c, key, "first")); err != nil {
		return 0, 0, err
	}
	second, err = accepted(updateKey(ctx, c, key, "second", first))
	return first, second, err
}

// deleteKey deletes a key if it is still at a revision, and otherwise returns the key.
func deleteKey(ctx context.Context, c *clientv3.Client, key string, revision int64) (outcome, error) {
	resp, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpDelete(key)).
		Else(clientv3.OpGet(key)).
		Commit()
	return result("delete", key, resp, err)
}

func result(what, key string, resp *clientv3.TxnResponse, err error) (outcome, error) {
	if err != nil {
		return outcome{}, fmt.Errorf("%s of %q: %w", what, key, err)
	}
	o := outcome{what: what, key: key, done: resp.Succeeded, revision: resp.Header.GetRevision()}
	if o.done {
		return o, nil
	}
	for _, r := range resp.Responses {
		if kvs := r.GetResponseRange().GetKvs(); len(kvs) > 0 {
			o.current = kvs[0]
		}
	}
	return o, nil
}

// accepted returns the revision of a write that the datastore must accept.
func accepted(o outcome, err error) (int64, error) {
	switch {
	case err != nil:
		return 0, err
	case !o.done:
		return 0, fmt.Errorf("%s of %q was refused, the datastore contains %s", o.what, o.key, describe(o.current))
	case o.revision <= 0:
		return 0, fmt.Errorf("%s of %q succeeded at revision %d", o.what, o.key, o.revision)
	}
	return o.revision, nil
}

// refused returns the key that the datastore returned for a write that it must refuse.
func refused(o outcome, err error) (*mvccpb.KeyValue, error) {
	if err == nil && o.done {
		err = fmt.Errorf("%s of %q was accepted at revision %d", o.what, o.key, o.revision)
	}
	return o.current, err
}

// getKey reads a key and returns it, or nil if it does not exist, with the revision in the header.
func getKey(
	ctx context.Context, c *clientv3.Client, key string, opts ...clientv3.OpOption,
) (*mvccpb.KeyValue, int64, error) {
	resp, err := c.Get(ctx, key, opts...)
	if err != nil {
		return nil, 0, fmt.Errorf("read of %q: %w", key, err)
	}
	switch len(resp.Kvs) {
	case 0:
		return nil, resp.Header.GetRevision(), nil
	case 1:
		if string(resp.Kvs[0].Key) == key {
			return resp.Kvs[0], resp.Header.GetRevision(), nil
		}
	}
	return nil, 0, fmt.Errorf("read of %q returned %d keys, the first one is %s", key, len(resp.Kvs),
		describe(resp.Kvs[0]))
}

// expectKey checks the value and the modification revision of a key.
func expectKey(kv *mvccpb.KeyValue, value string, revision int64) error {
	if kv == nil || string(kv.Value) != value || kv.ModRevision != revision {
		return fmt.Errorf("%s, want %s at revision %d", describe(kv), brief(value), revision)
	}
	return nil
}

// expectNoKey checks that a key does not exist.
func expectNoKey(ctx context.Context, c *clientv3.Client, key string) error {
	kv, _, err := getKey(ctx, c, key)
	if err == nil && kv != nil {
		err = fmt.Errorf("the key still exists: %s", describe(kv))
	}
	return err
}

// describe formats a key with its value and revision for an error.
func describe(kv *mvccpb.KeyValue) string {
	if kv == nil {
		return "no such key"
	}
	return fmt.Sprintf("%q = %s at revision %d (created at %d)", kv.Key, brief(string(kv.Value)), kv.ModRevision,
		kv.CreateRevision)
}

// brief quotes a value, or its beginning with its length.
func brief(value string) string {
	if len(value) > 40 {
		return fmt.Sprintf("%q... (%d bytes)", value[:40], len(value))
	}
	return fmt.Sprintf("%q", value)
}

// Clean deletes all keys below a prefix with guarded deletes. It fails if one of them changes at the same time.
func Clean(ctx context.Context, c *clientv3.Client, prefix string) error {
	for {
		resp, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithLimit(cleanPage))
		if err != nil {
			return fmt.Errorf("unable to list the keys below %q to remove: %w", prefix, err)
		}
		if len(resp.Kvs) == 0 {
			return nil
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(cleanJobs)
		for _, kv := range resp.Kvs {
			group.Go(func() error {
				o, err := deleteKey(ctx, c, string(kv.Key), kv.ModRevision)
				if err == nil && !o.done && o.current != nil {
					err = errors.New("it changed at the same time: " + describe(o.current))
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return fmt.Errorf("unable to remove the keys below %q: %w", prefix, err)
		}
	}
}
