package etcdtest

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// status checks what a health probe and a load balancer ask for, and that the revision goes up with each write.
//
// The header of KINE's status answer has no revision, so revisions are taken from writes and reads.
func status(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	health, err := healthpb.NewHealthClient(c.ActiveConnection()).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return Result{}, fmt.Errorf("health check: %w", err)
	}
	if got := health.GetStatus(); got != healthpb.HealthCheckResponse_SERVING {
		return Result{}, fmt.Errorf("health check answered %s", got)
	}
	var last int64
	for i := range 5 {
		key := fmt.Sprintf("%s%d", prefix, i)
		written, err := accepted(createKey(ctx, c, key, "value"))
		if err != nil {
			return Result{}, err
		}
		if written <= last {
			return Result{}, fmt.Errorf("a write came to revision %d after revision %d had been seen", written, last)
		}
		_, read, err := getKey(ctx, c, key)
		if err != nil {
			return Result{}, err
		}
		if read < written {
			return Result{}, fmt.Errorf("a read came from revision %d after the write at %d", read, written)
		}
		last = read
	}
	// The status call goes to one server, over a connection of its own.
	answer, err := c.Status(ctx, c.Endpoints()[0])
	if err != nil {
		return Result{}, fmt.Errorf("status: %w", err)
	}
	if answer.Version == "" || answer.DbSize <= 0 {
		return Result{}, fmt.Errorf("status answered version %q and a size of %d bytes", answer.Version, answer.DbSize)
	}
	return Result{Revision: last, Details: fmt.Sprintf("etcd %s, %d bytes", answer.Version, answer.DbSize)}, nil
}

// readAtRevision checks reads of the past, which lists and watches of Kubernetes are built on.
//
// KINE keeps as many entries of a key as the bucket's history says, ten by default, a delete counting as two. What is
// older is read as "no such key", where etcd has the value or says that it is compacted. The check stays within a history
// of three: it reads back one revision of a key, and from before a delete.
func readAtRevision(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	before, err := accepted(createKey(ctx, c, prefix+"before", "before"))
	if err != nil {
		return Result{}, err
	}
	key := prefix + "key"
	first, err := accepted(createKey(ctx, c, key, "first"))
	if err != nil {
		return Result{}, err
	}
	second, err := accepted(updateKey(ctx, c, key, "second", first))
	if err != nil {
		return Result{}, err
	}
	gone := prefix + "gone"
	third, err := accepted(createKey(ctx, c, gone, "third"))
	if err != nil {
		return Result{}, err
	}
	deleted, err := accepted(deleteKey(ctx, c, gone, third))
	if err != nil {
		return Result{}, err
	}

	for _, read := range []struct {
		key         string
		at          int64
		value       string
		modRevision int64 // 0: no such key
	}{
		{key, 0, "second", second},
		{key, before, "", 0},
		{key, first, "first", first},
		{key, second, "second", second},
		{key, deleted, "second", second},
		{gone, 0, "", 0},
		{gone, second, "", 0},
		{gone, third, "third", third},
		{gone, deleted, "", 0},
	} {
		kv, header, err := getKey(ctx, c, read.key, clientv3.WithRev(read.at))
		switch {
		case err != nil:
		case header < deleted:
			err = fmt.Errorf("the header says revision %d after the write at %d", header, deleted)
		case read.modRevision == 0 && kv != nil:
			err = fmt.Errorf("%s, want none", describe(kv))
		case read.modRevision != 0:
			err = expectKey(kv, read.value, read.modRevision)
		}
		if err != nil {
			return Result{}, fmt.Errorf("read of %q at revision %d: %w", read.key, read.at, err)
		}
	}

	future := deleted + 1_000_000
	kv, _, err := getKey(ctx, c, key, clientv3.WithRev(future))
	if err == nil {
		err = fmt.Errorf("it returned %s", describe(kv))
	}
	if !errors.Is(err, rpctypes.ErrFutureRev) {
		return Result{}, fmt.Errorf("read at the future revision %d: %w", future, err)
	}
	return Result{Revision: deleted, Details: fmt.Sprintf("read back to revision %d", before)}, nil
}

// compaction compacts up to a write of its own and reads before it.
//
// It runs last, because a compaction is for the whole datastore: lists that others read by pages start over, and KINE's
// watches no longer show the value before a change of a key that was not written since. (The apiserver compacts every
// five minutes, and ends a watch that shows no value before a change.) KINE also leaves the key
// compact_rev_key_apiserver behind, as it does for the apiserver.
//
// In etcd a compaction is in force when it is answered. KINE takes it up a moment later, from a watch of its own: until
// then the read must give the old value.
func compaction(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	first, err := accepted(createKey(ctx, c, key, "first"))
	if err != nil {
		return Result{}, err
	}
	second, err := accepted(updateKey(ctx, c, key, "second", first))
	if err != nil {
		return Result{}, err
	}
	third, err := accepted(updateKey(ctx, c, key, "third", second))
	if err != nil {
		return Result{}, err
	}
	if _, err := c.Compact(ctx, third); err != nil {
		return Result{}, fmt.Errorf("compaction up to revision %d: %w", third, err)
	}
	reads := 0
	for {
		reads++
		kv, _, err := getKey(ctx, c, key, clientv3.WithRev(second))
		if errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
		if err == nil {
			err = expectKey(kv, "second", second)
		}
		if err != nil {
			return Result{}, fmt.Errorf("read at revision %d, compacted up to %d: %w", second, third, err)
		}
	}
	for _, at := range []int64{0, third} {
		kv, _, err := getKey(ctx, c, key, clientv3.WithRev(at))
		if err == nil {
			err = expectKey(kv, "third", third)
		}
		if err != nil {
			return Result{}, fmt.Errorf("read at revision %d, compacted up to %d: %w", at, third, err)
		}
	}
	if err := watchCompacted(ctx, c, key, first); err != nil {
		return Result{}, fmt.Errorf("watch from revision %d, compacted up to %d: %w", first, third, err)
	}
	return Result{Revision: third, Details: fmt.Sprintf("up to %d, refused from read %d on", third, reads)}, nil
}

// watchCompacted checks that a watch from a compacted revision ends with the revision to start from instead.
func watchCompacted(ctx context.Context, c *clientv3.Client, key string, from int64) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case resp, open := <-c.Watch(ctx, key, clientv3.WithRev(from)):
		switch {
		case !open:
			return errors.New("it ended without a word")
		case resp.CompactRevision > from:
			return nil
		case resp.Err() != nil:
			return resp.Err()
		}
		return fmt.Errorf("it began, with %d events", len(resp.Events))
	}
}
