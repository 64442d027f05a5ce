package natslab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func TestProcessKilledKeepsData(t *testing.T) {
	p := Process(t, UserPassword("u", "p"), Domain("hub"))
	nc := p.Connect(t)
	js := newJetStream(t, nc)
	fill(t, js, "DATA", 1, 100)
	url, pid := p.ClientURL(), p.PID()

	p.Kill()
	p.Kill()
	if p.Running() || p.PID() != 0 {
		t.Error("the process is still running after Kill")
	}
	wantClosed(t, p.Port())
	p.Restart(t)
	if p.ClientURL() != url || p.PID() == pid {
		t.Errorf("after the restart: URL %s, want %s; process %d, want another", p.ClientURL(), url, p.PID())
	}
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
	if got := messages(t, js, "DATA"); got != 100 {
		t.Errorf("%d messages after the restart, want 100", got)
	}
	if err := p.Start(testContext(t)); err == nil {
		t.Error("Start of a running process succeeded")
	}
	p.Shutdown()
	p.Restart(t)
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
	if got := messages(t, js, "DATA"); got != 100 {
		t.Errorf("%d messages after the second restart, want 100", got)
	}
}

func TestProcessOptions(t *testing.T) {
	p := Process(t, Name("far"), VerifyClients(), Config("max_payload: 4321"), Accounts(Account{
		Name: "A", Users: []User{{Name: "a", Password: "p"}}, JetStream: &JetStreamLimits{MaxStreams: new(int64(3))},
	}))
	nc := p.Connect(t)
	if nc.ConnectedServerName() != "far" || nc.MaxPayload() != 4321 {
		t.Errorf("server %s with a max payload of %d", nc.ConnectedServerName(), nc.MaxPayload())
	}
	if info, err := newJetStream(t, nc).AccountInfo(testContext(t)); err != nil || info.Limits.MaxStreams != 3 {
		t.Errorf("account info: %+v, %v", info, err)
	}
	if _, err := nats.Connect(p.ClientURL(), nats.RootCAs(p.CAFile()), nats.UserInfo("a", "p")); err == nil {
		t.Error("connected without a client certificate")
	}
}

func TestProcessStartFails(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		opts []Option
		want string
	}{
		{"mutator", t.Context(), []Option{Mutate(func(*server.Options) {})}, "Mutate"},
		{"bad configuration", t.Context(), []Option{Config("no_such_field: 1")}, "no_such_field"},
		{"no time", ended, nil, "context canceled"},
		{"no executable", t.Context(), []Option{Executable("/no/such/server")}, "no such file"},
		{"an executable that ends", t.Context(), []Option{Executable(thisExecutable(t)), Config("no_such_field: 1")}, "no_such_field"},
		{"an executable and no time", ended, []Option{Executable(thisExecutable(t))}, "context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := StartProcess(tt.ctx, NewOptions(tt.opts...))
			if err == nil {
				p.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want one that contains %q", err, tt.want)
			}
		})
	}
	t.Run("a child of a child", func(t *testing.T) {
		t.Setenv(childVariable, "1")
		_, err := StartProcess(t.Context(), Options{})
		if err == nil || !strings.Contains(err.Error(), "natslab.Main") {
			t.Errorf("error %v, want one that names the function to call", err)
		}
	})
}

// parentVariable makes the test binary start a server in a child process and wait to be killed.
const parentVariable = "NATSLAB_TEST_PARENT"

// actAsParent prints the port and the storage directory of a server in a child process, and then blocks forever.
func actAsParent() {
	p, err := StartProcess(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"port": p.Port(), "dir": p.StoreDir()})
	select {}
}

func TestProcessEndsWithItsParent(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(executable, "-test.run=^$")
	// The killed parent does not remove its temporary directory, so it uses one that the test removes.
	parent.Env = append(os.Environ(), parentVariable+"=1", "TMPDIR="+t.TempDir())
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	killed := parent.Process.Kill()
	if err != nil || killed != nil {
		t.Fatal(err, killed)
	}
	_ = parent.Wait()
	var server struct{ Port int }
	if err := json.Unmarshal(line, &server); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	eventually(t, "the server to end", func() error {
		c, err := net.DialTimeout("tcp4", address(server.Port), dialTimeout)
		if err == nil {
			_ = c.Close()
			return fmt.Errorf("port %d is still in use", server.Port)
		}
		return nil
	})
}
