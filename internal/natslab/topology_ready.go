package natslab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func init() {
	// By default, a server waits one second before it connects its gateways to give others time to start. Here the
	// servers start together, and attempts that come too early are repeated.
	server.SetGatewaysSolicitDelay(50 * time.Millisecond)
}

// WaitReady waits until the running servers are ready: each has its routes and gateways, all agree on the leader of
// the JetStream meta group, all are current in it and accept streams, and each has answered a request for the
// JetStream account info.
func (t *Topology) WaitReady(ctx context.Context) error {
	return poll(ctx, "the topology to be ready", t.ready)
}

// quorum reports whether enough servers run for the meta group to have a leader.
func (t *Topology) quorum() bool { return len(t.running()) > len(t.servers)/2 }

func (t *Topology) running() []*Server {
	var running []*Server
	for _, s := range t.servers {
		if s.Running() {
			running = append(running, s)
		}
	}
	return running
}

// ready returns an error that describes what the running servers still lack.
func (t *Topology) ready() error {
	running := t.running()
	if len(running) == 0 {
		return permanentError{errors.New("natslab: all servers are down")}
	}
	perRegion := make(map[string]int)
	for _, s := range running {
		perRegion[s.ClusterName()]++
	}
	for _, s := range running {
		srv := s.NATSServer()
		if srv == nil {
			return fmt.Errorf("server %s went down", s.Name())
		}
		// The accounts are distributed over the connections of a route, so a missing connection cuts off some
		// accounts.
		if got, want := srv.NumRoutes(), (perRegion[s.ClusterName()]-1)*s.perRoute; got != want {
			return fmt.Errorf("server %s has %d of %d route connections", s.Name(), got, want)
		}
		if got, want := srv.NumOutboundGateways(), len(perRegion)-1; got != want {
			return fmt.Errorf("server %s has gateways to %d of %d regions", s.Name(), got, want)
		}
	}
	if !t.opts.NoJetStream {
		if err := t.metaReady(running); err != nil {
			return err
		}
	}
	for _, s := range running {
		if err := s.ready(); err != nil {
			return err
		}
	}
	return nil
}

// metaReady returns an error that describes what the meta group still lacks.
func (t *Topology) metaReady(running []*Server) error {
	leader := t.MetaLeader()
	if leader == nil {
		return errors.New("the meta group has no leader")
	}
	meta, err := metaInfo(leader)
	if err != nil {
		return err
	}
	if meta.Size != len(t.servers) {
		return fmt.Errorf("the meta group has %d of %d servers", meta.Size, len(t.servers))
	}
	// A leader that has no statistics of a server reports it as offline and places no streams there.
	var known []string
	if srv := leader.NATSServer(); srv != nil {
		known = srv.JetStreamClusterPeers()
	}
	current := map[string]bool{leader.Name(): true}
	for _, r := range meta.Replicas {
		current[r.Name] = r.Current && !r.Offline
	}
	for _, s := range running {
		if !current[s.Name()] {
			return fmt.Errorf("server %s is not current in the meta group", s.Name())
		}
		if !slices.Contains(known, s.Name()) {
			return fmt.Errorf("the leader of the meta group has no statistics of server %s", s.Name())
		}
		own, err := metaInfo(s)
		if err != nil {
			return err
		}
		if own.Leader != leader.Name() {
			return fmt.Errorf("server %s reports %q as the leader of the meta group, not %q",
				s.Name(), own.Leader, leader.Name())
		}
		if srv := s.NATSServer(); srv == nil || !srv.JetStreamIsCurrent() {
			return fmt.Errorf("server %s has not caught up with the meta group", s.Name())
		}
	}
	return nil
}

func metaInfo(s *Server) (*server.MetaClusterInfo, error) {
	srv := s.NATSServer()
	if srv == nil {
		return nil, fmt.Errorf("server %s went down", s.Name())
	}
	info, err := srv.Jsz(nil)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", s.Name(), err)
	}
	if info.Meta == nil {
		return nil, fmt.Errorf("server %s is not in the meta group yet", s.Name())
	}
	return info.Meta, nil
}

// MetaLeader returns the leader of the JetStream meta group, or nil if there is none.
func (t *Topology) MetaLeader() *Server {
	for _, s := range t.servers {
		if srv := s.NATSServer(); srv != nil && srv.JetStreamIsLeader() {
			return s
		}
	}
	return nil
}

// StreamLeader returns the leader of the stream, or nil if there is none. An empty account is $G.
func (t *Topology) StreamLeader(account, stream string) *Server {
	for _, s := range t.servers {
		if s.IsStreamLeader(account, stream) {
			return s
		}
	}
	return nil
}

// StreamServers returns the running servers that hold a replica of the stream. An empty account is $G.
func (t *Topology) StreamServers(account, stream string) []*Server {
	var servers []*Server
	for _, s := range t.servers {
		if srv := s.NATSServer(); srv != nil && srv.JetStreamIsStreamAssigned(accountOrGlobal(account), stream) {
			servers = append(servers, s)
		}
	}
	return servers
}

// WaitStream waits until the stream has a leader and its replicas on all running servers are current, and returns the
// leader. An empty account is $G.
func (t *Topology) WaitStream(ctx context.Context, account, stream string) (*Server, error) {
	var leader *Server
	err := poll(ctx, "stream "+stream, func() error {
		if leader = t.StreamLeader(account, stream); leader == nil {
			return errors.New("no leader")
		}
		for _, s := range t.StreamServers(account, stream) {
			srv := s.NATSServer()
			if srv == nil || !srv.JetStreamIsStreamCurrent(accountOrGlobal(account), stream) {
				return fmt.Errorf("the replica on %s is not current", s.Name())
			}
		}
		return nil
	})
	return leader, err
}
