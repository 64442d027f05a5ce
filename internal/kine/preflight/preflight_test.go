package preflight_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// open returns the JetStream API of a lab on a connection separate from the code under test.
func open(t *testing.T, lab *natslab.Server) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(lab.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// dial returns an etcd client for a KINE.
func dial(t *testing.T, k *kinelab.Kine) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{k.Endpoint()}, DialTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// After a success, a failure and a timeout only the documented data remains: the health key, the delete marker of the
// reserved key, and consumers that expire. KINE then starts on the bucket.
func TestNothingIsLeft(t *testing.T) {
	left := private(t)
	lab := natslab.Single(t)
	js := open(t, lab)
	makeBucket(t, js, spec)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	connections := lab.ConnectionCount()
	wrong := on(lab.URLs())
	wrong.Endpoint.Spec.History = 11
	wrong.Credentials = "not those of anybody"

	for name, target := range map[string]preflight.Target{
		"": on(lab.URLs()), "no nkey seed found": wrong,
		"it was still running when the timeout expired": on([]string{"nats://" + silent.Addr().String()}),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if strings.Contains(name, "time") {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
		}
		watch := natslab.StartStopwatch()
		err := preflight.Run(ctx, target, nil)
		var failure *preflight.Error
		if name == "" && err != nil || name != "" && (!errors.As(err, &failure) || !strings.Contains(failure.Text, name) ||
			failure.Stage != "starting" || failure.Late != strings.Contains(name, "time")) {
			t.Errorf("%q: %v", name, err)
		}
		if watch.Waited() > 8*time.Second {
			t.Errorf("%q took %s", name, watch)
		}
		cancel()
		if found := left(); len(found) > 0 {
			t.Errorf("%q left behind %v", name, found)
		}
		if found := children(t, os.Getpid()); len(found) > 0 {
			t.Errorf("%q left behind the processes %v", name, found)
		}
	}
	await(t, "the connections are gone", func() bool { return lab.ConnectionCount() == connections })
	await(t, "the goroutines are gone", func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "internal/kine/preflight.Run")
	})

	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		if name != kine.StreamName(spec.Name) {
			t.Errorf("unexpected stream %s", name)
		}
	}
	if err := names.Err(); err != nil {
		t.Error(err)
	}
	url, err := kine.Endpoint{Servers: lab.URLs(), Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	all, err := dial(t, kinelab.Run(t, url)).Get(t.Context(), "/", clientv3.WithPrefix())
	if err != nil || len(all.Kvs) != 1 || string(all.Kvs[0].Key) != "/registry/health" {
		t.Errorf("KINE returns %v, %v", all, err)
	}
}

// Each permission that KINE needs is reported if it alone is missing, without the contract check. KINE 0.17.5 runs
// without the permission for $JS.FC.
func TestMissingPermission(t *testing.T) {
	t.Parallel()
	const unused, inbox = "$JS.FC.KV_kine.>", "_INBOX.>"
	needed := []string{
		"$JS.API.INFO", "$JS.API.STREAM.CREATE.KV_kine", "$JS.API.STREAM.INFO.KV_kine", "$JS.API.CONSUMER.CREATE.KV_kine.>",
		"$JS.API.CONSUMER.DELETE.KV_kine.>", "$JS.API.CONSUMER.MSG.NEXT.KV_kine.>", "$JS.API.DIRECT.GET.KV_kine",
		"$JS.API.DIRECT.GET.KV_kine.>", unused, "$KV.kine.>",
	}
	users := []natslab.User{{Name: "admin", Password: "p"}}
	add := func(name string, publish []string, subscribe string) {
		users = append(users, natslab.User{Name: name, Password: "p", Permissions: &natslab.Permissions{
			Publish: natslab.SubjectPermission{Allow: publish}, Subscribe: natslab.SubjectPermission{Allow: []string{subscribe}}}})
	}
	add("enough", needed, inbox)
	add("no-inbox", needed, "elsewhere")
	for i := range needed {
		add(fmt.Sprint("user-", i), slices.Delete(slices.Clone(needed), i, i+1), inbox)
	}
	lab := natslab.Single(t, natslab.Users(users...))
	makeBucket(t, open(t, lab), spec)
	for _, user := range users[1:] {
		t.Run(user.Name, func(t *testing.T) {
			target := on(lab.URLs())
			target.Endpoint.User, target.Endpoint.Password = user.Name, user.Password
			err := run(t, target)
			want := kine.MissingPermissionError{Bucket: "kine"}
			var index int
			switch _, scanErr := fmt.Sscanf(user.Name, "user-%d", &index); {
			case user.Name == "no-inbox":
				want.Subscribe = []string{inbox}
			case scanErr == nil && needed[index] != unused:
				want.Publish = []string{needed[index]}
			default:
				if err != nil {
					t.Error(err)
				}
				return
			}
			var missing *kine.MissingPermissionError
			if !errors.As(err, &missing) || missing.Error() != want.Error() {
				t.Errorf("got %v, want %v", err, &want)
			}
		})
	}
}

