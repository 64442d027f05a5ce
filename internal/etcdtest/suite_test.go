package etcdtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	endpoint := startEtcd(t)
	c := dialTest(t, endpoint)
	ok(t)(createKey(t.Context(), c, "/registry/pods/default/mine", "before"))

	results := Suite(t.Context(), endpoint)
	if failed := Failed(results); len(failed) > 0 || len(results) != len(Checks()) {
		t.Fatalf("%d results, failed: %v", len(results), failed)
	}
	for i, r := range results {
		if r.Check != Checks()[i].Name || r.Revision <= 0 || r.Duration <= 0 || r.Details == "" || r.Deviations != "" {
			t.Errorf("result %d is incomplete: %+v", i, r)
		}
	}
	resp, err := c.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != "before" {
		t.Errorf("the suite left behind %v", resp.Kvs)
	}
}

func TestSuiteWithoutEndpoint(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	results := Suite(ctx, "http://127.0.0.1:1")
	if len(results) != 1 || results[0].Check != "connect" || results[0].Err == nil {
		t.Errorf("got %+v", results)
	}
}

func TestWriteTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := WriteTable(&b, []Result{
		{Check: "create", Revision: 12, Duration: 3 * time.Millisecond, Details: "well"},
		{Check: "a-longer-name", Revision: 1234, Duration: time.Second, Details: "almost", Deviations: "2 conflicts returned as errors"},
		{Check: "lease", Err: errors.New("it never ends")},
	}); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"CHECK          REVISION  TIME  RESULT\n" +
		"create         12        3ms   well\n" +
		"a-longer-name  1234      1s    almost; deviations: 2 conflicts returned as errors\n" +
		"lease          0         0s    FAILED: it never ends\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestNewPrefix(t *testing.T) {
	t.Parallel()
	a, b := NewPrefix(), NewPrefix()
	if a == b || !strings.HasPrefix(a, "/registry/etcdtest-") || !strings.HasSuffix(a, "/") {
		t.Errorf("%q and %q", a, b)
	}
}
