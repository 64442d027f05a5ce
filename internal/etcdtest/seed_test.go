package etcdtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestHelpers runs the tests of Clean, Seed, VerifyAll and Do against one etcd.
func TestHelpers(t *testing.T) { //nolint:tparallel // one etcd, and the second seed needs the first
	t.Parallel()
	c := dialTest(t, startEtcd(t))
	for _, test := range []struct {
		name string
		run  func(*testing.T, *clientv3.Client)
	}{
		{"Clean", testClean},
		{"SeedRefusesExistingKeys", testSeedRefusesExistingKeys},
		{"VerifyAllFindsLoss", testVerifyAllFindsLoss},
		{"VerifyAllWaits", testVerifyAllWaits},
		{"DoCleansUpAfterFailure", testDoCleansUpAfterFailure},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c) })
	}
}

// testClean checks that Clean deletes the keys below the prefix, in several pages, and no others.
func testClean(t *testing.T, c *clientv3.Client) {
	t.Helper()
	prefix := NewPrefix()
	if _, err := Seed(t.Context(), c, prefix+"in/", cleanPage+10); err != nil {
		t.Fatal(err)
	}
	outside, err := Seed(t.Context(), c, prefix+"out/", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := Clean(t.Context(), c, prefix+"in/"); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || resp.Count != 3 {
		t.Errorf("keys left: %v, %v", resp, err)
	}
	if err := VerifyAll(t.Context(), c, outside); err != nil {
		t.Error(err)
	}
}

func testSeedRefusesExistingKeys(t *testing.T, c *clientv3.Client) {
	t.Helper()
	prefix := NewPrefix()
	if _, err := Seed(t.Context(), c, prefix, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := Seed(t.Context(), c, prefix, 2); err == nil || !strings.Contains(err.Error(), "was refused") {
		t.Errorf("a second seed: %v", err)
	}
}

// testVerifyAllFindsLoss changes a datastore in each way that VerifyAll must detect.
func testVerifyAllFindsLoss(t *testing.T, c *clientv3.Client) {
	t.Helper()
	ctx := t.Context()
	for _, loss := range []struct {
		name, want string
		do         func(key string, revision int64)
	}{
		{"deleted", "no such key", func(key string, revision int64) { ok(t)(deleteKey(ctx, c, key, revision)) }},
		{"another value", "want", func(key string, revision int64) { ok(t)(updateKey(ctx, c, key, "other", revision)) }},
		{"another revision", "at revision", func(key string, revision int64) {
			ok(t)(updateKey(ctx, c, key, SeedValue(key), revision))
		}},
		{"created anew", "at revision", func(key string, revision int64) {
			ok(t)(deleteKey(ctx, c, key, revision))
			ok(t)(createKey(ctx, c, key, SeedValue(key)))
		}},
	} {
		seeded, err := Seed(ctx, c, NewPrefix(), 20)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(ctx, c, seeded, 0); err != nil {
			t.Fatal(err)
		}
		for key, revision := range seeded {
			loss.do(key, revision)
			break
		}
		err = verify(ctx, c, seeded, 0)
		if err == nil || !strings.Contains(err.Error(), "1 of 20 keys") || !strings.Contains(err.Error(), loss.want) {
			t.Errorf("%s: %v", loss.name, err)
		}
	}
}

// testVerifyAllWaits checks that a key that becomes correct after a moment is not reported as lost.
func testVerifyAllWaits(t *testing.T, c *clientv3.Client) {
	t.Helper()
	prefix := NewPrefix()
	next, err := accepted(createKey(t.Context(), c, prefix+"mark", "value"))
	if err != nil {
		t.Fatal(err)
	}
	key := prefix + "late"
	verified := make(chan error, 1)
	// A busy machine may take longer than VerifyAll waits.
	go func() { verified <- verify(t.Context(), c, map[string]int64{key: next + 1}, time.Minute) }()
	select {
	case err := <-verified:
		t.Fatalf("did not wait for a missing key: %v", err)
	case <-time.After(soon):
	}
	ok(t)(createKey(t.Context(), c, key, SeedValue(key)))
	if err := <-verified; err != nil {
		t.Error(err)
	}
}

func testDoCleansUpAfterFailure(t *testing.T, c *clientv3.Client) {
	t.Helper()
	prefix := NewPrefix()
	r := Check{Name: "failing", Run: func(ctx context.Context, c *clientv3.Client, prefix string) (Result, error) {
		_, err := accepted(createKey(ctx, c, prefix+"left", "value"))
		return Result{Revision: 7}, errors.Join(err, errors.New("wrong"))
	}}.Do(t.Context(), c, prefix)
	if r.Check != "failing" || r.Revision != 7 || r.Err == nil || r.Err.Error() != "wrong" {
		t.Errorf("got %+v", r)
	}
	if kv, _, err := getKey(t.Context(), c, prefix+"left"); err != nil || kv != nil {
		t.Errorf("a failed check left behind %s, %v", describe(kv), err)
	}
}