// A child exits when its parent exits or when it is killed, and its files are removed.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are found through /proc")
	}
	left := private(t)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	server := "nats://" + silent.Addr().String()

	parent, _ := startParent(t, server)
	var orphans []int
	await(t, "the parent has a child with files", func() bool {
		orphans = children(t, parent.Process.Pid)
		return len(orphans) == 1 && len(left()) == 1
	})
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	await(t, "the child of a killed parent ends", func() bool { return parentOf(orphans[0]) == 0 })
	await(t, "its files are gone", func() bool { return len(left()) == 0 })

	ended := make(chan error, 1)
	go func() { ended <- preflight.Run(t.Context(), on([]string{server}), nil) }()
	var running []int
	await(t, "a child runs", func() bool {
		running = children(t, os.Getpid())
		return len(running) == 1
	})
	child, err := os.FindProcess(running[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	var machine *preflight.MachineError
	if err := <-ended; !errors.As(err, &machine) || !strings.HasSuffix(err.Error(), ": signal: killed") {
		t.Errorf("error of a killed child: %v", err)
	}
	if found := left(); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

// The files of a canceled run are removed even if the program exits before the run returns: a CLI that is killed
// cancels the requests of its providers, which then exit.
func TestCanceledByExit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are found through /proc")
	}
	left := private(t)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range 2 {
		parent, in := startParent(t, "nats://"+silent.Addr().String())
		var started []int
		await(t, "the parent has a child with files", func() bool {
			started = children(t, parent.Process.Pid)
			return len(started) == 1 && len(left()) == 1
		})
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()
		await(t, "the child ends", func() bool { return parentOf(started[0]) == 0 })
		if found := left(); len(found) > 0 {
			t.Fatalf("left behind: %v", found)
		}
	}
}

// A child removes its directory itself, on success and on failure, because its parent may be killed after the result.
func TestChildRemovesDirectory(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, open(t, lab), spec)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	succeeds, err := on(lab.URLs()).Endpoint.LocalURL()
	if err != nil {
		t.Fatal(err)
	}
	for name, endpoint := range map[string]string{"success": succeeds, "failure": "nats://127.0.0.1:1?noEmbed=true",
		"no endpoint": "%"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "private")
			work, err := json.Marshal(map[string]any{"Endpoint": endpoint, "Files": map[string]string{"ca.pem": "text"}})
			if err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), program) //nolint:gosec // this test
			child.Env = []string{"TERRAFORM_PROVIDER_NATS_PREFLIGHT=" + dir}
			in, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			go func() { _, _ = in.Write(append(work, '\n')) }()
			out, err := child.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if failed := !strings.Contains(string(out), `"Error":""`); failed == (name == "success") {
				t.Errorf("the child printed %s", out)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the directory still exists: %v", err)
			}
		})
	}
}

