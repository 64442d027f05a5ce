package kinelab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// connections returns the names of the server's client connections.
func connections(t *testing.T, s *natslab.Server) []string {
	t.Helper()
	z, err := s.NATSServer().Connz(&server.ConnzOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range z.Conns {
		names = append(names, c.Name)
	}
	return names
}

// eventually waits up to a minute until check returns an empty string.
func eventually(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		said := check()
		if said == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(said)
		}
	}
}

func streamConfig(t *testing.T, s *natslab.Server, bucket string) jetstream.StreamConfig {
	t.Helper()
	js, err := jetstream.New(s.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config
}

func createBucket(t *testing.T, s *natslab.Server, cfg jetstream.KeyValueConfig) {
	t.Helper()
	js, err := jetstream.New(s.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// write creates a key through a KINE and returns its revision.
func write(t *testing.T, k *kinelab.Kine, key string) int64 {
	t.Helper()
	c, err := etcdtest.Dial(t.Context(), k.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	resp, err := c.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
		key)).Commit()
	if err != nil || !resp.Succeeded {
		t.Fatalf("write of %s: %v, %v", key, resp, err)
	}
	return resp.Header.Revision
}

func read(t *testing.T, k *kinelab.Kine, key string) int64 {
	t.Helper()
	c, err := etcdtest.Dial(t.Context(), k.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	resp, err := c.Get(t.Context(), key)
	if err != nil || len(resp.Kvs) != 1 {
		t.Fatalf("read of %s: %v, %v", key, resp, err)
	}
	return resp.Kvs[0].ModRevision
}

func TestMakesTheBucket(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	k := kinelab.Run(t, s.ClientURL()+"?noEmbed&bucket=prod&revHistory=20")
	cfg := streamConfig(t, s, "prod")
	if cfg.MaxMsgsPerSubject != 20 || cfg.Description != "Holds kine key/values" {
		t.Errorf("KINE created %+v", cfg)
	}
	if want := []string{"kine using bucket: prod"}; !cmp.Equal(connections(t, s)[:1], want) {
		t.Errorf("connections %q, want the first to be %q", connections(t, s), want)
	}
	if !strings.HasPrefix(k.Endpoint(), "http://127.0.0.1:") {
		t.Errorf("endpoint %q", k.Endpoint())
	}
	write(t, k, "/registry/key")
}

func TestTakesAnEqualBucket(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	createBucket(t, s,
		jetstream.KeyValueConfig{Bucket: "kine", Description: "Holds kine key/values", History: 10, Replicas: 1})
	before := streamConfig(t, s, "kine")
	write(t, kinelab.Run(t, s.ClientURL()+"?noEmbed"), "/registry/key")
	if diff := cmp.Diff(before, streamConfig(t, s, "kine")); diff != "" {
		t.Errorf("KINE changed the bucket:\n%s", diff)
	}
}

// TestRefusesAnotherHistory also verifies that the driver leaks a connection on an error, which the package
// documents: the test fails with a KINE that closes it.
func TestRefusesAnotherHistory(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	createBucket(t, s,
		jetstream.KeyValueConfig{Bucket: "kine", Description: "Holds kine key/values", History: 5, Replicas: 1})
	_, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: s.ClientURL() + "?noEmbed"})
	if err == nil || !strings.Contains(err.Error(), "bucket name already in use") {
		t.Fatalf("got %v", err)
	}
	if !errors.Is(err, jetstream.ErrBucketExists) {
		t.Errorf("not ErrBucketExists: %v", err)
	}
	left := 0
	for _, name := range connections(t, s) {
		if name == "kine using bucket: kine" {
			left++
		}
	}
	if left != 1 {
		t.Errorf("the driver leaked %d connections, kine v0.17.5 leaks one", left)
	}
}

func TestRestartsOnItsBucket(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	first := kinelab.Run(t, s.ClientURL()+"?noEmbed")
	revision := write(t, first, "/registry/key")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := kinelab.Run(t, s.ClientURL()+"?noEmbed")
	if got := read(t, second, "/registry/key"); got != revision {
		t.Errorf("the key has revision %d, but was written at %d", got, revision)
	}
}

func TestTwoOnOneBucket(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	a, b := kinelab.Run(t, s.ClientURL()+"?noEmbed"), kinelab.Run(t, s.ClientURL()+"?noEmbed")
	if a.Endpoint() == b.Endpoint() {
		t.Fatal(a.Endpoint())
	}
	revision := write(t, a, "/registry/a")
	// The write through b follows the write through a, so b knows that one when its own write returns.
	if later := write(t, b, "/registry/b"); later <= revision {
		t.Errorf("revision %d after %d", later, revision)
	}
	if got := read(t, b, "/registry/a"); got != revision {
		t.Errorf("read at revision %d, written at %d", got, revision)
	}
}

// TestStopLeavesNothing starts and stops KINE with an open watch, and checks that nothing remains: connections, the
// port, the goroutines of KINE and of its client.
func TestStopLeavesNothing(t *testing.T) {
	s := natslab.Single(t)
	before := goroutines()
	k, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: s.ClientURL() + "?noEmbed"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := etcdtest.Dial(t.Context(), k.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	watch := c.Watch(t.Context(), "/registry/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if resp := <-watch; !resp.Created {
		t.Fatalf("the watch started with %v", resp)
	}
	stopwatch := natslab.StartStopwatch()
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if stopwatch.Waited() > 5*time.Second {
		t.Errorf("Stop took %s", stopwatch)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, func() string {
		if names := connections(t, s); len(names) > 0 {
			return fmt.Sprintf("connections are left: %q", names)
		}
		return ""
	})
	var dialer net.Dialer
	if conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(k.Endpoint(), "http://")); err == nil {
		_ = conn.Close()
		t.Errorf("%s still answers", k.Endpoint())
	}
	eventually(t, func() string {
		for id, stack := range goroutines() {
			if _, old := before[id]; !old {
				return "a goroutine is left:\n" + stack
			}
		}
		return ""
	})
	if err := k.Stop(); err != nil {
		t.Errorf("the second Stop: %v", err)
	}
}

// A silent connection, which any local process can open, does not delay Stop.
func TestStopWithASilentConnection(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	k := kinelab.Run(t, s.ClientURL()+"?noEmbed")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(k.Endpoint(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the server speaks, and waits for an answer
		t.Fatal(err)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
}

// goroutines returns the stacks of the goroutines that do not belong to the NATS server, by ID.
func goroutines() map[string]string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "nats-server/v2/server") {
			continue
		}
		id, _, _ := strings.Cut(stack, " [")
		stacks[id] = stack
	}
	return stacks
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "kine.sock")
	if err := os.WriteFile(path, nil, 0o644); err != nil { // left behind by a killed KINE
		t.Fatal(err)
	}
	k := kinelab.Run(t, s.ClientURL()+"?noEmbed", func(c *kinelab.Config) { c.Dir = dir })
	if want := "unix://" + path; k.Endpoint() != want {
		t.Errorf("endpoint %q, want %q", k.Endpoint(), want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	write(t, k, "/registry/key")
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket still exists: %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t, natslab.VerifyClients())
	files := s.TLSFiles()
	endpoint := s.ClientURL() + "?noEmbed"
	k := kinelab.Run(t, endpoint, func(c *kinelab.Config) {
		c.CAFile, c.CertFile, c.KeyFile = files.CA, files.ClientCert, files.ClientKey
	})
	write(t, k, "/registry/key")
	_, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: endpoint, CAFile: files.CA})
	if err == nil || !strings.Contains(err.Error(), "tls") {
		t.Errorf("without a client certificate: %v", err)
	}
}

