package preflight_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// parentVariable makes the test binary a parent that runs KINE on the server in the variable. It waits to be killed
// or, when its standard input is closed, cancels the run and exits without waiting for it.
const parentVariable = "PREFLIGHT_TEST_PARENT"

func TestMain(m *testing.M) {
	preflight.RunChild()
	if server := os.Getenv(parentVariable); server != "" {
		ctx, cancel := context.WithCancel(context.Background())
		go func() { fmt.Println(preflight.Run(ctx, on([]string{server}), nil)) }() //nolint:forbidigo // shows why it failed
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		for range rand.N(200) {
			runtime.Gosched()
		}
		os.Exit(1)
	}
	natslab.Main(m)
}

var spec = kine.Spec{Name: "kine", History: 10, Replicas: 1}

// on returns the target with the bucket on these servers.
func on(servers []string) preflight.Target {
	return preflight.Target{Endpoint: kine.Endpoint{Servers: servers, Spec: spec}}
}

// makeBucket creates the bucket.
func makeBucket(t *testing.T, js jetstream.JetStream, spec kine.Spec) {
	t.Helper()
	if _, err := js.CreateStream(t.Context(), kine.Contract(spec)); err != nil {
		t.Fatal(err)
	}
}

// run runs KINE on a target with a timeout.
func run(t *testing.T, target preflight.Target) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return preflight.Run(ctx, target, nil)
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) add(level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, level+" "+text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "\n")
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// children returns the processes that run KINE for a parent, recognized by their environment. It works only on Linux.
func children(t *testing.T, parent int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(environment), "TERRAFORM_PROVIDER_NATS_PREFLIGHT=") {
			continue // it has exited, or belongs to another user
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && parentOf(pid) == parent {
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found
}

// parentOf returns the parent of a process, or 0 if the process does not exist.
func parentOf(pid int) int {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for scan := bufio.NewScanner(file); scan.Scan(); {
		if text, ok := strings.CutPrefix(scan.Text(), "PPid:"); ok {
			parent, _ := strconv.Atoi(strings.TrimSpace(text))
			return parent
		}
	}
	return 0
}

// private creates a directory for all temporary files, and returns a function that lists the private directories left
// in it.
func private(t *testing.T) (left func() []string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "nats-k3s-preflight-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
}

// startParent starts a process that runs KINE on a server. Closing in makes it cancel the run and exit.
func startParent(t *testing.T, server string) (parent *exec.Cmd, in io.Closer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent = exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentVariable+"="+server)
	in, err = parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	return parent, in
}
