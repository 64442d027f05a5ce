package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Placement selects the servers that hold a bucket. KINE refuses a bucket whose configuration has a placement, but the
// stream does not move when the placement is cleared. So the placement is set only during a creation, a move or a
// change of replicas.
type Placement struct {
	// Cluster is the name of a NATS cluster. A server must have all Tags.
	Cluster string   `json:"cluster,omitempty"`
	Tags    []string `json:"tags,omitempty"`
}

func (p *Placement) String() string {
	var parts []string
	if p.Cluster != "" {
		parts = append(parts, secret.Sprintf("cluster %q", p.Cluster))
	}
	if len(p.Tags) > 0 {
		parts = append(parts, secret.Sprintf("tags %q", p.Tags))
	}
	return strings.Join(parts, " and ")
}

const (
	// settlePoll is the interval at which a stream that moves or is resized is checked.
	settlePoll = 100 * time.Millisecond
	// steadyPolls is how many consecutive checks must find a moved or resized stream in its place. Servers before 2.15
	// report the end of a move before they agree on it, and an update at that moment undoes half of the move: measured
	// with 2.12.15, where the stream then stays on servers of both clusters.
	steadyPolls = 15
)

// checkCluster returns ErrNoCluster if a placement is requested from a server outside a cluster. Such a server accepts
// the placement, but the stream never moves. In another domain than that of the connected server, this is detected only
// afterwards.
func checkCluster(ctx context.Context, js *natsconn.JetStream, place *Placement) error {
	if place == nil || js.Domain() != "" {
		return nil
	}
	name, err := js.ClusterName(ctx)
	if err != nil {
		return err
	}
	if name == "" {
		return ErrNoCluster
	}
	return nil
}

// Settle waits until a new bucket is in its place, has a leader, and all replicas exist and are current. Then it clears
// the placement and returns the current bucket. A bucket that was adopted from a creation with another placement is
// moved. If ctx ends first, the error is an [*UnsettledError].
func Settle(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement) (*Bucket, error) {
	info, err := OpenStream(js, spec.Name).Settle(ctx, contractForm(spec), place)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// notTold is the state of a wait that never received a response.
const notTold = "the servers have not reported their progress"

// await waits until a number of consecutive checks have found the stream in its place with all replicas.
func (s Stream) await(ctx context.Context, spec Spec, place *Placement, looks int) (*StreamInfo, error) {
	waiting, found := notTold, 0
	for {
		info, err := s.Read(ctx)
		switch {
		case err == nil:
			if waiting = info.unsettled(spec, place); waiting != "" {
				found = 0
				break
			}
			if found++; found >= looks {
				return info, nil
			}
			waiting = "the stream is in its place, but has only just arrived there"
		case ctx.Err() == nil:
			return nil, err
		}
		if !natsconn.Pause(ctx, settlePoll) {
			return nil, &UnsettledError{Waiting: waiting, Err: errors.Join(ctx.Err(), err)}
		}
	}
}

// clearPlacement removes the placement from the stream's configuration, so that KINE accepts it again.
func (s Stream) clearPlacement(ctx context.Context, info *StreamInfo) (*StreamInfo, error) {
	if info.Config.value(fieldPlacement) == "" {
		return info, nil
	}
	delete(info.Config, fieldPlacement)
	if err := s.Send(ctx, info.Config); err != nil {
		return nil, err
	}
	return s.Read(ctx)
}

// unsettled describes what the stream still lacks to be in its place with all replicas, or returns "". While a stream
// moves, the server lists both the old and the new servers.
func (i *StreamInfo) unsettled(spec Spec, place *Placement) string {
	if !i.clustered() {
		return ""
	}
	switch {
	case len(i.Cluster.Desired) > 0 && string(i.Cluster.Desired) != "null":
		return "the stream is being moved or resized"
	case place != nil && place.Cluster != "" && i.Cluster.Name != place.Cluster:
		return secret.Sprintf("the stream is still in cluster %q, not in %q", i.Cluster.Name, place.Cluster)
	case i.Cluster.Leader == "":
		return "the stream has no leader"
	case len(i.Cluster.Replicas) != spec.Replicas-1:
		return fmt.Sprintf("the stream is on %d servers, not on %d", len(i.Cluster.Replicas)+1, spec.Replicas)
	}
	var late []string
	for _, replica := range i.Cluster.Replicas {
		if !replica.Current || replica.Offline {
			late = append(late, replica.Name)
		}
	}
	if len(late) > 0 {
		slices.Sort(late)
		return fmt.Sprintf("the replicas on %s are not current", strings.Join(late, ", "))
	}
	return ""
}
