// Package preflight starts the bundled KINE on a datastore before k3s does, and has it do what k3s will: a read, writes, a
// watch and a delete on a reserved key.
//
// KINE runs in a child process of the running program, because it cannot be run inside of it: an error after it has connected
// leaves that connection behind, it logs to a global logger, it retries some failures for ever, and it ends the process on
// others (pkg/drivers/nats/new.go and pkg/server/watch.go of KINE 0.17.5). The child gets what it has to do on its standard
// input and files of its own in a private directory, is killed when the context ends, and ends by itself when its parent does.
//
// KINE makes a bucket that it does not find. So [Run] is only for buckets that [kine.VerifyContract] has just found to be as
// KINE wants them.
package preflight

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ReservedKey is the key that is written and deleted. What stays of it is a delete marker.
const ReservedKey = "/nats-k3s/preflight"

const (
	// childVariable tells a program that it is the child, and its private directory.
	childVariable = "TERRAFORM_PROVIDER_NATS_PREFLIGHT"
	// exitWait is how long the pipes of a killed child are waited for.
	exitWait = 2 * time.Second
	// quotedLines of KINE's log stand in an error.
	quotedLines = 5
	// maxLine and maxStderr bound what is read from a child, in bytes.
	maxLine, maxStderr = 1 << 20, 8 << 10
)

// passedOn are the variables of the environment that a child gets: where the system keeps its certificates and temporary files.
// It needs nothing else, and the environment of a provider is full of secrets.
var passedOn = []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "GOCOVERDIR"}

// Target is the datastore that KINE is started on.
type Target struct {
	// Endpoint is the endpoint as this machine reaches it, with one server: the one that was found to have the bucket. Its
	// CredentialsFile and ContextFile are the node's and not read; InContext says which of them k3s will use.
	Endpoint kine.Endpoint
	// Credentials is the content of the credentials file, if there is one.
	Credentials string
	// InContext hands servers, credentials and TLS to KINE in a context file.
	InContext bool
	// TLS is how to use TLS. KINE has no setting for ServerName, and HandshakeFirst works in a context file alone.
	TLS natsconn.TLS
}

// Error says what KINE could not do.
type Error struct {
	// Stage is what KINE was doing, such as "starting KINE".
	Stage string
	// Text is KINE's own error, or what became of the process, without secrets.
	Text string
	// Limit is the limit that KINE has met, if that was it.
	Limit *kine.LimitError
	// Log holds the last lines of KINE's log above the level debug, without secrets.
	Log []string
	// Late tells that KINE was still at work when the time was over, which is no failure of KINE's.
	Late bool
}

func (e *Error) Error() string {
	text := fmt.Sprintf("KINE %s failed at %s: %s", kine.BundledKINE, e.Stage, e.Text)
	if len(e.Log) > 0 {
		text += "\nThe last lines of its log:\n  " + strings.Join(e.Log, "\n  ")
	}
	return text
}

// MachineError says why this machine cannot run KINE. It tells nothing of the datastore.
type MachineError struct{ Err error }

func (e *MachineError) Error() string { return "this machine cannot run KINE: " + e.Err.Error() }

func (e *MachineError) Unwrap() error { return e.Err }

// slots bounds how many children there are at the same time: each is a whole process with a copy of the bucket's index.
var slots = make(chan struct{}, max(2, runtime.NumCPU()))

