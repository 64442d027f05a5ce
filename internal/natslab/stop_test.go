package natslab

import (
	"net"
	"os"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestStopLeavesNothing must not run in parallel with other tests because it checks all goroutines of the process.
func TestStopLeavesNothing(t *testing.T) {
	type running interface {
		Dial(opts ...nats.Option) (*nats.Conn, error)
		Stop()
	}
	tests := []struct {
		name  string
		start func(t *testing.T) (running, []*Server)
	}{
		{"single", func(t *testing.T) (running, []*Server) {
			s, err := Start(testContext(t), NewOptions(TLS(), LeafNodes()))
			if err != nil {
				t.Fatal(err)
			}
			return s, []*Server{s}
		}},
		{"cluster", func(t *testing.T) (running, []*Server) {
			c, err := StartCluster(testContext(t), 3, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return c, c.Servers()
		}},
		{"super-cluster", func(t *testing.T) (running, []*Server) {
			c, err := StartSuperCluster(testContext(t), 2, []string{"east", "west"}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return c, c.Servers()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, servers := tt.start(t)
			closed := make(chan struct{})
			nc, err := r.Dial(nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			fill(t, newJetStream(t, nc), "DATA", 1, 1)
			r.Stop()
			select {
			case <-closed:
			case <-testContext(t).Done():
				t.Fatal("the client is still connected")
			}
			for _, s := range servers {
				p := s.node.ports
				for _, port := range []port{p.client, p.cluster, p.gateway, p.leaf} {
					if port.number != 0 {
						wantClosed(t, port.number)
					}
				}
				if _, err := os.Stat(s.StoreDir()); !os.IsNotExist(err) {
					t.Errorf("storage of %s: %v, want an error that it does not exist", s.Name(), err)
				}
			}
			wantNoGoroutines(t, "nats-server/v2/server.", "nats.go.")
		})
	}
}

func TestPortStaysReserved(t *testing.T) {
	p, err := reservePort(0)
	if err != nil {
		t.Fatal(err)
	}
	wantClosed(t, p.number)
	for range 2 { // a server can listen on it repeatedly
		l, err := net.Listen("tcp4", address(p.number))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reservePort(p.number); err == nil {
			t.Error("reserved a port that is in use")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p.release()
	p.release()
}

// wantClosed fails the test if the port is in use.
func wantClosed(t *testing.T, port int) {
	t.Helper()
	c, err := net.DialTimeout("tcp4", address(port), dialTimeout)
	if err == nil {
		_ = c.Close()
		t.Errorf("port %d is in use", port)
	}
}
