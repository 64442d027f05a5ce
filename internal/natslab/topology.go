package natslab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Topology is a cluster, or a super-cluster of regions. A region is a cluster that has the region's name.
type Topology struct {
	opts    Options
	files   *TLSFiles
	regions []string
	servers []*Server
	cleanup func()
}

// StartCluster runs a cluster of size servers, at least two, and returns when it is ready. The caller stops it.
func StartCluster(ctx context.Context, size int, o Options) (*Topology, error) {
	if o.Name == "" {
		o.Name = "lab"
	}
	if size < 2 {
		return nil, fmt.Errorf("natslab: a cluster needs at least 2 servers, not %d", size)
	}
	return startTopology(ctx, size, []string{o.Name}, o)
}

// StartSuperCluster runs one cluster per region, with nodesPerRegion servers each, connected by gateways, and returns
// when it is ready. Each server has the tag "region:<name>". All servers are in one JetStream domain. The caller
// stops it.
func StartSuperCluster(
	ctx context.Context, nodesPerRegion int, regions []string, o Options,
) (*Topology, error) {
	if nodesPerRegion < 1 || len(regions) < 2 {
		return nil, fmt.Errorf("natslab: a super-cluster needs at least 2 regions with at least 1 server each, "+
			"not %d with %d", len(regions), nodesPerRegion)
	}
	return startTopology(ctx, nodesPerRegion, regions, o)
}

func startTopology(ctx context.Context, size int, regions []string, o Options) (*Topology, error) {
	l, err := newLab(o)
	if err != nil {
		return nil, err
	}
	t := &Topology{opts: o, files: l.files, regions: slices.Clone(regions), cleanup: l.remove}
	if err := t.start(ctx, l, size); err != nil {
		t.Stop()
		return nil, withLog(err, t.servers...)
	}
	return t, nil
}

func (t *Topology) start(ctx context.Context, l *lab, size int) error {
	nodes, err := t.nodes(l, size)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		s, err := l.server(n)
		if err != nil {
			return err
		}
		s.topology = t
		t.servers = append(t.servers, s)
	}
	if err := t.launch(ctx); err != nil {
		return err
	}
	return t.WaitReady(ctx)
}

// nodes reserves the ports of all servers and sets their routes and gateways.
func (t *Topology) nodes(l *lab, size int) ([]node, error) {
	super := len(t.regions) > 1
	var nodes []node
	routes := make(map[string][]string)
	gateways := make([]remoteGateway, 0, len(t.regions))
	for _, region := range t.regions {
		gateway := remoteGateway{Name: region}
		for i := range size {
			p, err := reservePorts(0, true, super, l.opts.LeafNodes)
			if err != nil {
				return nil, err
			}
			free, remaining := p.free, t.cleanup
			t.cleanup = func() {
				free()
				remaining()
			}
			name := fmt.Sprintf("%s-%d", region, i+1)
			n := node{name: name, storeDir: l.opts.storeDir(l.dir, name, true), ports: p}
			n.cluster = &clusterConfig{Name: region, Listen: address(p.cluster.number)}
			if super {
				n.gateway = &gatewayConfig{Name: region, Listen: address(p.gateway.number)}
				n.tags = []string{"region:" + region}
				gateway.URLs = append(gateway.URLs, "nats://"+address(p.gateway.number))
			}
			// A server derives the size of the meta group from the number of routes and gateway URLs, so the lists
			// contain all servers, including itself (bootstrapRaftNode in the server's raft.go).
			routes[region] = append(routes[region], "nats-route://"+address(p.cluster.number))
			nodes = append(nodes, n)
		}
		gateways = append(gateways, gateway)
	}
	for _, n := range nodes {
		n.cluster.Routes = routes[n.cluster.Name]
		if super {
			n.gateway.Gateways = gateways
		}
	}
	return nodes, nil
}

