package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Bucket is a bucket as the server has it.
type Bucket struct {
	Spec
	// Cluster is the name of the NATS cluster that holds it, empty on a single server.
	Cluster string
	// Placement is the placement of a creation or move that is not finished; a bucket at rest has none.
	Placement *Placement
	// Fence is nil unless the bucket is fenced.
	Fence *Fence
	// Differences are the deviations from the contract, but for history and replicas, which are a choice.
	Differences []Difference
	// Messages, Bytes and Keys say how much is in it; FirstSequence and LastSequence are the first and the last revision.
	Messages, Bytes, Keys, FirstSequence, LastSequence uint64
	// Consumers is the number of consumers, those that nobody uses any more included.
	Consumers int
	// Domain is the JetStream domain that it is in, empty if there is none or if the server has not told, see [StreamInfo].
	Domain string
	// Created is when the stream was made. Adopted is set by [Create] if it was there before.
	Created time.Time
	Adopted bool
}

// Contents says in words what is in the bucket.
func (b *Bucket) Contents() string {
	return fmt.Sprintf("%d keys in %d messages (%d bytes), last revision %d", b.Keys, b.Messages, b.Bytes, b.LastSequence)
}

// Unrepairable returns the differences that no update can mend.
func (b *Bucket) Unrepairable() []Difference {
	return slices.DeleteFunc(slices.Clone(b.Differences), Difference.Repairable)
}

// Bucket reads the stream as that of a bucket.
func (i *StreamInfo) Bucket() *Bucket {
	b := &Bucket{
		Spec:     i.Config.spec(),
		Messages: i.State.Messages, Bytes: i.State.Bytes, Keys: i.State.Subjects,
		FirstSequence: i.State.FirstSequence, LastSequence: i.State.LastSequence,
		Consumers: i.State.ConsumerCount, Created: i.Created, Domain: i.Domain,
	}
	i.Config.Get(fieldPlacement, &b.Placement)
	if i.Cluster != nil {
		b.Cluster = i.Cluster.Name
	}
	b.Fence = i.Config.fence(b.Name)
	b.Differences = i.Config.contractDifferences(b.Spec, false)
	return b
}

// Read returns the bucket of that name with one request to the JetStream API, repeated while the answer is lost and ctx
// allows. The error is [ErrNotFound] if the server says that there is none.
func Read(ctx context.Context, js *natsconn.JetStream, name string) (*Bucket, error) {
	info, err := OpenStream(js, name).Read(ctx)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// DomainOf returns the JetStream domain that the stream of a bucket is in, empty for none. It asks for the stream only where no earlier answer
// of the server has told.
func DomainOf(ctx context.Context, js *natsconn.JetStream, bucket string) (string, error) {
	if js.Domain() != "" {
		return js.Domain(), nil
	}
	if domain, known := js.OwnDomain(); known {
		return domain, nil
	}
	info, err := OpenStream(js, bucket).readOnce(ctx)
	if err != nil {
		return "", err
	}
	return info.Domain, nil
}

// Create makes the stream behind a bucket, in the given place if there is one; [Settle] then finishes the placement. A
// bucket that is there already is taken over if it equals the contract, is empty and has no consumers, as an earlier
// creation leaves it whose answer was lost, and that is noted in it: it may be somebody else's. Any other is an [*ExistsError].
func Create(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement) (*Bucket, error) {
	adopted := false
	info, err := OpenStream(js, spec.Name).Create(ctx, contractForm(spec), place, func(info *StreamInfo, asked bool) error {
		adopted = !asked
		return adopt(info, info.Bucket(), spec)
	})
	if err != nil {
		return nil, err
	}
	bucket := info.Bucket()
	bucket.Adopted = adopted
	return bucket, nil
}

// adopt decides whether a stream that is there may be the one to be created.
func adopt(info *StreamInfo, bucket *Bucket, spec Spec) error {
	differences := info.Config.Unplaced(contractForm(spec))
	if len(differences) == 0 && info.Empty() && bucket.Fence == nil {
		return nil
	}
	bucket.Differences = differences
	return &ExistsError{Bucket: bucket}
}

// Update brings a bucket to a history and number of replicas, repairs whatever breaks the contract, and moves the bucket to
// its place if move is set, which also goes on with what an earlier call has left unsettled. A fence stays. What cannot be
// updated is an [*UnrepairableError], and nothing is changed then. A move on a server that is part of no cluster is
// [ErrNoCluster]. If ctx ends while the servers are still at work, the error is an [*UnsettledError]; calling Update again goes on.
func Update(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement, move bool) (*Bucket, error) {
	info, err := OpenStream(js, spec.Name).Update(ctx, contractForm(spec), place, move)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// Delete removes a bucket. While KINE is attached, which shows as a consumer with a waiting pull, that is an
// [*AttachedError], unless the bucket is fenced or force is set. A bucket that is not there is no error.
func Delete(ctx context.Context, js *natsconn.JetStream, name string, force bool) error {
	s := OpenStream(js, name)
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err := s.readOnce(ctx)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		bucket := info.Bucket()
		if !force && bucket.Fence == nil && bucket.Consumers > 0 {
			attached, err := s.stillAttached(ctx)
			if err != nil {
				return err
			}
			if attached > 0 {
				return &AttachedError{Bucket: bucket, Consumers: attached}
			}
		}
		return s.remove(ctx)
	})
}

// detachTime is how long a pull may count as waiting after the one who waited has gone. A server with gateways or leaf nodes
// does not look for him during the first two seconds of a pull (defaultGatewayRecentSubExpiration in nats-server's
// server/gateway.go).
const detachTime = 3 * time.Second

// stillAttached counts the consumers of a bucket with a waiting pull that does not go away.
func (s Stream) stillAttached(ctx context.Context) (int, error) {
	for start := time.Now(); ; {
		attached, err := s.countAttached(ctx)
		if err != nil || attached == 0 || time.Since(start) > detachTime || !natsconn.Pause(ctx, 5*settlePoll) {
			return attached, err
		}
	}
}

// countAttached counts the consumers of a bucket with a waiting pull. KINE's consumers stay for five minutes after it
// has gone, but then nobody waits on them.
func (s Stream) countAttached(ctx context.Context) (int, error) {
	attached := 0
	for offset := 0; ; {
		var page struct {
			Total     int `json:"total"`
			Limit     int `json:"limit"`
			Consumers []struct {
				Waiting int `json:"num_waiting"`
			} `json:"consumers"`
		}
		request := map[string]int{"offset": offset}
		if err := s.js.Request(ctx, "CONSUMER.LIST."+s.Name(), request, &page); err != nil {
			return 0, err
		}
		for _, consumer := range page.Consumers {
			if consumer.Waiting > 0 {
				attached++
			}
		}
		// A page of a cluster lacks the consumers whose server did not answer, so it may have fewer than its limit.
		offset += page.Limit
		if page.Limit == 0 || offset >= page.Total {
			return attached, nil
		}
	}
}
