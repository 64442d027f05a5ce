package natslab

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// executableVariable makes the test binary behave like nats-server.
const executableVariable = "NATSLAB_TEST_EXECUTABLE"

// actAsServer does the same as nats-server's main.go.
func actAsServer() {
	fail := func(err error) {
		if err != nil {
			server.PrintAndDie(err.Error())
		}
	}
	opts, err := server.ConfigureOptions(flag.NewFlagSet("nats-server", flag.ExitOnError), os.Args[1:], nil, nil, nil)
	fail(err)
	s, err := server.NewServer(opts)
	fail(err)
	s.ConfigureLogger()
	fail(server.Run(s))
	s.WaitForShutdown()
	os.Exit(0)
}

// thisExecutable returns an executable that behaves like nats-server in a child process.
func thisExecutable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(executableVariable, "1")
	return path
}

// An executable uses the options, can be killed and shut down, and keeps its port and its data.
func TestProcessExecutable(t *testing.T) {
	p := Process(t, Executable(thisExecutable(t)), Name("far"), VerifyClients(), UserPassword("u", "p"), Domain("hub"),
		Config("max_payload: 4321"))
	nc := p.Connect(t)
	if nc.ConnectedServerName() != "far" || nc.MaxPayload() != 4321 {
		t.Errorf("server %s with a max payload of %d", nc.ConnectedServerName(), nc.MaxPayload())
	}
	p.AwaitDomain(t, "hub")
	js := newJetStream(t, nc)
	fill(t, js, "DATA", 1, 100)

	for what, stop := range map[string]func(){"killed": p.Kill, "shut down": p.Shutdown} {
		process, err := os.FindProcess(p.PID())
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Signal(syscall.Signal(0)); err != nil {
			t.Fatalf("process %d does not exist: %v", process.Pid, err)
		}
		stop()
		if p.Running() || process.Signal(syscall.Signal(0)) == nil {
			t.Errorf("%s: the process is still running", what)
		}
		wantClosed(t, p.Port())
		if graceful := strings.Contains(p.output.text(), "Server Exiting"); graceful != (what == "shut down") {
			t.Errorf("%s: the server has shut down: %t%s", what, graceful, p.output.text())
		}
		p.output.buf = nil
		p.Restart(t)
		eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
		if got := messages(t, js, "DATA"); got != 100 {
			t.Errorf("%s: %d messages after the restart, want 100", what, got)
		}
	}
}

// A leaf-node connection can connect two executables.
func TestProcessExecutablesJoined(t *testing.T) {
	path := thisExecutable(t)
	hub := Process(t, Executable(path), Name(HubName), Domain(HubName), LeafNodes())
	leaf := Process(t, Executable(path), Name(LeafName), Domain(LeafName),
		LeafRemotes(LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	hub.AwaitDomain(t, LeafName)
	leaf.AwaitDomain(t, HubName)
}

// Only a child process can run an executable: elsewhere the option is an error and not ignored.
func TestExecutableInProcess(t *testing.T) {
	s, err := Start(t.Context(), NewOptions(Executable(thisExecutable(t))))
	if err == nil {
		s.Stop()
	}
	if err == nil || !strings.Contains(fmt.Sprint(err), "StartProcess") {
		t.Errorf("error %v, want one that names the function to call", err)
	}
}
