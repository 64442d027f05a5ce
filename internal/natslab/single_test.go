package natslab

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestSingleIsReady(t *testing.T) {
	s := Single(t)
	nc := s.Connect(t)
	if _, err := newJetStream(t, nc).AccountInfo(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := nc.ConnectedServerName(); got != "lab" || s.Name() != "lab" {
		t.Errorf("server name %q and %q, want lab", got, s.Name())
	}
	if got := nc.ConnectedServerVersion(); got != s.Version() {
		t.Errorf("version %q, the client says %q", s.Version(), got)
	}
	if got := nc.ConnectedServerId(); got != s.ID() {
		t.Errorf("id %q, the client says %q", s.ID(), got)
	}
	if s.ClusterName() != "" || s.CAFile() != "" {
		t.Errorf("cluster %q and CA %q of a single server without TLS", s.ClusterName(), s.CAFile())
	}
}

func TestSingleOptions(t *testing.T) {
	const gib = 1 << 30
	tests := []struct {
		name  string
		opts  []Option
		check func(t *testing.T, s *Server)
	}{
		{"name and tags", []Option{Name("one"), Tags("region:east", "zone:1")}, func(t *testing.T, s *Server) {
			v, err := s.NATSServer().Varz(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(v.Tags, ","); v.Name != "one" || got != "region:east,zone:1" {
				t.Errorf("server %s with tags %s", v.Name, got)
			}
		}},
		{"domain", []Option{Domain("hub")}, func(t *testing.T, s *Server) {
			js, err := jetstream.NewWithDomain(s.Connect(t), "hub")
			if err != nil {
				t.Fatal(err)
			}
			info, err := js.AccountInfo(testContext(t))
			if err != nil || info.Domain != "hub" {
				t.Errorf("account info %+v, %v; want domain hub", info, err)
			}
		}},
		{"JetStream off", []Option{NoJetStream()}, func(t *testing.T, s *Server) {
			_, err := newJetStream(t, s.Connect(t)).AccountInfo(testContext(t))
			if !errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
				t.Errorf("account info: %v, want an error that JetStream is not enabled", err)
			}
		}},
		{"limits", []Option{MaxStore(gib), MaxMemory(gib / 2)}, func(t *testing.T, s *Server) {
			config := s.NATSServer().JetStreamConfig()
			if config.MaxStore != gib || config.MaxMemory != gib/2 {
				t.Errorf("max store %d and max memory %d", config.MaxStore, config.MaxMemory)
			}
		}},
		{"config text", []Option{Config("max_payload: 4321")}, func(t *testing.T, s *Server) {
			if got := s.Connect(t).MaxPayload(); got != 4321 {
				t.Errorf("max payload %d, want 4321", got)
			}
		}},
		{"mutator", []Option{Mutate(func(o *server.Options) { o.MaxPayload = 1234 })}, func(t *testing.T, s *Server) {
			if got := s.Connect(t).MaxPayload(); got != 1234 {
				t.Errorf("max payload %d, want 1234", got)
			}
		}},
		{"system user", []Option{SystemUser("sys", "pw")}, func(t *testing.T, s *Server) {
			if _, err := newJetStream(t, s.Connect(t)).AccountInfo(testContext(t)); err != nil {
				t.Errorf("without credentials: %v", err)
			}
			sys := s.Connect(t, nats.UserInfo("sys", "pw"))
			if _, err := sys.RequestWithContext(testContext(t), "$SYS.REQ.SERVER.PING", nil); err != nil {
				t.Errorf("as the system user: %v", err)
			}
		}},
		{"all at once", []Option{WithOptions(NewOptions(Name("other"))), Tags("a")}, func(t *testing.T, s *Server) {
			if s.Name() != "other" || len(s.Tags()) != 1 {
				t.Errorf("server %s with tags %v", s.Name(), s.Tags())
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, Single(t, tt.opts...)) })
	}
}

func TestSingleRestartKeepsDataAndPort(t *testing.T) {
	s := Single(t)
	nc := s.Connect(t)
	js := newJetStream(t, nc)
	fill(t, js, "DATA", 1, 10)
	url, id := s.ClientURL(), s.ID()

	s.Shutdown()
	if s.Running() || s.ID() != "" || s.ConnectionCount() != 0 || s.TotalConnections() != 0 {
		t.Error("the server is still running after Shutdown")
	}
	if _, err := s.Dial(); err == nil {
		t.Error("connected to a server that is down")
	}
	s.Restart(t)
	if s.ClientURL() != url || s.ID() == id {
		t.Errorf("after the restart: URL %s, want %s; id %s, want another", s.ClientURL(), url, s.ID())
	}
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
	if got := messages(t, js, "DATA"); got != 10 {
		t.Errorf("%d messages after the restart, want 10", got)
	}
	if err := s.Start(testContext(t)); err == nil {
		t.Error("Start of a running server succeeded")
	}
}

func TestSingleFixedStoreDirAndPort(t *testing.T) {
	dir := t.TempDir()
	first, err := Start(testContext(t), NewOptions(StoreDir(dir)))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, newJetStream(t, first.Connect(t)), "DATA", 1, 3)
	port := first.Port()
	first.Stop()

	second := Single(t, StoreDir(dir), Port(port))
	if second.Port() != port || second.StoreDir() != dir {
		t.Errorf("port %d and storage %s, want %d and %s", second.Port(), second.StoreDir(), port, dir)
	}
	if got := messages(t, newJetStream(t, second.Connect(t)), "DATA"); got != 3 {
		t.Errorf("%d messages, want 3", got)
	}
}

