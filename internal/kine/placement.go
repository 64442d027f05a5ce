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

// Placement says which servers hold a bucket. KINE refuses a bucket whose configuration has a placement, but the stream
// stays where it is once the placement is cleared, so it is set for a creation, a move or a change of replicas alone.
type Placement struct {
	// Cluster is the name of a NATS cluster, Tags the tags that a server must have, all of them.
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
	// settlePoll is the pause between two looks at a stream that moves or grows.
	settlePoll = 100 * time.Millisecond
	// steadyPolls is how many looks in a row must find a stream that was moved or resized where it should be. Servers
	// before 2.15 show the end of a move before they have settled on it among themselves, and an update in that
	// moment undoes the half of it: measured with 2.12.15, where a stream then stays on servers of both clusters.
	steadyPolls = 15
)

// checkCluster refuses a placement on a server that is part of no cluster. Such a server takes the placement, and the stream
// then never comes to the place. In another domain than that of the connected server it shows only afterwards.
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

// Settle waits until a new bucket is in its place, has a leader, and every replica is there and current. Then it clears the
// placement, and returns the bucket as it is now. A bucket that was taken over from a creation with another placement is
// moved. If ctx ends before, the error is an [*UnsettledError].
func Settle(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement) (*Bucket, error) {
	info, err := OpenStream(js, spec.Name).Settle(ctx, contractForm(spec), place)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// notTold is what a wait ends with that never got an answer.
const notTold = "the servers have not told how far they are"

// await waits until a number of looks in a row have found a stream where and how it should be.
func (s Stream) await(ctx context.Context, spec Spec, place *Placement, looks int) (*StreamInfo, error) {
	waiting, found := notTold, 0
	ticker := time.NewTicker(settlePoll)
	defer ticker.Stop()
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
			waiting = "the stream is where it should be, but has only just come there"
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, &UnsettledError{Waiting: waiting, Err: errors.Join(ctx.Err(), err)}
		case <-ticker.C:
		}
	}
}

// clearPlacement removes the placement from a stream's configuration, so that KINE accepts it again.
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

// unsettled says what is missing until a stream is where and how it should be, or "" if nothing is. While a stream
// moves, the server lists the old servers beside the new ones.
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
