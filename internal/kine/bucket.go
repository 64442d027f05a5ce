package kine

import (
	"context"
	"encoding/json"
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
	// Violations are the deviations from the contract, but for history and replicas, which are a choice.
	Violations []Violation
	// Messages, Bytes and Keys say how much is in it; LastSequence is the last revision.
	Messages, Bytes, Keys, LastSequence uint64
	// Consumers is the number of consumers, those that nobody uses any more included.
	Consumers int
}

// Contents says in words what is in the bucket.
func (b *Bucket) Contents() string {
	return fmt.Sprintf("%d keys in %d messages (%d bytes), last revision %d", b.Keys, b.Messages, b.Bytes, b.LastSequence)
}

// Unrepairable returns the violations that no update can mend.
func (b *Bucket) Unrepairable() []Violation {
	return slices.DeleteFunc(slices.Clone(b.Violations), Violation.Repairable)
}

// streamInfo is the part of a stream's information that is used here, in the form of the JetStream API.
type streamInfo struct {
	Config config `json:"config"`
	State  struct {
		Messages      uint64 `json:"messages"`
		Bytes         uint64 `json:"bytes"`
		LastSequence  uint64 `json:"last_seq"`
		ConsumerCount int    `json:"consumer_count"`
		Subjects      uint64 `json:"num_subjects"`
	} `json:"state"`
	Cluster *struct {
		Name     string `json:"name"`
		Leader   string `json:"leader"`
		Replicas []struct {
			Name    string `json:"name"`
			Current bool   `json:"current"`
			Offline bool   `json:"offline"`
		} `json:"replicas"`
		// Desired is there from the moment a move or resize is accepted until it is done, from nats-server 2.15 on.
		Desired json.RawMessage `json:"desired"`
	} `json:"cluster"`
}

// bucket reads the information as that of a bucket.
func (i *streamInfo) bucket(name string) *Bucket {
	b := &Bucket{
		Spec:     Spec{Name: name},
		Messages: i.State.Messages, Bytes: i.State.Bytes, Keys: i.State.Subjects, LastSequence: i.State.LastSequence,
		Consumers: i.State.ConsumerCount,
	}
	i.Config.get("max_msgs_per_subject", &b.History)
	i.Config.get("num_replicas", &b.Replicas)
	i.Config.get("placement", &b.Placement)
	if i.Cluster != nil {
		b.Cluster = i.Cluster.Name
	}
	b.Fence = i.Config.fence(name)
	b.Violations = i.Config.violations(b.Spec, false)
	return b
}

// clustered tells whether the stream is on servers of a NATS cluster. A server of none gives no name of one.
func (i *streamInfo) clustered() bool { return i.Cluster != nil && i.Cluster.Name != "" }

// readInfo asks for a stream once. The error is ErrNotFound if there is none.
func readInfo(ctx context.Context, js *natsconn.JetStream, name string) (*streamInfo, error) {
	var info streamInfo
	err := js.Request(ctx, "STREAM.INFO."+StreamName(name), nil, &info)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &info, nil
}

// retryInfo asks for a stream until an answer comes or ctx ends.
func retryInfo(ctx context.Context, js *natsconn.JetStream, name string) (info *streamInfo, err error) {
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err = readInfo(ctx, js, name)
		return err
	})
	return info, err
}

// Read returns the bucket of that name with one request to the JetStream API, repeated while the answer is lost and ctx
// allows. The error is [ErrNotFound] if the server says that there is none.
func Read(ctx context.Context, js *natsconn.JetStream, name string) (*Bucket, error) {
	info, err := retryInfo(ctx, js, name)
	if err != nil {
		return nil, err
	}
	return info.bucket(name), nil
}

// raceTimeout is how long a stream that a creation has met may take to show.
const raceTimeout = 10 * time.Second

// Create makes the stream behind a bucket, in the given place if there is one; [Settle] then finishes the placement. A
// bucket that is there already is taken over if it equals the contract, is empty and has no consumers, as an earlier
// creation leaves it whose answer was lost; any other is an [*ExistsError].
func Create(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement) (*Bucket, error) {
	if err := checkCluster(ctx, js, place); err != nil {
		return nil, err
	}
	patience, cancel := context.WithTimeout(ctx, raceTimeout)
	defer cancel()
	for {
		var bucket *Bucket
		err := natsconn.Retry(ctx, func(ctx context.Context) (err error) {
			bucket, err = tryCreate(ctx, js, spec, place)
			return err
		})
		if err == nil {
			return bucket, nil
		}
		// Somebody else is faster. A cluster refuses the name before it shows what is there, so it is asked for again.
		if !natsconn.IsAPIError(err, natsconn.CodeStreamNameInUse) || !pause(patience, settlePoll) {
			return nil, err
		}
	}
}

// tryCreate makes the stream behind a bucket if there is none.
func tryCreate(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement) (*Bucket, error) {
	info, err := readInfo(ctx, js, spec.Name)
	if errors.Is(err, ErrNotFound) {
		request := newConfig(spec)
		if place != nil {
			request.set("placement", place)
		}
		info = &streamInfo{}
		// The server answers the creation of an equal stream with that stream, whatever is in it.
		err = js.Request(ctx, "STREAM.CREATE."+StreamName(spec.Name), request, info)
	}
	if err != nil {
		return nil, err
	}
	bucket := info.bucket(spec.Name)
	return bucket, adopt(info, bucket, spec)
}

