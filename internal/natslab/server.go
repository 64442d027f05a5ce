package natslab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// globalAccount is the account of clients that do not select another one.
const globalAccount = server.DEFAULT_GLOBAL_ACCOUNT

// Server is a nats-server in this process. It keeps its ports and its storage between Shutdown and Start.
type Server struct {
	endpoint
	texts    []string
	probes   []probe
	traced   bool
	log      *serverLog
	topology *Topology
	cleanup  func()

	// perRoute is the number of connections from this server to each other server of its cluster.
	perRoute int

	mu     sync.Mutex
	srv    *server.Server
	probed uint64
}

// Start runs a single server and returns when it is ready. The caller stops it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Name == "" {
		o.Name = "lab"
	}
	l, err := newLab(o)
	if err != nil {
		return nil, err
	}
	p, err := reservePorts(o.Port, false, false, o.LeafNodes)
	if err != nil {
		l.remove()
		return nil, err
	}
	s, err := l.server(node{name: o.Name, storeDir: o.storeDir(l.dir, o.Name, false), ports: p})
	if err != nil {
		p.free()
		l.remove()
		return nil, err
	}
	s.cleanup = func() {
		p.free()
		l.remove()
	}
	if err := s.Start(ctx); err != nil {
		s.Stop()
		return nil, withLog(err, s)
	}
	return s, nil
}

// lab holds what the servers of one topology have in common.
type lab struct {
	opts   Options
	dir    string
	files  *TLSFiles
	remove func()
}

func newLab(o Options) (*lab, error) {
	l := &lab{opts: o, dir: o.Dir, remove: func() {}}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("natslab: %w", err)
		}
	} else {
		dir, err := os.MkdirTemp("", "natslab-")
		if err != nil {
			return nil, fmt.Errorf("natslab: %w", err)
		}
		l.dir = dir
		l.remove = func() { _ = os.RemoveAll(dir) }
	}
	if o.TLS || o.VerifyClients || o.HandshakeFirst {
		files, err := NewTLSFiles(l.dir)
		if err != nil {
			l.remove()
			return nil, err
		}
		l.files = &files
	}
	return l, nil
}

// server creates one server without starting it.
func (l *lab) server(n node) (*Server, error) {
	probes, withProbes, err := l.opts.addProbes()
	if err != nil {
		return nil, err
	}
	c, err := withProbes.config(n, l.files)
	if err != nil {
		return nil, err
	}
	text, err := c.text()
	if err != nil {
		return nil, fmt.Errorf("natslab: configuration: %w", err)
	}
	return &Server{
		endpoint: endpoint{opts: l.opts, node: n, files: l.files},
		texts:    append([]string{text}, l.opts.Config...),
		probes:   probes, traced: true, log: &serverLog{}, cleanup: func() {},
	}, nil
}

// launch starts the server and waits until it listens.
func (s *Server) launch(ctx context.Context) error {
	srv, err := s.prepare()
	if err != nil {
		return err
	}
	return s.listen(ctx, srv)
}

// prepare creates the embedded server without starting it.
func (s *Server) prepare() (*server.Server, error) {
	if s.Running() {
		return nil, fmt.Errorf("natslab: server %s is already running", s.node.name)
	}
	if s.opts.Executable != "" {
		return nil, errors.New("natslab: Executable requires StartProcess")
	}
	opts, err := serverOptions(s.texts)
	if err != nil {
		return nil, err
	}
	for _, mutate := range s.opts.Mutate {
		mutate(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("natslab: server %s: %w", s.node.name, err)
	}
	// NewServer fills in the defaults: a pool, and a connection for the system account.
	s.perRoute = 1
	if opts.Cluster.PoolSize > 0 {
		s.perRoute = opts.Cluster.PoolSize + len(opts.Cluster.PinnedAccounts)
	}
	s.log.reset()
	// A connection is traced only if tracing was on when it was opened, so tracing is on from the start: see
	// Requests.
	srv.SetLoggerV2(s.log, false, s.traced, false)
	return srv, nil
}

// listen starts a prepared server and waits until it listens.
func (s *Server) listen(ctx context.Context, srv *server.Server) error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		srv.Start()
	}()
	err := poll(ctx, "server "+s.node.name+" to listen", func() error {
		if err := s.log.fatalError(); err != nil {
			return err
		}
		if !srv.ReadyForConnections(pollInterval) {
			return errors.New("not listening yet")
		}
		return nil
	})
	if err != nil {
		srv.Shutdown()
		<-started
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.srv, s.probed = srv, 0
	return nil
}