// onViolation is a LogWriter that runs once KINE has logged that a permission is missing.
type onViolation func()

func (f onViolation) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("Permissions Violation")) {
		f()
	}
	return len(line), nil
}

// TestTimeout starts KINE on a JetStream that never answers, on which its create loop would run forever. It is not
// parallel because it reads the last lines of a log that all KINEs share.
func TestTimeout(t *testing.T) {
	s := natslab.Single(t, natslab.Accounts(natslab.Account{
		Name: "A",
		Users: []natslab.User{{Name: "kine", Password: "secret-word",
			Permissions: &natslab.Permissions{Publish: natslab.SubjectPermission{Deny: []string{"$JS.>"}}}}},
	}))
	endpoint := strings.Replace(s.ClientURL(), "nats://", "nats://kine:secret-word@", 1) + "?noEmbed"
	for _, tc := range []struct {
		name  string
		start func() error
		want  error
	}{
		{"StartTimeout", func() error {
			_, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: endpoint, StartTimeout: 2 * time.Second})
			return err
		}, context.DeadlineExceeded},
		{"context", func() error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := kinelab.Start(ctx, kinelab.Config{Endpoint: endpoint, LogWriter: onViolation(cancel)})
			return err
		}, context.Canceled},
	} {
		watch := natslab.StartStopwatch()
		err := tc.start()
		if watch.Waited() > 4*time.Second {
			t.Errorf("%s: it took %s", tc.name, watch)
		}
		if !errors.Is(err, tc.want) {
			t.Fatalf("%s: %v", tc.name, err)
		}
		// Only KINE's log contains the reason.
		for _, want := range []string{"the last lines of its log:", "using bucket: kine", "Permissions Violation"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in: %v", tc.name, want, err)
			}
		}
		if strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: the password is in: %v", tc.name, err)
		}
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"":                                 "the datastore endpoint is empty",
		"mysql://user:pass@tcp(db)/k3s":    "unknown driver",
		"127.0.0.1:4222":                   "invalid datastore endpoint",
		"nats://127.0.0.1:1?noEmbed":       "failed to connect to NATS server",
		"nats://127.0.0.1:4222?replicas=9": "invalid replicas",
	} {
		if _, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: endpoint}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// lines is a LogWriter.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := natslab.Single(t, natslab.UserPassword("kine", "secret-word"))
	var log lines
	k := kinelab.Run(t, strings.Replace(s.ClientURL(), "nats://", "nats://kine:secret-word@", 1)+"?noEmbed&bucket=logged",
		func(c *kinelab.Config) { c.LogWriter = &log })
	for name, text := range map[string]string{"LogWriter": log.String(), "Logs": strings.Join(k.Logs(), "\n")} {
		if !strings.Contains(text, "info    using bucket: logged") {
			t.Errorf("%s: no line of KINE's start in\n%s", name, text)
		}
		if strings.Contains(text, "secret-word") {
			t.Errorf("%s: the password is in\n%s", name, text)
		}
	}
	before := log.String()
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.TrimPrefix(log.String(), before), "stopping key value store") {
		t.Errorf("no line of KINE's stop in\n%s", log.String())
	}
}
