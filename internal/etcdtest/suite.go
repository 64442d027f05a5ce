// Package etcdtest checks that an endpoint implements etcd v3 as the Kubernetes apiserver needs it.
//
// The checks are independent of the implementation. They only send the transactions that Kubernetes sends because
// datastores such as KINE do not accept others: a put guarded by the key's modification revision, with or without a
// read of the key if the guard fails; a guarded delete with such a read; and no unguarded delete. Each check uses its
// own prefix and deletes the keys that it has written, so the datastore contains the same keys afterwards.
//
// [Run] runs each check as a subtest; [Suite] returns the results for a report. [Seed], [VerifyAll] and [Writer] are
// for tests of changes to the underlying datastore: a move, a promotion, a restart.
//
// If KINE is known to differ from etcd, the affected check documents the difference and what it requires instead. No
// check repeats a request silently: repeated requests are counted and reported, see [Replicated].
package etcdtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"
	"text/tabwriter"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const (
	// checkTimeout limits a check, and separately the removal of its keys. The longest check waits about three
	// seconds for a lease to expire.
	checkTimeout = 30 * time.Second
	// dialTimeout limits the first request to the endpoint.
	dialTimeout = 10 * time.Second
	// maxMessageSize is the client's limit for one message. A list without a limit is a single message.
	maxMessageSize = 1 << 30
)

// Result is the result of one check.
type Result struct {
	// Check is the name of the check.
	Check string
	// Revision is the revision of the datastore that the check has reached, or zero.
	Revision int64
	// Details is a short description of what was measured.
	Details string
	// Deviations lists the differences from etcd that an Option permits. It is empty if there were none.
	Deviations string
	// Duration is the duration of the check, including the removal of its keys.
	Duration time.Duration
	// Err describes what is wrong. It is nil if the check passed.
	Err error
}

// Check checks one property of etcd that Kubernetes needs.
type Check struct {
	// Name is a short, stable name, for example "create" or "guarded-update".
	Name string
	// Promise describes in one sentence what holds if the check passes.
	Promise string
	// Run runs the check with keys below prefix, which ends with a slash. It sets Revision and Details of the result.
	Run func(ctx context.Context, client *clientv3.Client, prefix string) (Result, error)
}

// Checks returns all checks in the order in which they run.
//
// The last check compacts the datastore, which affects keys outside its prefix. The suite must therefore not run on a
// datastore that a cluster uses. KINE passes it on a bucket with one replica and a history of ten or more. For more
// replicas, see [Replicated]; for a history of four or more, see [ShortHistory].
func Checks() []Check {
	return []Check{
		{"status", "the endpoint is healthy, reports its version and size, and its revision does not decrease", status},
		{"create", "a key is created only once; a second create is refused and has no effect", create},
		{"guarded-update",
			"an update with the correct revision succeeds; any other is refused and returns the current value", guardedUpdate},
		{"guarded-delete",
			"a delete with the correct revision succeeds; any other is refused; a deleted key can be created again",
			guardedDelete},
		{"read-at-revision",
			"a key can be read at the current and at an older revision; a future revision is an error", readAtRevision},
		{"list-pages", "a list in pages shows a single revision, even with writes between the pages", listPages},
		{"count", "a count equals the number of keys, now and at an older revision", count},
		{"key-characters", "keys can contain any character, stay distinct and are listed in order", keyCharacters},
		{"large-value", "a value of 512 KiB is stored, updated, listed and watched unchanged", largeValue},
		{"many-keys", "hundreds of keys written concurrently are all listed with the revision of their write",
			manyKeys},
		{"write-conflict", "exactly one of several concurrent writes to a revision of a key wins", writeConflict},
		{"watch", "a watch shows each change of its keys once, in order, with the previous value", watchLive},
		{"watch-from-revision",
			"a watch from an older revision shows all changes since then and continues with new ones", watchReplay},
		{"watch-progress", "a watch reports its progress on request", watchProgress},
		{"lease", "a key with a lease is deleted when the lease expires, and a watch shows the delete", lease},
		{"compaction", "a compaction is accepted, and older revisions are then refused", compaction},
	}
}

// Option changes which deviations Run and Suite permit.
type Option func(*options)

// options holds what creates the session of a check that records the permitted deviations, or nil.
type options struct{ deviations func() *session }

