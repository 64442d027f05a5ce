package natslab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
)

// childVariable is the environment variable that makes a process run a server for its parent.
const childVariable = "NATSLAB_CHILD"

// childSpec is what a child process reads from its standard input, on one line. The input ends when the server
// shall.
type childSpec struct {
	Name        string
	Port        int
	Texts       []string
	Probes      []probe
	LeafRemotes []LeafRemote
	// Executable and File are another nats-server and its configuration.
	Executable, File string
}

// childAnswer is what a child process writes to its standard output, on one line, when its server is ready or
// has failed. PID is set if the server is a process of its own, which may not be ready yet.
type childAnswer struct {
	Error string
	PID   int
}

// Main runs the tests and exits. A test package that uses [Process] has it in its TestMain:
//
//	func TestMain(m *testing.M) { natslab.Main(m) }
//
// In the child process that is started by [Process], it runs the server instead.
func Main(m *testing.M) {
	RunChild()
	os.Exit(m.Run())
}

// RunChild returns at once, unless this is a child process that [StartProcess] started: then it runs the server
// and exits. A program that uses StartProcess calls it first of all.
func RunChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	// A server that is a process of its own is no child of this kind.
	_ = os.Unsetenv(childVariable)
	if err := runChild(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runChild runs a server until in ends.
func runChild(in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("natslab: read the spec: %w", err)
	}
	var spec childSpec
	if err := json.Unmarshal(line, &spec); err != nil {
		return fmt.Errorf("natslab: read the spec: %w", err)
	}
	if spec.Executable != "" {
		return spec.supervise(r, out)
	}
	// The parent may end while the server starts.
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, r)
		cancel(io.EOF)
	}()
	s := spec.server()
	defer s.Shutdown()
	var answer childAnswer
	if err := s.Start(ctx); err != nil {
		answer.Error = err.Error()
	}
	if err := json.NewEncoder(out).Encode(answer); err != nil || answer.Error != "" {
		return err
	}
	<-ctx.Done()
	return nil
}

func (c childSpec) server() *Server {
	n := node{name: c.Name}
	n.ports.client.number = c.Port
	return &Server{
		endpoint: endpoint{opts: Options{LeafRemotes: c.LeafRemotes}, node: n},
		texts:    c.Texts, probes: c.Probes, log: &serverLog{out: os.Stderr}, cleanup: func() {},
	}
}
