package etcdtest

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

// create checks that a key can be created only once. It ignores the revision in the header of a refused create: etcd
// returns the revision of the datastore, KINE that of the existing key.
func create(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	revision, err := accepted(createKey(ctx, c, key, "first"))
	if err != nil {
		return Result{}, err
	}
	unchanged := func() error {
		kv, header, err := getKey(ctx, c, key)
		switch {
		case err != nil:
			return err
		case kv != nil && kv.CreateRevision != revision:
			return fmt.Errorf("%s, want it created at %d", describe(kv), revision)
		case header < revision:
			return fmt.Errorf("a read after the write at %d returned revision %d", revision, header)
		}
		return expectKey(kv, "first", revision)
	}
	if err := unchanged(); err != nil {
		return Result{}, err
	}

	if _, err := refused(createKey(ctx, c, key, "second")); err != nil {
		return Result{}, err
	}
	// The second form of a create: the apiserver also requests the existing key.
	current, err := refused(updateKey(ctx, c, key, "third", 0))
	if err != nil {
		return Result{}, err
	}
	if err := expectKey(current, "first", revision); err != nil {
		return Result{}, fmt.Errorf("a refused create returned %w", err)
	}
	if err := unchanged(); err != nil {
		return Result{}, fmt.Errorf("after refused creates: %w", err)
	}
	return Result{Revision: revision, Details: "second create refused in both forms"}, nil
}

// guardedUpdate checks optimistic locking, on which every write of Kubernetes relies.
func guardedUpdate(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	first, second, err := createAndUpdate(ctx, c, key)
	if err != nil {
		return Result{}, err
	}
	if second <= first {
		return Result{}, fmt.Errorf("an update of revision %d has revision %d", first, second)
	}
	for _, wrong := range []int64{0, first, second + 1_000_000} {
		current, err := refused(updateKey(ctx, c, key, "wrong", wrong))
		if err == nil {
			err = expectKey(current, "second", second)
		}
		if err != nil {
			return Result{}, fmt.Errorf("update at revision %d of a key at %d: %w", wrong, second, err)
		}
	}
	kv, _, err := getKey(ctx, c, key)
	if err == nil {
		err = expectKey(kv, "second", second)
	}
	if err == nil && kv.CreateRevision != first {
		err = fmt.Errorf("%s, want it created at %d", describe(kv), first)
	}
	if err != nil {
		return Result{}, fmt.Errorf("after refused updates: %w", err)
	}

	absent := prefix + "absent"
	current, err := refused(updateKey(ctx, c, absent, "wrong", second))
	if err == nil && current != nil {
		err = fmt.Errorf("update of an absent key returned %s", describe(current))
	}
	if err != nil {
		return Result{}, err
	}
	third, err := accepted(updateKey(ctx, c, absent, "made", 0))
	if err != nil {
		return Result{}, fmt.Errorf("an update at revision 0 creates the key: %w", err)
	}
	return Result{Revision: third, Details: fmt.Sprintf("revision %d to %d, four wrong revisions refused", first,
		second)}, nil
}

// guardedDelete checks that a delete requires the correct revision, and the state of the key after the delete.
//
// A delete takes one revision in etcd and two in KINE, which stores a marker after the tombstone. Revisions of
// consecutive writes are therefore compared, never counted.
func guardedDelete(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	first, second, err := createAndUpdate(ctx, c, key)
	if err != nil {
		return Result{}, err
	}
	current, err := refused(deleteKey(ctx, c, key, first))
	if err == nil {
		err = expectKey(current, "second", second)
	}
	if err != nil {
		return Result{}, fmt.Errorf("delete at revision %d of a key at %d: %w", first, second, err)
	}
	deleted, err := accepted(deleteKey(ctx, c, key, second))
	if err != nil {
		return Result{}, err
	}
	if deleted <= second {
		return Result{}, fmt.Errorf("a delete of revision %d has revision %d", second, deleted)
	}
	if err := expectNoKey(ctx, c, key); err != nil {
		return Result{}, fmt.Errorf("after the delete at revision %d: %w", deleted, err)
	}
	for _, again := range []int64{second, deleted} {
		current, err := refused(deleteKey(ctx, c, key, again))
		if err == nil && current != nil {
			err = fmt.Errorf("it returned %s", describe(current))
		}
		if err != nil {
			return Result{}, fmt.Errorf("delete at revision %d of a deleted key: %w", again, err)
		}
	}
	if _, err := refused(updateKey(ctx, c, key, "wrong", second)); err != nil {
		return Result{}, fmt.Errorf("after a delete: %w", err)
	}

	again, err := accepted(createKey(ctx, c, key, "third"))
	if err != nil {
		return Result{}, fmt.Errorf("after a delete: %w", err)
	}
	kv, _, err := getKey(ctx, c, key)
	if err == nil {
		err = expectKey(kv, "third", again)
	}
	if err == nil && (kv.CreateRevision != again || again <= deleted) {
		err = fmt.Errorf("%s, want it created again after %d", describe(kv), deleted)
	}
	if err != nil {
		return Result{}, fmt.Errorf("a key created after a delete: %w", err)
	}
	return Result{Revision: again, Details: fmt.Sprintf("deleted at %d, created again at %d", deleted, again)}, nil
}