// Run runs every check against an etcd endpoint as a subtest.
func Run(t *testing.T, endpoint string, opts ...Option) {
	t.Helper()
	s, err := newSuite(t.Context(), endpoint, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for _, check := range Checks() {
		t.Run(check.Name, func(t *testing.T) {
			r := s.do(t.Context(), check)
			if r.Err != nil {
				t.Fatalf("%s: %v", check.Promise, r.Err)
			}
			t.Logf("revision %d, %s: %s", r.Revision, r.Duration.Round(time.Millisecond), r.text())
		})
	}
}

// Suite runs every check against an etcd endpoint and returns one result per check. If the endpoint cannot be
// reached, it returns a single result, "connect". When ctx ends, the remaining checks fail with its error.
func Suite(ctx context.Context, endpoint string, opts ...Option) []Result {
	start := time.Now()
	s, err := newSuite(ctx, endpoint, opts)
	if err != nil {
		return []Result{{Check: "connect", Duration: time.Since(start), Err: err}}
	}
	defer s.close()
	var results []Result
	for _, check := range Checks() {
		results = append(results, s.do(ctx, check))
	}
	return results
}

// suite is one run of the checks.
type suite struct {
	client  *clientv3.Client
	prefix  string
	options options
}

func newSuite(ctx context.Context, endpoint string, opts []Option) (*suite, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	// The interceptor does nothing outside of a session.
	client, err := dial(ctx, endpoint, grpc.WithChainUnaryInterceptor(sessionInterceptor))
	if err != nil {
		return nil, err
	}
	return &suite{client: client, prefix: NewPrefix(), options: o}, nil
}

func (s *suite) close() { _ = s.client.Close() }

func (s *suite) do(ctx context.Context, check Check) Result {
	if s.options.deviations == nil {
		return check.Do(ctx, s.client, s.prefix+check.Name+"/")
	}
	session := s.options.deviations()
	r := check.Do(session.context(ctx), s.client, s.prefix+check.Name+"/")
	r.Deviations = session.String()
	return r
}

// Do runs the check, deletes its keys below prefix, and fills in the result. It is an error if the keys cannot be
// deleted.
func (c Check) Do(ctx context.Context, client *clientv3.Client, prefix string) Result {
	start := time.Now()
	run, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	r, err := c.Run(run, client, prefix)

	clean, done := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer done()
	r.Err = errors.Join(err, Clean(clean, client, prefix))
	r.Check, r.Duration = c.Name, time.Since(start)
	return r
}

// text returns the result as one line.
func (r Result) text() string {
	if r.Err != nil {
		return "FAILED: " + r.Err.Error()
	}
	if r.Deviations != "" {
		return r.Details + "; deviations: " + r.Deviations
	}
	return r.Details
}

// Failed returns the results of the checks that failed.
func Failed(results []Result) []Result {
	var failed []Result
	for _, r := range results {
		if r.Err != nil {
			failed = append(failed, r)
		}
	}
	return failed
}

// WriteTable writes the results as a human-readable table with the columns check, revision, time and result.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECK\tREVISION\tTIME\tRESULT")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", r.Check, r.Revision, r.Duration.Round(time.Millisecond), r.text())
	}
	return t.Flush()
}

// NewPrefix returns a unique prefix below /registry, where Kubernetes stores its keys.
func NewPrefix() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return "/registry/etcdtest-" + hex.EncodeToString(random[:]) + "/"
}

// Dial connects to an etcd endpoint, http://host:port or unix:///path, and checks that it answers within ten seconds.
// The client does not log.
func Dial(ctx context.Context, endpoint string) (*clientv3.Client, error) {
	return dial(ctx, endpoint)
}

func dial(ctx context.Context, endpoint string, opts ...grpc.DialOption) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:          []string{endpoint},
		DialOptions:        opts,
		Logger:             zap.NewNop(),
		MaxCallRecvMsgSize: maxMessageSize,
		MaxCallSendMsgSize: maxMessageSize,
	})
	if err != nil {
		return nil, fmt.Errorf("unable to connect to the etcd endpoint %s: %w", endpoint, err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if _, err := client.Get(ctx, "/registry/health"); err != nil {
		return nil, errors.Join(fmt.Errorf("the etcd endpoint %s does not answer: %w", endpoint, err), client.Close())
	}
	return client, nil
}