// launch starts all servers that are down and waits until they listen.
//
// All servers are prepared first and then started together. A server campaigns for leadership of the meta group 0.1
// to 0.8 seconds after its start. If it cannot reach a majority by then, the election fails, and the next attempt
// follows 4 to 9 seconds later (the campaign and election timeouts in the server's raft.go).
func (t *Topology) launch(ctx context.Context) error {
	var mu sync.Mutex
	prepared := make(map[*Server]*server.Server)
	err := t.each(func(s *Server) error {
		if s.Running() {
			return nil
		}
		srv, err := s.prepare()
		mu.Lock()
		defer mu.Unlock()
		prepared[s] = srv
		return err
	})
	if err != nil {
		for _, srv := range prepared {
			srv.Shutdown() // does nothing on a nil server
		}
		return err
	}
	return t.each(func(s *Server) error {
		if srv := prepared[s]; srv != nil {
			return s.listen(ctx, srv)
		}
		return nil
	})
}

// each calls f for all servers concurrently.
func (t *Topology) each(f func(*Server) error) error {
	errs := make([]error, len(t.servers))
	var wg sync.WaitGroup
	for i, s := range t.servers {
		wg.Go(func() { errs[i] = f(s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Start starts all servers that are down and returns when the topology is ready.
func (t *Topology) Start(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	return t.WaitReady(ctx)
}

// Shutdown stops all servers. Their ports and storage are kept.
func (t *Topology) Shutdown() {
	_ = t.each(func(s *Server) error {
		s.Shutdown()
		return nil
	})
}

// Stop stops all servers permanently and releases their ports and the temporary directory.
func (t *Topology) Stop() {
	t.Shutdown()
	t.cleanup()
}

// Servers returns all servers, region by region, including those that are down.
func (t *Topology) Servers() []*Server { return slices.Clone(t.servers) }

// Server returns the server with this name, or nil. Servers are called <cluster>-1, <cluster>-2, and so on.
func (t *Topology) Server(name string) *Server {
	for _, s := range t.servers {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// Region returns the servers of the region or cluster with this name.
func (t *Topology) Region(name string) []*Server {
	var servers []*Server
	for _, s := range t.servers {
		if s.ClusterName() == name {
			servers = append(servers, s)
		}
	}
	return servers
}

// ClusterNames returns the names of the clusters. A super-cluster has one cluster per region.
func (t *Topology) ClusterNames() []string { return slices.Clone(t.regions) }

// URLs returns the client URLs of all servers.
func (t *Topology) URLs() []string {
	urls := make([]string, 0, len(t.servers))
	for _, s := range t.servers {
		urls = append(urls, s.ClientURL())
	}
	return urls
}

// ClientURL returns the client URLs of all servers in one string, as nats.Connect accepts them.
func (t *Topology) ClientURL() string { return strings.Join(t.URLs(), ",") }

// LeafNodeURLs returns the URLs for leaf nodes of all servers. It is empty without [LeafNodes].
func (t *Topology) LeafNodeURLs() []string {
	var urls []string
	for _, s := range t.servers {
		if url := s.LeafNodeURL(); url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// CAFile returns the path of the CA certificate, or "" without TLS.
func (t *Topology) CAFile() string { return t.TLSFiles().CA }

// TLSFiles returns the certificate files, or the zero value without TLS.
func (t *Topology) TLSFiles() TLSFiles { return t.servers[0].TLSFiles() }

// Dial connects to any running server; [Server.Dial] connects to a specific one. The caller closes the connection.
func (t *Topology) Dial(opts ...nats.Option) (*nats.Conn, error) {
	return dial(t.ClientURL(), t.opts, t.files, opts)
}

// ClientOptions returns the options that Dial uses: the first configured user and the TLS settings.
func (t *Topology) ClientOptions() []nats.Option { return clientOptions(t.opts, t.files) }

// ConnectionCount returns the number of open client connections to all servers, without the lab's own.
func (t *Topology) ConnectionCount() int {
	total := 0
	for _, s := range t.servers {
		total += s.ConnectionCount()
	}
	return total
}

// TotalConnections returns the number of client connections that the running servers accepted since their last start,
// without the lab's own.
func (t *Topology) TotalConnections() uint64 {
	var total uint64
	for _, s := range t.servers {
		total += s.TotalConnections()
	}
	return total
}
