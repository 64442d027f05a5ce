package etcdtest

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// status checks what health probes and load balancers request, and that the revision increases with each write.
//
// The header of KINE's status response has no revision, so revisions are taken from writes and reads.
func status(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	health, err := healthpb.NewHealthClient(c.ActiveConnection()).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return Result{}, fmt.Errorf("health check: %w", err)
	}
	if got := health.GetStatus(); got != healthpb.HealthCheckResponse_SERVING {
		return Result{}, fmt.Errorf("health check returned %s", got)
	}
	var last int64
	for i := range 5 {
		key := fmt.Sprintf("%s%d", prefix, i)
		written, err := accepted(createKey(ctx, c, key, "value"))
		if err != nil {
			return Result{}, err
		}
		if written <= last {
			return Result{}, fmt.Errorf("a write has revision %d, but revision %d was seen before", written, last)
		}
		_, read, err := getKey(ctx, c, key)
		if err != nil {
			return Result{}, err
		}
		if read < written {
			return Result{}, fmt.Errorf("a read returned revision %d after the write at %d", read, written)
		}
		last = read
	}
	// The status call uses a separate connection to one server.
	answer, err := c.Status(ctx, c.Endpoints()[0])
	if err != nil {
		return Result{}, fmt.Errorf("status: %w", err)
	}
	if answer.Version == "" || answer.DbSize <= 0 {
		return Result{}, fmt.Errorf("status returned version %q and a size of %d bytes", answer.Version, answer.DbSize)
	}
	return Result{Revision: last, Details: fmt.Sprintf("etcd %s, %d bytes", answer.Version, answer.DbSize)}, nil
}

// readAtRevision checks reads of older revisions, on which lists and watches of Kubernetes are based.
//
// KINE keeps as many entries of a key as the bucket's history allows, ten by default, and a delete takes two. Older
// entries are read as "no such key", whereas etcd returns the value or reports that the revision is compacted. The
// check needs a history of three: it reads one older revision of a key, and one from before a delete.
func readAtRevision(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	before, err := accepted(createKey(ctx, c, prefix+"before", "before"))
	if err != nil {
		return Result{}, err
	}
	key := prefix + "key"
	first, second, err := createAndUpdate(ctx, c, key)
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
			err = fmt.Errorf("the header has revision %d after the write at %d", header, deleted)
		case read.modRevision == 0 && kv != nil:
			err = fmt.Errorf("%s, want no such key", describe(kv))
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

// compaction compacts up to one of its own writes and reads an older revision.
//
// It runs last because a compaction affects the whole datastore: paged lists of other clients start over, and KINE's
// watches no longer include the previous value in the event of a key that has not been written since. (The apiserver
// compacts every five minutes, and ends a watch when an event has no previous value.) KINE also leaves the key
// compact_rev_key_apiserver behind, as it does for the apiserver.
//
// In etcd a compaction is effective when the request returns. KINE applies it a moment later, from a watch of its
// own; until then, the read must return the old value.
func compaction(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
	key := prefix + "key"
	first, second, err := createAndUpdate(ctx, c, key)
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
	return Result{Revision: third, Details: fmt.Sprintf("up to %d, first refused at read %d", third, reads)}, nil
}

// watchCompacted checks that a watch from a compacted revision ends and returns the compact revision.
func watchCompacted(ctx context.Context, c *clientv3.Client, key string, from int64) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case resp, open := <-c.Watch(ctx, key, clientv3.WithRev(from)):
		switch {
		case !open:
			return errors.New("it ended without an error")
		case resp.CompactRevision > from:
			return nil
		case resp.Err() != nil:
			return resp.Err()
		}
		return fmt.Errorf("it started, with %d events", len(resp.Events))
	}
}
