package natslab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// stopTimeout is how long a child process may take to shut its server down before it is killed.
const stopTimeout = 10 * time.Second

// ServerProcess is a nats-server in a child process, so that it can be killed. The child runs this program again, see
// [Main]; it exits with its parent. If the options set Executable, the child runs that and stops it when it exits.
// Ports and storage are kept between Kill and Start.
type ServerProcess struct {
	endpoint
	spec    childSpec
	cleanup func()
	output  *tail

	mu  sync.Mutex
	run *childRun
}

// childRun is one run of the child process.
type childRun struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{}
	// supervises is true if the server is a child of the child process. pid is the process ID of the server.
	supervises bool
	pid        int
}

// StartProcess runs a server in a child process and returns when it is ready. The caller stops it. The program must
// call [Main] or [RunChild] at its start. Options that are functions stay in this process: Mutate is rejected, and
// Client only applies to Dial. StartProcess does not wait for the leaf remotes of an executable: see
// [ServerProcess.AwaitDomain].
func StartProcess(ctx context.Context, o Options) (*ServerProcess, error) {
	switch {
	case len(o.Mutate) > 0:
		return nil, errors.New("natslab: a child process does not support Mutate; use Config")
	case os.Getenv(childVariable) != "":
		// This child process did not become a server. Without this check it would start a child of its own, which
		// would do the same.
		return nil, errors.New("natslab: the program must call natslab.Main or natslab.RunChild first")
	}
	if o.Name == "" {
		o.Name = "lab"
	}
	l, err := newLab(o)
	if err != nil {
		return nil, err
	}
	p, err := l.process()
	if err != nil {
		l.remove()
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// process creates a server process without starting it.
func (l *lab) process() (*ServerProcess, error) {
	o := l.opts
	ports, err := reservePorts(o.Port, false, false, o.LeafNodes)
	if err != nil {
		return nil, err
	}
	n := node{name: o.Name, storeDir: o.storeDir(l.dir, o.Name, false), ports: ports}
	s, err := l.server(n)
	if err != nil {
		ports.free()
		return nil, err
	}
	spec := childSpec{
		Name: o.Name, Port: n.ports.client.number, Texts: s.texts, Probes: s.probes, LeafRemotes: o.LeafRemotes,
	}
	if o.Executable != "" {
		if err := spec.execute(o.Executable, l.dir); err != nil {
			ports.free()
			return nil, err
		}
	}
	return &ServerProcess{
		endpoint: s.endpoint, output: &tail{}, spec: spec,
		cleanup: func() {
			ports.free()
			l.remove()
		},
	}, nil
}

// Start restarts the server after Kill on the same port and storage, and returns when it is ready.
func (p *ServerProcess) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil && !isClosed(p.run.exited) {
		return fmt.Errorf("natslab: server %s is already running", p.node.name)
	}
	run, stdout, err := p.spawn()
	if err != nil {
		return fmt.Errorf("natslab: child process: %w", err)
	}
	answers := make(chan childAnswer, 1)
	go func() {
		answers <- readAnswer(stdout)
		// The pipe must be drained: a child that writes to a closed pipe is killed.
		_, _ = io.Copy(io.Discard, stdout)
		_ = stdout.Close()
	}()
	select {
	case answer := <-answers:
		err = p.settle(ctx, run, answer)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		run.kill()
		return fmt.Errorf("natslab: child process: %w%s", err, p.output.text())
	}
	p.run = run
	return nil
}

// settle handles the answer of a child. If the server is a separate process, settle waits until it is ready.
func (p *ServerProcess) settle(ctx context.Context, run *childRun, answer childAnswer) error {
	switch {
	case answer.Error != "":
		return errors.New(answer.Error)
	case !run.supervises:
		return nil
	}
	run.pid = answer.PID
	return poll(ctx, "server "+p.node.name+" to be ready", func() error {
		if isClosed(run.exited) {
			return permanentError{errors.New("the server exited")}
		}
		for _, probe := range p.spec.Probes {
			if err := p.ask(probe, tlsOptions(p.opts, p.files)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// spawn starts the child and sends it its spec.
func (p *ServerProcess) spawn() (*childRun, *os.File, error) {
	spec, err := json.Marshal(p.spec)
	if err != nil {
		return nil, nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(executable)
	if testing.Testing() {
		// If the test binary does not call Main, this keeps it from running the tests again.
		cmd.Args = append(cmd.Args, "-test.run=^$")
	}
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = p.output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout = stdoutWriter
	err = cmd.Start()
	_ = stdoutWriter.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, nil, err
	}
	run := &childRun{
		cmd: cmd, stdin: stdin, exited: make(chan struct{}), supervises: p.spec.Executable != "", pid: cmd.Process.Pid,
	}
	go func() {
		// The reason is in the output.
		_ = cmd.Wait()
		close(run.exited)
	}()
	// The pipe stays open. It ends when the parent exits, which stops the child.
	if _, err := stdin.Write(append(spec, '\n')); err != nil {
		run.kill()
		_ = stdout.Close()
		return nil, nil, fmt.Errorf("%w%s", err, p.output.text())
	}
	return run, stdout, nil
}

// readAnswer reads the line that a child writes when its server is ready or has failed.
func readAnswer(stdout io.Reader) childAnswer {
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var answer childAnswer
	if jsonErr := json.Unmarshal(line, &answer); err != nil || jsonErr != nil {
		answer.Error = "it exited without an answer; does this program call natslab.Main or natslab.RunChild?"
	}
	return answer
}

// kill ends the server and the child, and returns when both have exited.
func (r *childRun) kill() {
	if r.supervises {
		// The child kills the server because only the child knows whether the PID still belongs to it.
		_, _ = io.WriteString(r.stdin, killLine)
		r.end()
		return
	}
	// Kill fails only if the process has already exited.
	_ = r.cmd.Process.Kill()
	<-r.exited
	_ = r.stdin.Close()
}

// end lets the child stop, and returns when it has exited.
func (r *childRun) end() {
	_ = r.stdin.Close()
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-r.exited:
	case <-timer.C:
		// Kill fails only if the process has already exited.
		_ = r.cmd.Process.Kill()
		<-r.exited
	}
}

// Kill ends the process with SIGKILL and returns when it has exited. It does nothing if the process is not running.
func (p *ServerProcess) Kill() {
	if run := p.take(); run != nil {
		run.kill()
	}
}

// Shutdown shuts the server down cleanly and returns when its process has exited. Port and storage are kept. It does
// nothing if the process is not running.
func (p *ServerProcess) Shutdown() {
	if run := p.take(); run != nil {
		run.end()
	}
}

// Stop shuts the server down permanently and releases its port and its temporary directory.
func (p *ServerProcess) Stop() {
	p.Shutdown()
	p.cleanup()
}

func (p *ServerProcess) take() *childRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := p.run
	p.run = nil
	return run
}

// Running reports whether the process is running.
func (p *ServerProcess) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run != nil && !isClosed(p.run.exited)
}

// PID returns the process ID, or 0 if the process is not running.
func (p *ServerProcess) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		return 0
	}
	return p.run.pid
}

// Log returns the last lines of the server's log across all runs: warnings and errors, or all output of an
// executable.
func (p *ServerProcess) Log() []string { return strings.Split(p.output.text(), "\n") }

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailLength is the number of bytes that a tail keeps.
const tailLength = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if extra := len(t.buf) - tailLength; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(b), nil
}

// text returns the kept bytes, starting on a new line.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.buf) == 0 {
		return ""
	}
	return "\n" + string(bytes.TrimSpace(t.buf))
}
