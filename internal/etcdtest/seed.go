package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

const (
	seedJobs = 16 // concurrent writes
	// reported is the maximum number of wrong keys in an error.
	reported = 5
)

// SeedValue returns the value that Seed and Writer store under a key. It only depends on the key, so it can be
// checked anywhere.
func SeedValue(key string) string {
	return "value of " + key + strings.Repeat(".", len(key)%64)
}

// Seed creates n new keys below prefix, several at a time, and returns the revision of each. Use Clean to remove them
// from a datastore that stays in use.
func Seed(ctx context.Context, client *clientv3.Client, prefix string, n int) (map[string]int64, error) {
	var mu sync.Mutex
	seeded := make(map[string]int64, n)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(seedJobs)
	for i := range n {
		group.Go(func() error {
			key := fmt.Sprintf("%sseed-%06d", prefix, i)
			revision, err := accepted(createKey(gctx, client, key, SeedValue(key)))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			seeded[key] = revision
			return nil
		})
	}
	return seeded, group.Wait()
}

// VerifyAll reads every key and returns an error that lists some of the keys that are missing or have a different
// value, revision or create revision. It reads the keys one by one instead of as a list, so that it uses both the
// index and the values of a datastore.
//
// VerifyAll detects loss, not lag: it reads a wrong key again for up to two seconds, see Replicated.
func VerifyAll(ctx context.Context, client *clientv3.Client, seeded map[string]int64) error {
	return verify(ctx, client, seeded, settleTime)
}

// settleTime is much longer than the lag of a replica.
const settleTime = 2 * time.Second

func verify(ctx context.Context, c *clientv3.Client, seeded map[string]int64, patience time.Duration) error {
	var mu sync.Mutex
	var wrong []error
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(seedJobs)
	for _, key := range slices.Sorted(maps.Keys(seeded)) {
		group.Go(func() error {
			wrongKey, err := verifyKey(gctx, c, key, seeded[key], patience)
			if err == nil && wrongKey != nil {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, wrongKey)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("unable to verify %d keys: %w", len(seeded), err)
	}
	if n := len(wrong); n > 0 {
		return fmt.Errorf("%d of %d keys differ from what was written: %w", n, len(seeded),
			errors.Join(wrong[:min(n, reported)]...))
	}
	return nil
}

// verifyKey returns what is still wrong with the key after patience, or an error if the key cannot be read.
func verifyKey(
	ctx context.Context, c *clientv3.Client, key string, revision int64, patience time.Duration,
) (wrong, err error) {
	for start := time.Now(); ; {
		kv, _, err := getKey(ctx, c, key)
		if err != nil {
			return nil, err
		}
		wrong := expectKey(kv, SeedValue(key), revision)
		if wrong == nil && kv.CreateRevision != revision {
			wrong = fmt.Errorf("%s, want it created at %d", describe(kv), revision)
		}
		if wrong == nil {
			return nil, nil
		}
		if time.Since(start) >= patience {
			return fmt.Errorf("%q: %w", key, wrong), nil
		}
	}
}
