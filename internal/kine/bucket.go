package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Bucket is the state of a bucket on the server.
type Bucket struct {
	Spec
	// Cluster is the name of the NATS cluster that holds the bucket. It is empty on a single server.
	Cluster string
	// Placement is set only while a creation or move is in progress.
	Placement *Placement
	// Fence is nil unless the bucket is fenced.
	Fence *Fence
	// Differences are the deviations from the contract, except history and replicas, which are configurable.
	Differences []Difference
	// Messages, Bytes and Keys are the size of the bucket. FirstSequence and LastSequence are its first and last
	// revision.
	Messages, Bytes, Keys, FirstSequence, LastSequence uint64
	// Consumers is the number of consumers, including those that are no longer in use.
	Consumers int
	// Domain is the JetStream domain of the bucket. It is empty if the server has no domain or did not report one, see
	// [StreamInfo].
	Domain string
	// Created is the creation time of the stream. [Create] sets Adopted if the stream existed before.
	Created time.Time
	Adopted bool
}

// Contents describes the contents of the bucket in words.
func (b *Bucket) Contents() string {
	return fmt.Sprintf("%d keys in %d messages (%d bytes), last revision %d", b.Keys, b.Messages, b.Bytes, b.LastSequence)
}

// Unrepairable returns the differences that no update can repair.
func (b *Bucket) Unrepairable() []Difference {
	return slices.DeleteFunc(slices.Clone(b.Differences), Difference.Repairable)
}

// Bucket converts the stream to a bucket.
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

// Read returns the named bucket. It sends one JetStream API request and repeats it until a response arrives or ctx
// ends. The error is [ErrNotFound] if the server reports that the bucket does not exist.
func Read(ctx context.Context, js *natsconn.JetStream, name string) (*Bucket, error) {
	info, err := OpenStream(js, name).Read(ctx)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// DomainOf returns the JetStream domain of a bucket's stream, or "". It requests the stream only if no earlier response
// reported the domain.
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

// Create creates the stream behind a bucket, with a placement unless place is nil; [Settle] then completes the
// placement. An existing bucket is adopted if it matches the contract, is empty and has no consumers, because an
// earlier creation whose response was lost leaves such a bucket. Adopted is then set, since the bucket may belong to
// another user. Any other existing stream is an [*ExistsError].
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

// adopt returns an [*ExistsError] unless the existing stream can be the one to create.
func adopt(info *StreamInfo, bucket *Bucket, spec Spec) error {
	differences := info.Config.Unplaced(contractForm(spec))
	if len(differences) == 0 && info.Empty() && bucket.Fence == nil {
		return nil
	}
	bucket.Differences = differences
	return &ExistsError{Bucket: bucket}
}

// Update sets the history and number of replicas of a bucket, repairs its differences from the contract and, if move is
// set, moves the bucket to its place or continues a move that an earlier call left unfinished. A fence is kept. If a
// difference cannot be repaired, Update changes nothing and returns an [*UnrepairableError]. A move on a server outside
// a cluster is [ErrNoCluster]. If ctx ends before the servers have finished, the error is an [*UnsettledError]; another
// call of Update continues.
func Update(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement, move bool) (*Bucket, error) {
	info, err := OpenStream(js, spec.Name).Update(ctx, contractForm(spec), place, move)
	if err != nil {
		return nil, err
	}
	return info.Bucket(), nil
}

// Delete deletes a bucket. It returns an [*AttachedError] while KINE is attached, that is, while a consumer has a
// waiting pull, unless the bucket is fenced or force is set. Deleting a bucket that does not exist is not an error.
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

// detachTime is how long a pull may be reported as waiting after its client has disconnected. A server with gateways or
// leaf nodes does not check the client's interest during the first two seconds of a pull
// (defaultGatewayRecentSubExpiration in nats-server's server/gateway.go).
const detachTime = 3 * time.Second

// stillAttached counts the consumers of a bucket whose waiting pull outlasts detachTime.
func (s Stream) stillAttached(ctx context.Context) (int, error) {
	for start := time.Now(); ; {
		attached, err := s.countAttached(ctx)
		if err != nil || attached == 0 || time.Since(start) > detachTime || !natsconn.Pause(ctx, 5*settlePoll) {
			return attached, err
		}
	}
}

// countAttached counts the consumers of a bucket with a waiting pull. KINE's consumers remain for five minutes after it
// has exited, but without a waiting pull.
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
		// In a cluster, a page lacks the consumers whose server did not respond, so it can have fewer than its limit.
		offset += page.Limit
		if page.Limit == 0 || offset >= page.Total {
			return attached, nil
		}
	}
}
