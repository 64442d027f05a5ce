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

// childSpec is the single line that a child process reads from its standard input. End of input tells the child to
// stop its server.
type childSpec struct {
	Name        string
	Port        int
	Texts       []string
	Probes      []probe
	LeafRemotes []LeafRemote
	// Executable and File are the path of a different nats-server and of its configuration.
	Executable, File string
}

// childAnswer is the single line that a child process writes to its standard output when its server is ready or has
// failed. PID is set if the server is a separate process, which may not be ready yet.
type childAnswer struct {
	Error string
	PID   int
}

// Main runs the tests and exits. A test package that uses [Process] calls it in its TestMain:
//
//	func TestMain(m *testing.M) { natslab.Main(m) }
//
// In a child process started by [Process], Main runs the server instead.
func Main(m *testing.M) {
	RunChild()
	os.Exit(m.Run())
}

// RunChild returns immediately unless this is a child process started by [StartProcess]: then it runs the server and
// exits. A program that uses StartProcess must call RunChild before anything else.
func RunChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	// A separate nats-server process must not inherit the variable.
	_ = os.Unsetenv(childVariable)
	if err := runChild(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runChild runs a server until the end of in.
func runChild(in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("natslab: read the child spec: %w", err)
	}
	var spec childSpec
	if err := json.Unmarshal(line, &spec); err != nil {
		return fmt.Errorf("natslab: decode the child spec: %w", err)
	}
	if spec.Executable != "" {
		return spec.supervise(r, out)
	}
	// The parent may exit while the server starts.
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
