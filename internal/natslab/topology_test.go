package natslab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestClusterSurvivesOneNode(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3)
	js := newJetStream(t, c.Connect(t))
	fill(t, js, "DATA", 3, 5)
	leader := c.AwaitStream(t, "", "DATA")
	if got := c.StreamServers("", "DATA"); len(got) != 3 {
		t.Errorf("%d servers hold the stream, want 3", len(got))
	}
	url := leader.ClientURL()

	leader.Shutdown()
	if next := c.AwaitStream(t, "", "DATA"); next == leader {
		t.Errorf("the stream's leader is %s, which is down", next.Name())
	}
	publishEventually(t, js, "DATA.x")
	c.AwaitReady(t)

	leader.Restart(t)
	if leader.ClientURL() != url {
		t.Errorf("URL %s after the restart, want %s", leader.ClientURL(), url)
	}
	c.AwaitStream(t, "", "DATA")
	if got := messages(t, newJetStream(t, leader.Connect(t)), "DATA"); got != 6 {
		t.Errorf("%d messages, want 6", got)
	}
}

// publishEventually publishes one message, with retries while the stream changes its leader. The message ID prevents
// duplicates.
func publishEventually(t *testing.T, js jetstream.JetStream, subject string) {
	t.Helper()
	eventually(t, "a publish", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), probeTimeout)
		defer cancel()
		_, err := js.Publish(ctx, subject, []byte("data"), jetstream.WithMsgID("once"))
		return err
	})
}

func TestClusterFacts(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3, Name("hub"), UserPassword("u", "p"), TLS(), Mutate(func(o *server.Options) {
		o.Metadata = map[string]string{"set-by": o.ServerName}
	}))
	if got := c.ClusterNames(); !slices.Equal(got, []string{"hub"}) {
		t.Errorf("cluster names %v", got)
	}
	if c.ConnectionCount() != 0 || c.TotalConnections() != 0 {
		t.Errorf("%d connections, %d in total, before the first", c.ConnectionCount(), c.TotalConnections())
	}
	for i, s := range c.Servers() {
		name := fmt.Sprintf("hub-%d", i+1)
		if s.Name() != name || s.ClusterName() != "hub" || c.Server(name) != s {
			t.Errorf("server %d is %s of cluster %s", i, s.Name(), s.ClusterName())
		}
		nc := s.Connect(t)
		if nc.ConnectedServerName() != name || nc.ConnectedClusterName() != "hub" {
			t.Errorf("the client is connected to %s of %s", nc.ConnectedServerName(), nc.ConnectedClusterName())
		}
		if _, err := newJetStream(t, nc).AccountInfo(testContext(t)); err != nil {
			t.Errorf("account info from %s: %v", name, err)
		}
		if v, err := s.NATSServer().Varz(nil); err != nil || v.Metadata["set-by"] != name {
			t.Errorf("metadata of %s: %v, %v", name, v.Metadata, err)
		}
	}
	if c.ConnectionCount() != 3 || c.TotalConnections() != 3 {
		t.Errorf("%d connections, %d in total, want 3", c.ConnectionCount(), c.TotalConnections())
	}
	if c.Server("other") != nil || c.MetaLeader() == nil || c.StreamLeader("", "NONE") != nil {
		t.Error("a server, a stream leader that does not exist, or no meta leader")
	}
	if c.CAFile() == "" || len(c.URLs()) != 3 || strings.Count(c.ClientURL(), "nats://") != 3 {
		t.Errorf("CA %q, URLs %v", c.CAFile(), c.URLs())
	}
	_, err := nats.Connect(c.ClientURL(), nats.RootCAs(c.CAFile()))
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a password: %v", err)
	}
}

func TestClusterRestartKeepsData(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3)
	nc := c.Connect(t)
	js := newJetStream(t, nc)
	fill(t, js, "DATA", 3, 5)
	c.AwaitStream(t, "", "DATA")

	// Without a quorum, Start returns as soon as the server listens because the server cannot become ready.
	c.Shutdown()
	c.Servers()[0].Restart(t)
	if c.MetaLeader() != nil {
		t.Error("a meta leader with one server of three")
	}
	c.Restart(t)
	c.AwaitStream(t, "", "DATA")
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
	if got := messages(t, js, "DATA"); got != 5 {
		t.Errorf("%d messages after the restart, want 5", got)
	}
}

