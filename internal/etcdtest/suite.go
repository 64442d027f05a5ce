// Package etcdtest checks that an endpoint speaks etcd v3 as the Kubernetes apiserver needs it.
//
// The checks know nothing about what answers them. They keep to the transactions that Kubernetes sends, because a
// datastore such as KINE accepts no others: a put guarded by the key's modification revision, with or without a read of
// the key where the guard fails; a guarded delete with such a read; and no plain delete. Each check works below a prefix
// of its own and deletes what it has written, so the datastore holds the same keys afterwards.
//
// [Run] makes a subtest of every check; [Suite] returns the results for a report. [Seed], [VerifyAll] and [Writer]
// are for tests of what happens to the datastore underneath: a move, a promotion, a restart.
//
// Where KINE is known to differ from etcd, the check that comes near it says so, and what it asks for instead. No check
// tries anything twice in silence: an answer that is asked for again is counted and told, see [Replicated].
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
	// checkTimeout bounds one check, and then once more the removal of its keys. The longest check waits about three
	// seconds, for a lease to end.
	checkTimeout = 30 * time.Second
	// dialTimeout bounds the first contact with the endpoint.
	dialTimeout = 10 * time.Second
	// maxMessageSize is the client's limit for one message. A list without a limit comes in one.
	maxMessageSize = 1 << 30
)

// Result is what one check has found.
type Result struct {
	// Check is the name of the check.
	Check string
	// Revision is the datastore's revision that the check has come to, zero if none.
	Revision int64
	// Details says in a few words what was measured.
	Details string
	// Deviations says what differed from etcd and was let through by an Option; empty if nothing did.
	Deviations string
	// Duration is how long the check took, the removal of its keys included.
	Duration time.Duration
	// Err says what is wrong; nil means that the check has passed.
	Err error
}

// Check is one thing that Kubernetes needs from etcd.
type Check struct {
	// Name is short and stays the same: "create", "guarded-update".
	Name string
	// Promise says in one sentence what holds if the check passes.
	Promise string
	// Run does the check with keys below prefix, which ends in a slash. It sets Revision and Details of the result.
	Run func(ctx context.Context, client *clientv3.Client, prefix string) (Result, error)
}

// Checks returns all checks in the order in which they run.
//
// The last one compacts the datastore, which is felt outside of its prefix, see there. So the suite is for datastores
// that no cluster is using. KINE passes it on a bucket with one replica and a history of four or more; for more replicas
// see Replicated.
func Checks() []Check {
	return []Check{
		{"status", "the endpoint is healthy, tells its version and size, and its revision does not go back", status},
		{"create", "a key is created once; a second create is refused and changes nothing", create},
		{"guarded-update", "an update with the right revision succeeds; any other is refused and returns the current value", guardedUpdate},
		{"guarded-delete", "a delete with the right revision succeeds; any other is refused; a deleted key can be created anew", guardedDelete},
		{"read-at-revision", "a key is read as it is now and as it was at an older revision; a future revision is an error", readAtRevision},
		{"list-pages", "a list by pages shows one revision, whatever is written between the pages", listPages},
		{"count", "a count equals the number of keys, now and at an older revision", count},
		{"key-characters", "keys with any character are kept apart and listed in order", keyCharacters},
		{"large-value", "a value of 512 KiB is stored, updated, listed and watched unchanged", largeValue},
		{"many-keys", "hundreds of keys, written at once, are all listed with the revision of their write", manyKeys},
		{"write-conflict", "of concurrent writes to one revision of a key exactly one wins", writeConflict},
		{"watch", "a watch shows each change of its keys once, in order, with the value before it", watchLive},
		{"watch-from-revision", "a watch that starts at an older revision shows what has happened since, then goes on", watchReplay},
		{"watch-progress", "a watch tells how far it has come when it is asked", watchProgress},
		{"lease", "a key with a lease disappears when the lease ends, and a watch shows it", lease},
		{"compaction", "a compaction is accepted; older revisions are then refused", compaction},
	}
}

// Option changes what Run and Suite let through.
type Option func(*options)

type options struct{ replicated bool }

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

// Suite runs every check against an etcd endpoint and returns one result a check. An endpoint that cannot be reached
// gives a single result, "connect". When ctx ends, the checks that are left fail with its error.
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
	client     *clientv3.Client
	prefix     string
	replicated bool
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
	return &suite{client: client, prefix: NewPrefix(), replicated: o.replicated}, nil
}

func (s *suite) close() { _ = s.client.Close() }

func (s *suite) do(ctx context.Context, check Check) Result {
	if !s.replicated {
		return check.Do(ctx, s.client, s.prefix+check.Name+"/")
	}
	session := newSession()
	r := check.Do(session.context(ctx), s.client, s.prefix+check.Name+"/")
	r.Deviations = session.String()
	return r
}

// Do runs the check, deletes what it has left below prefix, and fills in the whole result. Keys that cannot be deleted
// are an error of the check.
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

// text tells the result in one line.
func (r Result) text() string {
	if r.Err != nil {
		return "FAILED: " + r.Err.Error()
	}
	if r.Deviations != "" {
		return r.Details + "; unlike etcd: " + r.Deviations
	}
	return r.Details
}

// Failed returns the results that are errors.
func Failed(results []Result) []Result {
	var failed []Result
	for _, r := range results {
		if r.Err != nil {
			failed = append(failed, r)
		}
	}
	return failed
}

// WriteTable writes the results as a table for people: check, revision, duration, and what was found.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECK\tREVISION\tTIME\tRESULT")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", r.Check, r.Revision, r.Duration.Round(time.Millisecond), r.text())
	}
	return t.Flush()
}

// NewPrefix returns a prefix that no other run uses, below /registry, where Kubernetes keeps its keys.
func NewPrefix() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return "/registry/etcdtest-" + hex.EncodeToString(random[:]) + "/"
}

// Dial connects to an etcd endpoint, http://host:port or unix:///path, and makes sure that it answers within ten
// seconds. The client logs nothing.
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