// pause waits, and tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// adopt decides whether a stream that is there may be the one to be created.
func adopt(info *streamInfo, bucket *Bucket, spec Spec) error {
	// The stream of a creation that was cut short still has its placement. Settle sees to it.
	violations := slices.DeleteFunc(info.Config.violations(spec, true), func(v Violation) bool { return v.Field == "placement" })
	if len(violations) == 0 && bucket.Messages == 0 && bucket.LastSequence == 0 && bucket.Consumers == 0 &&
		bucket.Fence == nil {
		return nil
	}
	bucket.Violations = violations
	return &ExistsError{Bucket: bucket}
}

// Update brings a bucket to a history and number of replicas, repairs whatever breaks the contract, and moves the bucket to
// its place if move is set, which also goes on with what an earlier call has left unsettled. A fence stays. What cannot be
// updated is an [*UnrepairableError], and nothing is changed then. A move on a server that is part of no cluster is
// [ErrNoCluster]. If ctx ends while the servers are still at work, the error is an [*UnsettledError]; calling Update again goes on.
func Update(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement, move bool) (*Bucket, error) {
	info, err := retryInfo(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	before := info.bucket(spec.Name)
	if broken := before.Unrepairable(); len(broken) > 0 {
		return nil, &UnrepairableError{Stream: StreamName(spec.Name), Violations: broken}
	}

	// New replicas are looked for in the stream's own cluster, but by tags only while the placement is set. The server
	// refuses to move and scale in one update.
	resize := before.Replicas != spec.Replicas
	carry := place != nil && (move || resize && len(place.Tags) > 0)
	if carry && !info.clustered() {
		return nil, ErrNoCluster
	}
	now := spec
	now.Replicas = before.Replicas
	// A placement that is still there is that of an earlier move, which may have been lost on its way: the repair removes
	// it, and only then is asking for it a move again.
	next := info.Config.repaired(now)
	if !next.equal(info.Config) {
		if err := update(ctx, js, spec.Name, next); err != nil {
			return nil, err
		}
	}
	if carry {
		next.set("placement", place)
		if info, err = change(ctx, js, now, place, next); err != nil {
			return nil, err
		}
		next = info.Config
	}
	if resize {
		next.set("num_replicas", spec.Replicas)
		if info, err = change(ctx, js, spec, place, next); err != nil {
			return nil, err
		}
	}
	if move && !carry && !resize {
		// An earlier call has asked for the replicas, and did not see them come.
		if info, err = await(ctx, js, spec, place, steadyPolls); err != nil {
			return nil, err
		}
	}
	if carry {
		return clearPlacement(ctx, js, spec.Name, info)
	}
	return Read(ctx, js, spec.Name)
}

// change sends a configuration that moves or resizes a stream, and waits until the servers have followed.
func change(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement, next config) (*streamInfo, error) {
	if err := update(ctx, js, spec.Name, next); err != nil {
		return nil, err
	}
	return await(ctx, js, spec, place, steadyPolls)
}

// Delete removes a bucket. While KINE is attached, which shows as a consumer with a waiting pull, that is an
// [*AttachedError], unless the bucket is fenced or force is set. A bucket that is not there is no error.
func Delete(ctx context.Context, js *natsconn.JetStream, name string, force bool) error {
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err := readInfo(ctx, js, name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		bucket := info.bucket(name)
		if !force && bucket.Fence == nil && bucket.Consumers > 0 {
			attached, err := stillAttached(ctx, js, name)
			if err != nil {
				return err
			}
			if attached > 0 {
				return &AttachedError{Bucket: bucket, Consumers: attached}
			}
		}
		err = js.Request(ctx, "STREAM.DELETE."+StreamName(name), nil, nil)
		if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
			return nil
		}
		return err
	})
}

// detachTime is how long a pull may count as waiting after the one who waited has gone. A server with gateways or leaf nodes
// does not look for him during the first two seconds of a pull (defaultGatewayRecentSubExpiration in nats-server's
// server/gateway.go).
const detachTime = 3 * time.Second

// stillAttached counts the consumers of a bucket with a waiting pull that does not go away.
func stillAttached(ctx context.Context, js *natsconn.JetStream, name string) (int, error) {
	for start := time.Now(); ; {
		attached, err := countAttached(ctx, js, name)
		if err != nil || attached == 0 || time.Since(start) > detachTime || !pause(ctx, 5*settlePoll) {
			return attached, err
		}
	}
}

// countAttached counts the consumers of a bucket with a waiting pull. KINE's consumers stay for five minutes after it
// has gone, but then nobody waits on them.
func countAttached(ctx context.Context, js *natsconn.JetStream, name string) (int, error) {
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
		if err := js.Request(ctx, "CONSUMER.LIST."+StreamName(name), request, &page); err != nil {
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