func TestSuperClusterPlacesStreams(t *testing.T) {
	t.Parallel()
	c := SuperCluster(t, 3, []string{"east", "west"}, Domain("hub"), Tags("ssd"))
	if got := c.ClusterNames(); !slices.Equal(got, []string{"east", "west"}) || len(c.Servers()) != 6 {
		t.Fatalf("clusters %v with %d servers", got, len(c.Servers()))
	}
	js := newJetStream(t, c.Server("east-1").Connect(t))
	tests := []struct {
		stream, region string
		placement      jetstream.Placement
	}{
		{"BY_CLUSTER_EAST", "east", jetstream.Placement{Cluster: "east"}},
		{"BY_CLUSTER_WEST", "west", jetstream.Placement{Cluster: "west"}},
		{"BY_TAG_EAST", "east", jetstream.Placement{Tags: []string{"region:east"}}},
		{"BY_TAG_WEST", "west", jetstream.Placement{Tags: []string{"region:west", "ssd"}}},
	}
	for _, tt := range tests {
		t.Run(tt.stream, func(t *testing.T) {
			s, err := js.CreateStream(testContext(t), jetstream.StreamConfig{
				Name: tt.stream, Replicas: 3, Placement: &tt.placement,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.CachedInfo().Cluster.Name; got != tt.region {
				t.Errorf("the stream is in cluster %s, want %s", got, tt.region)
			}
			leader := c.AwaitStream(t, "", tt.stream)
			if leader.ClusterName() != tt.region || !leader.IsStreamLeader("", tt.stream) {
				t.Errorf("the leader is %s, want one in %s", leader.Name(), tt.region)
			}
			for _, s := range c.StreamServers("", tt.stream) {
				if !slices.Contains(c.Region(tt.region), s) || !slices.Contains(s.Tags(), "region:"+tt.region) {
					t.Errorf("a replica is on %s with tags %v", s.Name(), s.Tags())
				}
			}
		})
	}
	_, err := js.CreateStream(testContext(t), jetstream.StreamConfig{
		Name: "NOWHERE", Placement: &jetstream.Placement{Tags: []string{"region:north"}},
	})
	if err == nil {
		t.Error("a stream was placed in a region that does not exist")
	}
}

func TestSuperClusterOfSingleNodes(t *testing.T) {
	t.Parallel()
	c := SuperCluster(t, 1, []string{"east", "west"})
	js := newJetStream(t, c.Server("west-1").Connect(t))
	_, err := js.CreateStream(testContext(t), jetstream.StreamConfig{
		Name: "DATA", Placement: &jetstream.Placement{Cluster: "east"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if leader := c.AwaitStream(t, "", "DATA"); leader.Name() != "east-1" {
		t.Errorf("the leader is %s", leader.Name())
	}
}

func TestTopologyRefusesSizes(t *testing.T) {
	t.Parallel()
	if _, err := StartCluster(t.Context(), 1, Options{}); err == nil {
		t.Error("a cluster of one server started")
	}
	if _, err := StartSuperCluster(t.Context(), 3, []string{"east"}, Options{}); err == nil {
		t.Error("a super-cluster of one region started")
	}
	if _, err := StartSuperCluster(t.Context(), 0, []string{"east", "west"}, Options{}); err == nil {
		t.Error("a super-cluster without servers started")
	}
}

func TestLeafNodeJoinsDomains(t *testing.T) {
	t.Parallel()
	hub := Single(t, Name("hub"), Domain("hub"), LeafNodes())
	leaf := Single(t, Name("leaf"), Domain("leaf"), LeafRemotes(LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	fill(t, newJetStream(t, hub.Connect(t)), "DATA", 1, 7)

	nc := leaf.Connect(t)
	remote, err := jetstream.NewWithDomain(nc, "hub")
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(t, remote, "DATA"); got != 7 {
		t.Errorf("%d messages in the hub's domain, want 7", got)
	}
	js := newJetStream(t, nc)
	_, err = js.CreateStream(testContext(t), jetstream.StreamConfig{
		Name: "COPY", Mirror: &jetstream.StreamSource{Name: "DATA", Domain: "hub"},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mirror", func() error {
		if got := messages(t, js, "COPY"); got != 7 {
			return fmt.Errorf("%d messages, want 7", got)
		}
		return nil
	})
}
