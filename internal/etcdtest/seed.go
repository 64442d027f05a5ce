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
	seedJobs = 16 // writes at a time
	// reported is how many wrong keys an error names.
	reported = 5
)

// SeedValue is the value that Seed and Writer give a key: it depends on the key alone, so that it can be checked
// wherever the key turns up.
func SeedValue(key string) string {
	return "value of " + key + strings.Repeat(".", len(key)%64)
}

// Seed creates n keys below prefix, several at a time, and returns the revision of each. They must not exist. Whoever
// seeds a datastore that goes on being used removes the keys with Clean.
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

// VerifyAll reads each key and returns an error that names those that are missing or differ in value, revision or
// revision of creation, a few of them at most. It reads the keys one by one and not as a list, so that a datastore's
// index and its contents are both asked.
//
// What it is after is loss, not lag: a key that is not right is read again for up to two seconds, see Replicated.
func VerifyAll(ctx context.Context, client *clientv3.Client, seeded map[string]int64) error {
	return verify(ctx, client, seeded, settleTime)
}

// settleTime is far above what a replica lags behind, and far below what a person takes for lost.
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
		return fmt.Errorf("%d of %d keys are not as they were written: %w", n, len(seeded), errors.Join(wrong[:min(n, reported)]...))
	}
	return nil
}

// verifyKey returns what is wrong with the key when patience is over, and an error if it cannot be read.
func verifyKey(ctx context.Context, c *clientv3.Client, key string, revision int64, patience time.Duration) (wrong, err error) {
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