// Acquire waits until there may be one more child, and returns what gives that leave back. A caller with a time limit for
// [Run] lets the time begin after that.
func Acquire(ctx context.Context) (release func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// order is what the child has to do.
type order struct {
	Endpoint                  string
	CAFile, CertFile, KeyFile string
	// Files are those that the child writes into its private directory, which it removes if its parent ends without a word:
	// no secret is on the disk before there is somebody who takes it away.
	Files map[string]string
}

// message is one line of what a child says: a line of KINE's log, a stage that it has come to, or the result.
type message struct {
	Level, Text string
	Stage       string
	Result      *result
}

type result struct {
	// Error is KINE's, empty for success.
	Error string
	// Violation is the permission that the server missed, if that was it.
	Violation *natsconn.PermissionError
	// Limit is the limit that KINE has met, if that was it.
	Limit *kine.LimitError
}

// Run starts KINE on the target and tries what k3s needs. log, unless nil, gets each line of KINE's log with its level, without
// secrets. When Run comes back, the process, its connections and its files are gone.
//
// Errors: [*kine.MissingPermissionError], [*Error], [*MachineError], and those of [Target.Check]. A context whose time is over
// before KINE is done is an [*Error] too, that says what KINE was doing, and wraps nothing; a cancelled one is
// [context.Canceled].
func Run(ctx context.Context, target Target, log func(level, text string)) (err error) {
	if !armed {
		return &MachineError{errors.New("the program does not call preflight.RunChild first of all")}
	}
	program, err := os.Executable()
	if err != nil {
		return &MachineError{fmt.Errorf("the program to run it with: %w", err)}
	}
	work, err := target.order()
	if err != nil {
		return err
	}
	// The child makes the directory and runs in it, so its path must not depend on where this process does.
	temporary, err := filepath.Abs(os.TempDir())
	if err == nil {
		_, err = os.Stat(temporary)
	}
	if err != nil {
		return &MachineError{fmt.Errorf("a private directory: %w", err)}
	}
	dir := filepath.Join(temporary, "nats-k3s-preflight-"+rand.Text())
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	secrets := secret.NewMask(work.Endpoint)

	command := exec.CommandContext(ctx, program)
	command.Dir = temporary
	command.Env = []string{childVariable + "=" + dir}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.WaitDelay = exitWait
	stderr := &tail{limit: maxStderr}
	command.Stderr = stderr
	in, err := command.StdinPipe() // stays open: its end is how the child learns that its parent is gone
	if err != nil {
		return &MachineError{err}
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return &MachineError{err}
	}
	if err := command.Start(); err != nil {
		return &MachineError{err}
	}
	failure := &Error{Stage: "the start of its process"}
	found := converse(in, out, work, failure, secrets, log)
	exit := command.Wait()

	switch {
	case found == nil && errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("KINE %s was stopped at %s: %w", kine.BundledKINE, failure.Stage, context.Canceled)
	case found == nil && ctx.Err() != nil:
		failure.Text, failure.Late = "it was not done in time", true
		return failure
	case found == nil && command.ProcessState.ExitCode() == exitNoDirectory:
		return &MachineError{errors.New(secret.FromServer(stderr.String()))}
	case found == nil && command.ProcessState.ExitCode() < 0:
		// By a signal, such as that of a machine without memory.
		return &MachineError{fmt.Errorf("its process was ended at %s: %w", failure.Stage, exit)}
	case found == nil:
		failure.Text = fmt.Sprintf("its process ended without a result: %v", exit)
		if text := stderr.String(); text != "" {
			failure.Text += "\n" + secret.FromServer(secrets.Text(text))
		}
		return failure
	case found.Violation != nil:
		return kine.NewMissingPermission(target.Endpoint.Spec.Name, found.Violation)
	case found.Error != "":
		failure.Text, failure.Limit = secret.FromServer(secrets.Text(found.Error)), found.Limit
		return failure
	}
	return nil
}

// converse tells the child what to do and listens until it has said its last. The result is nil if that was no result.
func converse(in io.Writer, out io.Reader, work order, failure *Error, secrets *secret.Mask, log func(level, text string)) *result {
	// A child that is gone does not read; what it has said, or its exit, tells why.
	_ = json.NewEncoder(in).Encode(work)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // whatever else a library prints
		}
		switch {
		case m.Result != nil:
			return m.Result
		case m.Stage != "":
			failure.Stage = m.Stage
		default:
			text := secret.FromServer(secrets.Text(m.Text))
			if m.Level != logrus.DebugLevel.String() {
				failure.Log = append(failure.Log, text)
				failure.Log = failure.Log[max(0, len(failure.Log)-quotedLines):]
			}
			if log != nil {
				log(m.Level, text)
			}
		}
	}
	return nil
}

// tail keeps the last bytes that were written to it.
type tail struct {
	bytes.Buffer
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if over := t.Len() - t.limit; over > 0 {
		t.Next(over)
	}
	return n, err
}
