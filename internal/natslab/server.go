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

// globalAccount is the account of clients without one.
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

	// perRoute is how many connections this server has to each other server of its cluster.
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

// lab is what the servers of one topology have in common.
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

// server makes one server without running it.
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

// prepare makes the embedded server without starting it.
func (s *Server) prepare() (*server.Server, error) {
	if s.Running() {
		return nil, fmt.Errorf("natslab: server %s is already running", s.node.name)
	}
	if s.opts.Executable != "" {
		return nil, errors.New("natslab: an executable needs StartProcess")
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
	// NewServer has filled in the defaults: a pool, and a connection for the system account.
	s.perRoute = 1
	if opts.Cluster.PoolSize > 0 {
		s.perRoute = opts.Cluster.PoolSize + len(opts.Cluster.PinnedAccounts)
	}
	s.log.reset()
	// A connection is traced only if tracing was on when it was opened, so it is on from the start: see
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

// Start starts the server again after Shutdown, on the same ports and storage, and returns when it is ready. In
// a topology of which too few servers run for the meta group to have a leader, it returns when the server
// listens.
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

// Shutdown stops the server as an operator would: it hands over what it leads, closes its connections and
// returns when it is gone. Ports and storage are kept. It does nothing if the server is down.
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

// Stop shuts the server down for good and gives back its ports and its temporary directory. Of a server of a
// topology it is the same as Shutdown; the topology's Stop does the rest.
func (s *Server) Stop() {
	s.Shutdown()
	s.cleanup()
}

// Running tells whether the server runs.
func (s *Server) Running() bool { return s.NATSServer() != nil }

// NATSServer returns the embedded server, or nil while it is down. It is another one after each Start.
func (s *Server) NATSServer() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv
}

// ClusterName returns the name of the server's cluster, or "" if it is in none.
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

// ID returns the server's public key, or "" while it is down. It is another one after each Start.
func (s *Server) ID() string {
	if srv := s.NATSServer(); srv != nil {
		return srv.ID()
	}
	return ""
}

// Log returns the last lines of the server's log, of all its runs.
func (s *Server) Log() []string { return s.log.text() }

// ConnectionCount returns how many client connections are open, without the lab's own. It is 0 while the server
// is down.
func (s *Server) ConnectionCount() int {
	srv := s.NATSServer()
	if srv == nil {
		return 0
	}
	// NumClients would count the lab's own connections for the moment that the server takes to notice their
	// end.
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

// TotalConnections returns how many client connections were accepted since the server's last start, without the
// lab's own. It is 0 while the server is down.
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
	// A probe is counted here before the server counts it.
	return v.TotalConnections - min(v.TotalConnections, s.probed)
}

// IsStreamLeader tells whether this server leads the stream. An empty account is $G.
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