// Errors that do not concern the datastore can be distinguished: a canceled verification, and a machine that cannot
// run KINE.
func TestNoVerdict(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	target := on([]string{"nats://" + silent.Addr().String()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := silent.Accept() // the connection of KINE, which waits for the server's first line
		cancel()
		if err == nil {
			<-t.Context().Done()
			_ = conn.Close()
		}
	}()
	var failure *preflight.Error
	err = preflight.Run(ctx, target, nil)
	if !errors.Is(err, context.Canceled) || errors.As(err, &failure) ||
		!strings.Contains(err.Error(), "was stopped while starting") {
		t.Errorf("error of a canceled verification: %v", err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	var machine *preflight.MachineError
	if err := run(t, target); !errors.As(err, &machine) ||
		!strings.Contains(err.Error(), "this machine cannot run KINE: find the temporary directory: ") {
		t.Errorf("error without a directory for temporary files: %v", err)
	}
}

// Many concurrent verifications of one bucket, as from several applies, do not conflict, and the number of processes
// is limited.
func TestConcurrent(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, open(t, lab), spec)
	var wait sync.WaitGroup
	var running atomic.Int64
	var mu sync.Mutex
	var most int64
	for range 12 {
		wait.Go(func() {
			release, err := preflight.Acquire(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			defer running.Add(-1)
			mu.Lock()
			most = max(most, running.Add(1))
			mu.Unlock()
			if err := run(t, on(lab.URLs())); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if limit := int64(max(2, runtime.NumCPU())); most > limit {
		t.Errorf("%d ran concurrently, the limit is %d", most, limit)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var releases []func()
	for {
		release, err := preflight.Acquire(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		releases = append(releases, release)
	}
	for _, release := range releases {
		release()
	}
}

// Two KINEs of a highly available k3s, whose clients watch and write constantly, only notice the reserved key and the
// health key: each write succeeds immediately, and both KINEs see each write.
func TestAttachedKINEs(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	makeBucket(t, open(t, lab), spec)
	url, err := kine.Endpoint{Servers: lab.URLs(), Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	clients := []*clientv3.Client{dial(t, kinelab.Run(t, url)), dial(t, kinelab.Run(t, url))}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var watches []clientv3.WatchChan
	for _, client := range clients {
		watches = append(watches,
			clientv3.NewWatcher(client).Watch(ctx, "/", clientv3.WithPrefix(), clientv3.WithCreatedNotify()))
	}
	for _, watch := range watches {
		if first := <-watch; !first.Created {
			t.Fatalf("the watch starts with %+v", first)
		}
	}
	const key = "/registry/configmaps/default/own"
	answer, err := clients[0].Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
		"0")).Commit()
	if err != nil || !answer.Succeeded {
		t.Fatal(answer, err)
	}
	const verifications = 5
	writes, slowest, verified := 1, time.Duration(0), make(chan struct{})
	go func() {
		defer close(verified)
		for range verifications {
			if err := run(t, on(lab.URLs())); err != nil {
				t.Error(err)
			}
		}
	}()
	for done := false; !done; writes++ {
		select {
		case <-verified:
			done = true // and one more write after the last verification
		default:
		}
		watch := natslab.StartStopwatch()
		update, err := clients[writes%2].Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=",
			answer.Header.Revision)).
			Then(clientv3.OpPut(key, fmt.Sprint(writes))).Else(clientv3.OpGet(key)).Commit()
		if err != nil {
			t.Fatalf("write %d: %v", writes, err)
		}
		if !update.Succeeded { // the other KINE has not read the last write yet
			writes--
			continue
		}
		slowest, answer = max(slowest, watch.Waited()), update
	}
	t.Logf("%d writes during %d verifications, the slowest waited for %s", writes, verifications, slowest)
	if writes < verifications || slowest > 2*time.Second {
		t.Errorf("%d writes, the slowest waited for %s: the verifications slow them down", writes, slowest)
	}
	for i, watch := range watches {
		seen := map[string]int{}
		for own := 0; own < writes; {
			events, open := <-watch
			if err := events.Err(); err != nil || events.Canceled || !open {
				t.Fatalf("watch %d after %v: %v, open %t", i, seen, err, open)
			}
			for _, event := range events.Events {
				seen[string(event.Kv.Key)]++
				if string(event.Kv.Key) == key {
					own++
				}
			}
		}
		if want := map[string]int{key: writes, preflight.ReservedKey: 3 * verifications,
			"/registry/health": verifications}; fmt.Sprint(seen) != fmt.Sprint(want) {
			t.Errorf("watch %d shows %v, want %v", i, seen, want)
		}
	}
}

// Verification of a replicated bucket succeeds while most of its servers are up; otherwise the error contains the
// stage that KINE reached.
func TestReplicatedBucket(t *testing.T) {
	t.Parallel()
	lab := natslab.Cluster(t, 3)
	js, err := jetstream.New(lab.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	replicated := spec
	replicated.Replicas = 3
	makeBucket(t, js, replicated)
	lab.AwaitStream(t, "", kine.StreamName(spec.Name))
	servers := lab.Servers()
	target := on([]string{servers[0].ClientURL()})
	target.Endpoint.Spec = replicated
	if err := run(t, target); err != nil {
		t.Error(err)
	}
	servers[2].Shutdown()
	if err := run(t, target); err != nil {
		t.Errorf("with one server of three down: %v", err)
	}
	servers[1].Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var failure *preflight.Error
	if err := preflight.Run(ctx, target, nil); !errors.As(err, &failure) {
		t.Errorf("with two servers of three down: %v", err)
	}
}

// A reserved key left behind by a killed verification does not matter.
func TestLeftOverKey(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	makeBucket(t, open(t, lab), spec)
	url, err := kine.Endpoint{Servers: lab.URLs(), Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, kinelab.Run(t, url))
	answer, err := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(preflight.ReservedKey), "=", 0)).
		Then(clientv3.OpPut(preflight.ReservedKey, "left")).Commit()
	if err != nil || !answer.Succeeded {
		t.Fatal(answer, err)
	}
	if err := run(t, on(lab.URLs())); err != nil {
		t.Error(err)
	}
}

// Verification of a bucket with a long history succeeds, too: KINE replays all of it to a watch, as fast as it can,
// before new writes.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	makeBucket(t, open(t, lab), spec)
	url, err := kine.Endpoint{Servers: lab.URLs(), Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	running := kinelab.Run(t, url)
	if _, err := etcdtest.Seed(t.Context(), dial(t, running), etcdtest.NewPrefix(), 3000); err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := run(t, on(lab.URLs())); err != nil {
			t.Error(err)
		}
	}
}
