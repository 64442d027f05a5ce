// Package preflight starts the bundled KINE on a datastore before k3s does, and makes it do what k3s will do: a read,
// writes, a watch and a delete on a reserved key.
//
// KINE runs in a child process of the running program because it cannot run inside it: an error after it has
// connected leaks that connection, it logs to a global logger, it retries some failures indefinitely, and it exits
// the process on others (pkg/drivers/nats/new.go and pkg/server/watch.go of KINE 0.17.5). The child receives its
// order on standard input and keeps its files in a private directory. It removes the directory and exits when its
// standard input is closed: when the context ends or its parent exits.
//
// KINE creates a missing bucket. [Run] must therefore only be called for buckets that [kine.VerifyContract] has just
// verified.
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

// ReservedKey is the key that is written and deleted. Its delete marker remains.
const ReservedKey = "/nats-k3s/preflight"

const (
	// childVariable marks a process as the child and contains the path of its private directory.
	childVariable = "TERRAFORM_PROVIDER_NATS_PREFLIGHT"
	// exitWait is how long a child may take to exit before it is killed.
	exitWait = 2 * time.Second
	// quotedLines is the number of lines of KINE's log that an error includes.
	quotedLines = 5
	// maxLine and maxStderr limit what is read from a child, in bytes.
	maxLine, maxStderr = 1 << 20, 8 << 10
)

// passedOn lists the environment variables that a child inherits: the locations of the system's certificates and
// temporary files. It needs nothing else, and the environment of a provider contains secrets.
var passedOn = []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "GOCOVERDIR"}

// Target is the datastore to start KINE on.
type Target struct {
	// Endpoint is the endpoint as seen from this machine, with the one server on which the bucket was found. Its
	// CredentialsFile and ContextFile are paths on the node and are not read; InContext selects which of the two k3s
	// uses.
	Endpoint kine.Endpoint
	// Credentials is the content of the credentials file, if there is one.
	Credentials string
	// InContext passes servers, credentials and TLS settings to KINE in a context file.
	InContext bool
	// TLS are the TLS settings. KINE has no setting for ServerName, and supports HandshakeFirst only in a context
	// file.
	TLS natsconn.TLS
}

// Error describes what KINE could not do.
type Error struct {
	// Stage is what KINE was doing, for example "starting".
	Stage string
	// Text is KINE's own error, or how the process ended, without secrets.
	Text string
	// Limit is the limit that KINE reached, or nil.
	Limit *kine.LimitError
	// Log holds the last lines of KINE's log above debug level, without secrets.
	Log []string
	// Late is true if KINE was still running when the timeout expired, which is not a failure of KINE.
	Late bool
}

func (e *Error) Error() string {
	text := fmt.Sprintf("KINE %s failed while %s: %s", kine.BundledKINE, e.Stage, e.Text)
	if len(e.Log) > 0 {
		text += "\nThe last lines of its log:\n  " + strings.Join(e.Log, "\n  ")
	}
	return text
}

// MachineError describes why this machine cannot run KINE. It does not concern the datastore.
type MachineError struct{ Err error }

func (e *MachineError) Error() string { return "this machine cannot run KINE: " + e.Err.Error() }

func (e *MachineError) Unwrap() error { return e.Err }

// slots limits the number of concurrent children: each is a process with its own copy of the bucket's index.
var slots = make(chan struct{}, max(2, runtime.NumCPU()))

// Acquire waits until another child may start, and returns a function that releases the slot. A caller that limits
// the duration of [Run] should start its timeout after Acquire.
func Acquire(ctx context.Context) (release func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// order is what the child must do.
type order struct {
	Endpoint                  string
	CAFile, CertFile, KeyFile string
	// Files are written to the private directory by the child, which also removes them if its parent exits
	// unexpectedly, so that no secret stays on disk.
	Files map[string]string
}

// message is one line of the child's output: a line of KINE's log, the stage it has reached, or the result.
type message struct {
	Level, Text string
	Stage       string
	Result      *result
}

type result struct {
	// Error is KINE's error, or empty on success.
	Error string
	// Violation is the permission that the server denied, or nil.
	Violation *natsconn.PermissionError
	// Limit is the limit that KINE reached, or nil.
	Limit *kine.LimitError
}

// Run starts KINE on the target and tries everything that k3s needs. log, unless nil, receives each line of KINE's
// log with its level and without secrets. When Run returns, the process, its connections and its files no longer
// exist.
//
// Errors are [*kine.MissingPermissionError], [*Error], [*MachineError], and those of [Target.Check]. If the deadline
// of the context expires before KINE is done, the error is an [*Error] that names the stage and wraps nothing. If the
// context is canceled, the error wraps [context.Canceled].
func Run(ctx context.Context, target Target, log func(level, text string)) (err error) {
	if !armed {
		return &MachineError{errors.New("the program must call preflight.RunChild before anything else")}
	}
	program, err := os.Executable()
	if err != nil {
		return &MachineError{fmt.Errorf("find the running program: %w", err)}
	}
	work, err := target.order()
	if err != nil {
		return err
	}
	// The child creates the directory and uses it as its working directory, so the path must not depend on the
	// working directory of this process.
	temporary, err := filepath.Abs(os.TempDir())
	if err == nil {
		_, err = os.Stat(temporary)
	}
	if err != nil {
		return &MachineError{fmt.Errorf("find the temporary directory: %w", err)}
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
	in, err := command.StdinPipe() // stays open: its end shows the child that it must exit
	if err != nil {
		return &MachineError{err}
	}
	// A child that is killed cannot remove its directory, and this process may exit before it does so instead: when a
	// CLI is killed, its requests are canceled first and its providers exit right afterwards.
	command.Cancel = in.Close
	out, err := command.StdoutPipe()
	if err != nil {
		return &MachineError{err}
	}
	if err := command.Start(); err != nil {
		return &MachineError{err}
	}
	failure := &Error{Stage: "starting its process"}
	found := converse(in, out, work, failure, secrets, log)
	exit := command.Wait()

	switch {
	case found == nil && errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("KINE %s was stopped while %s: %w", kine.BundledKINE, failure.Stage, context.Canceled)
	case found == nil && ctx.Err() != nil:
		failure.Text, failure.Late = "it was still running when the timeout expired", true
		return failure
	case found == nil && command.ProcessState.ExitCode() == exitNoDirectory:
		return &MachineError{errors.New(secret.FromServer(stderr.String()))}
	case found == nil && command.ProcessState.ExitCode() < 0:
		// Killed by a signal, for example because the machine ran out of memory.
		return &MachineError{fmt.Errorf("its process was killed while %s: %w", failure.Stage, exit)}
	case found == nil:
		failure.Text = fmt.Sprintf("its process exited without a result: %v", exit)
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

// converse sends the child its order and reads its output to the end. It returns nil if there is no result.
func converse(
	in io.Writer, out io.Reader, work order, failure *Error, secrets *secret.Mask, log func(level, text string),
) *result {
	// If the child has exited, its output or its exit code shows why.
	_ = json.NewEncoder(in).Encode(work)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // output of a library
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

// tail keeps the last bytes written to it.
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