const (
	conflictWriters = 8
	conflictRounds  = 6
)

// writeConflict lets several writers update one key at the same revision, in several rounds: one of them wins, and
// the others receive the winner's value. The writers then increment a counter together, like controllers, by reading
// and retrying.
func writeConflict(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	revision, err := accepted(createKey(ctx, c, key, "start"))
	if err != nil {
		return Result{}, err
	}
	for round := range conflictRounds {
		if revision, err = conflictRound(ctx, c, key, round, revision); err != nil {
			return Result{}, fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	retries, err := countTogether(ctx, c, prefix+"counter")
	if err != nil {
		return Result{}, err
	}
	return Result{
		Revision: revision,
		Details: fmt.Sprintf("%d writers, one winner in each of %d rounds; %d increments after %d conflicts",
			conflictWriters, conflictRounds, conflictWriters*conflictRounds, retries),
	}, nil
}

// conflictRound returns the revision of the single winner.
func conflictRound(ctx context.Context, c *clientv3.Client, key string, round int, revision int64) (int64, error) {
	outcomes := make([]outcome, conflictWriters)
	value := func(writer int) string { return fmt.Sprintf("round %d writer %d", round, writer) }
	group, gctx := errgroup.WithContext(ctx)
	start := make(chan struct{})
	for writer := range outcomes {
		group.Go(func() (err error) {
			<-start
			outcomes[writer], err = updateKey(gctx, c, key, value(writer), revision)
			return err
		})
	}
	close(start)
	if err := group.Wait(); err != nil {
		return 0, err
	}
	winner := -1
	for writer, o := range outcomes {
		if !o.done {
			continue
		}
		if winner >= 0 {
			return 0, fmt.Errorf("two updates of revision %d were accepted, at %d and %d", revision,
				outcomes[winner].revision, o.revision)
		}
		winner = writer
	}
	if winner < 0 {
		return 0, fmt.Errorf("none of %d updates of revision %d was accepted", conflictWriters, revision)
	}
	won := outcomes[winner].revision
	for _, o := range outcomes {
		if o.done {
			continue
		}
		if err := expectKey(o.current, value(winner), won); err != nil {
			return 0, fmt.Errorf("a refused update returned %w", err)
		}
	}
	kv, _, err := getKey(ctx, c, key)
	if err != nil {
		return 0, err
	}
	return won, expectKey(kv, value(winner), won)
}

// countTogether returns the number of increments that had to be retried.
func countTogether(ctx context.Context, c *clientv3.Client, key string) (int, error) {
	if _, err := accepted(createKey(ctx, c, key, "0")); err != nil {
		return 0, err
	}
	var mu sync.Mutex
	retries := 0
	revisions := map[int64]bool{}
	group, gctx := errgroup.WithContext(ctx)
	for range conflictWriters {
		group.Go(func() error {
			kv, _, err := getKey(gctx, c, key)
			for done := 0; done < conflictRounds; {
				if err != nil {
					return err
				}
				var o outcome
				if o, kv, err = increment(gctx, c, key, kv); err != nil {
					return err
				}
				mu.Lock()
				switch {
				case !o.done:
					retries++
				case revisions[o.revision]:
					err = fmt.Errorf("two updates were accepted at revision %d", o.revision)
				default:
					revisions[o.revision] = true
					done++
				}
				mu.Unlock()
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	kv, _, err := getKey(ctx, c, key)
	if want := strconv.Itoa(conflictWriters * conflictRounds); err == nil && (kv == nil || string(kv.Value) != want) {
		err = fmt.Errorf("%s increments resulted in %s", want, describe(kv))
	}
	return retries, err
}

// increment tries to increment the number in kv, and returns the key as stored afterwards.
func increment(
	ctx context.Context, c *clientv3.Client, key string, kv *mvccpb.KeyValue,
) (outcome, *mvccpb.KeyValue, error) {
	if kv == nil {
		return outcome{}, nil, fmt.Errorf("%q no longer exists", key)
	}
	n, err := strconv.Atoi(string(kv.Value))
	if err != nil {
		return outcome{}, nil, fmt.Errorf("%s: %w", describe(kv), err)
	}
	value := strconv.Itoa(n + 1)
	o, err := updateKey(ctx, c, key, value, kv.ModRevision)
	if o.done {
		return o, &mvccpb.KeyValue{Key: kv.Key, Value: []byte(value), ModRevision: o.revision}, err
	}
	return o, o.current, err
}