// Start restarts the server after Shutdown on the same ports and storage, and returns when it is ready. If too few
// servers of the topology run for the meta group to have a leader, it returns when the server listens.
func (s *Server) Start(ctx context.Context) error {
	if err := s.launch(ctx); err != nil {
		return err
	}
	if s.topology == nil {
		return poll(ctx, "server "+s.node.name+" to be ready", s.ready)
	}
	if !s.topology.quorum() {
		return nil
	}
	return s.topology.WaitReady(ctx)
}

// Shutdown shuts the server down cleanly: the server transfers its leadership, closes its connections and exits.
// Ports and storage are kept. It does nothing if the server is down.
func (s *Server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	s.srv = nil
}

// Stop shuts the server down permanently and releases its ports and its temporary directory. For a server of a
// topology it is the same as Shutdown; Stop of the topology releases the rest.
func (s *Server) Stop() {
	s.Shutdown()
	s.cleanup()
}

// Running reports whether the server is running.
func (s *Server) Running() bool { return s.NATSServer() != nil }

// NATSServer returns the embedded server, or nil while it is down. Each Start creates a new one.
func (s *Server) NATSServer() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv
}

// ClusterName returns the name of the server's cluster, or "" if it is not clustered.
func (s *Server) ClusterName() string {
	if s.node.cluster == nil {
		return ""
	}
	return s.node.cluster.Name
}

// Tags returns the server's tags.
func (s *Server) Tags() []string { return append(slices.Clone(s.node.tags), s.opts.Tags...) }

// Version returns the version of nats-server.
func (s *Server) Version() string { return server.VERSION }

// ID returns the server's public key, or "" while it is down. It changes with each Start.
func (s *Server) ID() string {
	if srv := s.NATSServer(); srv != nil {
		return srv.ID()
	}
	return ""
}

// Log returns the last lines of the server's log across all runs.
func (s *Server) Log() []string { return s.log.text() }

// ConnectionCount returns the number of open client connections, without the lab's own. It is 0 while the server is
// down.
func (s *Server) ConnectionCount() int {
	srv := s.NATSServer()
	if srv == nil {
		return 0
	}
	// NumClients would include the lab's own connections until the server notices that they are closed.
	open, err := srv.Connz(&server.ConnzOptions{Limit: math.MaxInt32})
	if err != nil {
		return 0
	}
	count := 0
	for _, c := range open.Conns {
		if c.Name != probeName {
			count++
		}
	}
	return count
}

// TotalConnections returns the number of client connections accepted since the server's last start, without the lab's
// own. It is 0 while the server is down.
func (s *Server) TotalConnections() uint64 {
	srv := s.NATSServer()
	if srv == nil {
		return 0
	}
	v, err := srv.Varz(nil)
	if err != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A probe increments probed before the server counts the connection.
	return v.TotalConnections - min(v.TotalConnections, s.probed)
}

// IsStreamLeader reports whether this server leads the stream. An empty account is $G.
func (s *Server) IsStreamLeader(account, stream string) bool {
	srv := s.NATSServer()
	return srv != nil && srv.JetStreamIsStreamLeader(accountOrGlobal(account), stream)
}

func accountOrGlobal(account string) string {
	if account == "" {
		return globalAccount
	}
	return account
}