func TestSingleConnectionCounts(t *testing.T) {
	s := Single(t, UserPassword("u", "p"))
	if open, total := s.ConnectionCount(), s.TotalConnections(); open != 0 || total != 0 {
		t.Errorf("%d open connections and %d in total before the first", open, total)
	}
	first := s.Connect(t)
	s.Connect(t)
	if open, total := s.ConnectionCount(), s.TotalConnections(); open != 2 || total != 2 {
		t.Errorf("%d open connections and %d in total, want 2 and 2", open, total)
	}
	first.Close()
	eventually(t, "the server to notice", func() error {
		if s.ConnectionCount() != 1 {
			return errors.New("the connection is still open")
		}
		return nil
	})
	if total := s.TotalConnections(); total != 2 {
		t.Errorf("%d connections in total, want 2", total)
	}
}

func TestSingleStartFails(t *testing.T) {
	taken, err := net.Listen("tcp4", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	tests := []struct {
		name string
		opts []Option
		want string
	}{
		{"port in use", []Option{Port(taken.Addr().(*net.TCPAddr).Port)}, "address already in use"},
		{"bad configuration", []Option{Config("no_such_field: 1")}, "no_such_field"},
		{"token and users", []Option{Token("t"), UserPassword("u", "p")}, "token"},
		{"account without a name", []Option{Accounts(Account{})}, "has no name"},
		{"account twice", []Option{Accounts(Account{Name: "A"}, Account{Name: "A"})}, "configured twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Start(testContext(t), NewOptions(tt.opts...))
			if err == nil {
				s.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want one that contains %q", err, tt.want)
			}
		})
	}
	wantNoGoroutines(t, "nats-server/v2/server.")
}

func TestSingleIsNotReadyWithoutItsHub(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), probeTimeout)
	defer cancel()
	s, err := Start(ctx, NewOptions(LeafRemotes(LeafRemote{URLs: []string{"nats-leaf://" + address(1)}})))
	if err == nil {
		s.Stop()
		t.Fatal("started")
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "leaf-node") {
		t.Errorf("error %q, want one that names what is missing", err)
	}
	wantNoGoroutines(t, "nats-server/v2/server.")
}
