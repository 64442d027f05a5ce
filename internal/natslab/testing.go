package natslab

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// startTimeout limits a start in a test: a super-cluster takes two seconds, and CI machines can be ten times slower.
const startTimeout = 60 * time.Second

// Single runs a server until the test ends.
func Single(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	s, err := Start(ctx, testOptions(tb, opts))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	tb.Cleanup(func() { logOnFailure(tb, s) })
	return s
}

// Cluster runs a cluster of size servers, at least two, until the test ends.
func Cluster(tb testing.TB, size int, opts ...Option) *Topology {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	t, err := StartCluster(ctx, size, testOptions(tb, opts))
	return runs(tb, t, err)
}

// SuperCluster runs one cluster per region, at least two, with nodesPerRegion servers each, until the test ends. See
// [StartSuperCluster].
func SuperCluster(tb testing.TB, nodesPerRegion int, regions []string, opts ...Option) *Topology {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	t, err := StartSuperCluster(ctx, nodesPerRegion, regions, testOptions(tb, opts))
	return runs(tb, t, err)
}

func runs(tb testing.TB, t *Topology, err error) *Topology {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.Stop)
	tb.Cleanup(func() { logOnFailure(tb, t.servers...) })
	return t
}

// AwaitDomain waits until a JetStream domain answers a client of the server. Another server's domain answers after
// leaf nodes have connected the two servers.
func (e *endpoint) AwaitDomain(tb testing.TB, domain string) {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	if err := e.seesDomain(ctx, domain); err != nil {
		tb.Fatal(err)
	}
}

// Connect calls Dial, fails the test on an error, and closes the connection when the test ends.
func (e *endpoint) Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return connected(tb, e.Dial, opts)
}

// Connect calls Dial, fails the test on an error, and closes the connection when the test ends.
func (t *Topology) Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return connected(tb, t.Dial, opts)
}

func connected(tb testing.TB, dial func(...nats.Option) (*nats.Conn, error), opts []nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := dial(append([]nats.Option{nats.Name(tb.Name())}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

// Restart shuts the server down if it is running, and starts it on the same ports and storage.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Shutdown()
	ctx, cancel := startContext()
	defer cancel()
	if err := s.Start(ctx); err != nil {
		tb.Fatal(err)
	}
}

// Restart shuts all servers down and starts them on the same ports and storage.
func (t *Topology) Restart(tb testing.TB) {
	tb.Helper()
	t.Shutdown()
	ctx, cancel := startContext()
	defer cancel()
	if err := t.Start(ctx); err != nil {
		tb.Fatal(err)
	}
}

// AwaitReady calls WaitReady and fails the test on an error.
func (t *Topology) AwaitReady(tb testing.TB) {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	if err := t.WaitReady(ctx); err != nil {
		tb.Fatal(err)
	}
}

// AwaitStream calls WaitStream and fails the test on an error.
func (t *Topology) AwaitStream(tb testing.TB, account, stream string) *Server {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	leader, err := t.WaitStream(ctx, account, stream)
	if err != nil {
		tb.Fatal(err)
	}
	return leader
}

// startContext is independent of the test's context because a server may also be restarted during cleanup.
func startContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), startTimeout)
}

func testOptions(tb testing.TB, opts []Option) Options {
	tb.Helper()
	o := NewOptions(opts...)
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	return o
}

// logOnFailure logs the last warnings and errors of the servers if the test failed.
func logOnFailure(tb testing.TB, servers ...*Server) {
	tb.Helper()
	if !tb.Failed() {
		return
	}
	for _, s := range servers {
		for _, line := range s.log.complaints() {
			tb.Logf("%s: %s", s.Name(), line)
		}
	}
}

// Process runs a server in a child process until the test ends. The package's TestMain must call [Main].
func Process(tb testing.TB, opts ...Option) *ServerProcess {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	p, err := StartProcess(ctx, testOptions(tb, opts))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Stop)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("%s: %s", p.Name(), p.output.text())
		}
	})
	return p
}

// Restart shuts the server down unless it was killed, and starts it on the same port and storage.
func (p *ServerProcess) Restart(tb testing.TB) {
	tb.Helper()
	p.Shutdown()
	ctx, cancel := startContext()
	defer cancel()
	if err := p.Start(ctx); err != nil {
		tb.Fatal(err)
	}
}
