package preflight

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	_ "github.com/k3s-io/kine/pkg/drivers/nats" // registers the scheme nats without linking a SQL driver
	"github.com/k3s-io/kine/pkg/tls"
	"github.com/sirupsen/logrus"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// armed is true if this program can be started as its own child.
var armed bool

// exitNoDirectory is the child's exit code if it cannot create its private directory.
const exitNoDirectory = 3

// stopWait is how long the child waits until KINE closes its connection.
const stopWait = 2 * time.Second

// RunChild returns immediately unless this process is the child started by [Run]: then it runs KINE and exits. A
// program that uses Run must call RunChild before anything else.
func RunChild() {
	armed = true
	dir := os.Getenv(childVariable)
	if dir == "" {
		return
	}
	// Writing to a parent that has exited must not end the process before it has cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	// The child creates the directory because it removes it if the parent is killed.
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "create a private directory: %v", err)
		os.Exit(exitNoDirectory)
	}
	// The parent removes the directory, too, but it may have exited by then.
	logrus.RegisterExitHandler(func() { leave(dir) }) // KINE exits through logrus
	err = runChild(dir, os.Stdin, os.Stdout)
	leave(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// leave removes the private directory, which is the working directory of the process.
func leave(dir string) {
	_ = os.Chdir(filepath.Dir(dir)) // Windows cannot remove the working directory of a process
	_ = os.RemoveAll(dir)
}

func runChild(dir string, in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	var work order
	if err := json.Unmarshal(line, &work); err != nil {
		return errors.New("the order cannot be decoded") // the original error would quote it
	}
	if err := work.writeFiles(dir); err != nil {
		return fmt.Errorf("write the files for KINE: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, reader) // until the parent exits
		leave(dir)
		os.Exit(1)
	}()

	// KINE's driver must not see a deadline: its loops treat one as a slow server and continue.
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	say := &speaker{encoder: json.NewEncoder(out), cancel: cancel}
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.DebugLevel)
	logrus.AddHook(say)

	var found result
	done := make(chan error, 1)
	go func() { done <- try(ctx, work, say.stage) }()
	select {
	case err = <-done:
	case <-ctx.Done(): // KINE would wait indefinitely for an answer that never arrives
	}
	if violation, ok := errors.AsType[*natsconn.PermissionError](context.Cause(ctx)); ok {
		found.Violation, err = violation, violation
	}
	if limit, ok := errors.AsType[*kine.LimitError](context.Cause(ctx)); ok {
		err = limit
	}
	if err != nil {
		found.Error = err.Error()
		found.Limit, _ = errors.AsType[*kine.LimitError](err)
		if found.Limit == nil {
			found.Limit = kine.ParseLimit(found.Error)
		}
	}
	return say.result(found)
}

// try runs KINE and the probe.
func try(ctx context.Context, work order, stage func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		cancel()
		ended := make(chan struct{})
		go func() {
			running.Wait()
			close(ended)
		}()
		timer := time.NewTimer(stopWait)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C: // KINE ends with the process
		}
	}()

	stage("starting")
	_, backend, err := drivers.New(ctx, &running, &drivers.Config{
		Endpoint:         work.Endpoint,
		BackendTLSConfig: tls.Config{CAFile: work.CAFile, CertFile: work.CertFile, KeyFile: work.KeyFile},
	})
	if err != nil {
		return err
	}
	stage("reading the bucket")
	if err := backend.Start(ctx); err != nil {
		return err
	}
	return probe(ctx, backend, stage)
}

// speaker sends messages, including KINE's log, to the parent.
type speaker struct {
	mu      sync.Mutex
	encoder *json.Encoder
	cancel  context.CancelCauseFunc
}

func (s *speaker) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder.Encode(m)
}

// If the parent has exited, the child exits anyway.
func (s *speaker) stage(name string) { _ = s.send(message{Stage: name}) }

func (s *speaker) result(r result) error { return s.send(message{Result: &r}) }

// Levels implements [logrus.Hook].
func (s *speaker) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements [logrus.Hook]. It stops KINE when a permission is missing or a limit is reached: KINE waits
// indefinitely if an answer is lost, spends five seconds on each delete if it lacks CONSUMER.DELETE, and retries
// every second if a limit is reached.
func (s *speaker) Fire(entry *logrus.Entry) error {
	if violation := natsconn.ParseViolation(entry.Message); violation != nil {
		s.cancel(violation)
	}
	if limit := kine.ParseLimit(entry.Message); limit != nil {
		s.cancel(limit)
	}
	return s.send(message{Level: entry.Level.String(), Text: entry.Message})
}
