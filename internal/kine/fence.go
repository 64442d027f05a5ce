package kine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// A fenced bucket accepts no writes from KINE, and KINE does not start on it: the only subject of its stream is one
// that no client publishes to. Reads still work, and restoring the subjects lifts the fence. The stream's metadata
// record who fenced it and why.
const (
	fencePrefix   = "$KINE.FENCED."
	fenceMetadata = "nats-k3s.fence."

	fenceBy        = fenceMetadata + "by"
	fenceAt        = fenceMetadata + "at"
	fenceSequence  = fenceMetadata + "last-sequence"
	fenceSuccessor = fenceMetadata + "successor"
	fenceRaise     = fenceMetadata + "raise-to"
)

// FenceSubject returns the only subject of a fenced bucket's stream.
func FenceSubject(bucket string) string { return fencePrefix + bucket }

// Fence describes the fence of a bucket.
type Fence struct {
	// By is who set the fence, At is when.
	By string
	At time.Time
	// LastSequence is the final revision of the bucket, or 0 if it is not known yet.
	LastSequence uint64
	// Successor is the name of the bucket that was promoted instead, or "".
	Successor string
	// RaiseTo is the last sequence that the bucket must have before its fence is lifted, or 0: see [Raise].
	RaiseTo uint64
}

// isFenceMetadata reports whether a key of a stream's metadata belongs to a fence.
func isFenceMetadata(key string) bool { return strings.HasPrefix(key, fenceMetadata) }

// fenced reports whether the configuration is that of a fenced bucket, or of a bucket whose fencing was interrupted.
func (c Config) fenced(bucket string) bool {
	return c.hasSubjects([]string{FenceSubject(bucket)}) || c.hasSubjects([]string{barrierSubject(bucket)}) ||
		c.hasSubjects(raiseSubjects(bucket)) || c.hasSubjects(raisedSubjects(bucket))
}

// fence returns the fence that the metadata describe, or nil if the bucket is not fenced.
func (c Config) fence(bucket string) *Fence {
	if !c.fenced(bucket) {
		return nil
	}
	metadata := map[string]string{}
	c.Get(fieldMetadata, &metadata)
	f := &Fence{By: metadata[fenceBy], Successor: metadata[fenceSuccessor]}
	// A value that does not parse was not written by this package and is treated as unknown.
	f.At, _ = time.Parse(time.RFC3339, metadata[fenceAt])
	f.LastSequence, _ = strconv.ParseUint(metadata[fenceSequence], 10, 64)
	f.RaiseTo, _ = strconv.ParseUint(metadata[fenceRaise], 10, 64)
	return f
}

// withFence returns the configuration with a fence.
func (c Config) withFence(bucket string, f Fence) Config {
	next := maps.Clone(c)
	next.dropMetadata(isFenceMetadata)
	metadata := map[string]string{}
	next.Get(fieldMetadata, &metadata)
	metadata[fenceBy] = f.By
	metadata[fenceAt] = f.At.UTC().Format(time.RFC3339Nano)
	if f.LastSequence > 0 {
		metadata[fenceSequence] = strconv.FormatUint(f.LastSequence, 10)
	}
	if f.Successor != "" {
		metadata[fenceSuccessor] = f.Successor
	}
	if f.RaiseTo > 0 {
		metadata[fenceRaise] = strconv.FormatUint(f.RaiseTo, 10)
	}
	next.Set(fieldMetadata, metadata)
	next.Set(fieldSubjects, []string{FenceSubject(bucket)})
	return next
}

// withoutFence returns the configuration with the fence lifted.
func (c Config) withoutFence(bucket string) Config {
	next := maps.Clone(c)
	next.dropMetadata(isFenceMetadata)
	next.Set(fieldSubjects, []string{Subjects(bucket)})
	return next
}

// barrier is a sequence that no stream reaches. The stream's leader always refuses a publish that expects it as the
// last sequence, and its error contains the actual last sequence.
const barrier = uint64(1<<63 - 1)

// barrierKey is the only key of the bucket between KINE's last write and the fence. No key of KINE contains a dash. Its
// subject is below $KV, which servers separate by JetStream domain. They do not separate the subject of the fence: a
// fenced bucket of the same name in another domain would respond to it as well.
const barrierKey = "nats-k3s-fence"

func barrierSubject(bucket string) string { return KeySubject(bucket, barrierKey) }

// SetFence fences a bucket: KINE's writes fail from then on, and KINE no longer starts. The fence of the returned
// bucket has the final last sequence. A fenced bucket keeps its fence, to which a successor is added. A fencing that
// was interrupted is completed and keeps its original By and At. A fence that names another successor is a
// [*SuccessorError], and that of a bucket whose revisions are being raised an [*UnsettledError].
func SetFence(ctx context.Context, js *natsconn.JetStream, name string, f Fence) (*Bucket, error) {
	s := OpenStream(js, name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	bucket := info.Bucket()
	if broken := bucket.Unrepairable(); len(broken) > 0 {
		return nil, &UnrepairableError{Stream: s.Name(), Differences: broken}
	}
	if fence := bucket.Fence; fence != nil {
		switch {
		case fence.RaiseTo > 0:
			return nil, &UnsettledError{Waiting: fmt.Sprintf("the promotion of the bucket %s is not finished", name)}
		case fence.Successor != "" && f.Successor != "" && fence.Successor != f.Successor:
			return nil, &SuccessorError{Successor: fence.Successor}
		case fence.LastSequence > 0 && (f.Successor == "" || f.Successor == fence.Successor):
			return bucket, nil
		}
		successor := cmp.Or(f.Successor, fence.Successor)
		f = *fence
		f.Successor = successor
		if f.LastSequence > 0 {
			if err := s.Send(ctx, info.Config.withFence(name, f)); err != nil {
				return nil, err
			}
			return Read(ctx, js, name)
		}
	}
	// Writes in flight while KINE's subjects are removed can be stored after the response to the update, so the last
	// sequence is requested behind them.
	next := info.Config.withFence(name, f)
	next.Set(fieldSubjects, []string{barrierSubject(name)})
	if err := s.Send(ctx, next); err != nil {
		return nil, err
	}
	if f.LastSequence, err = s.lastSequence(ctx); err != nil {
		return nil, err
	}
	if err := s.Send(ctx, next.withFence(name, f)); err != nil {
		return nil, err
	}
	return Read(ctx, js, name)
}

// lastSequence returns the last sequence of a bucket whose subject is that of barrierKey, behind every write that the
// leader has accepted.
func (s Stream) lastSequence(ctx context.Context) (uint64, error) {
	var last uint64
	err := natsconn.Retry(ctx, func(ctx context.Context) error {
		msg := nats.NewMsg(s.js.KVSubject(barrierSubject(s.bucket)))
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(barrier, 10))
		_, err := s.js.Publish(ctx, s.Name(), msg)
		refusal, ok := errors.AsType[*natsconn.APIError](err)
		switch {
		case err == nil:
			return fmt.Errorf("a write behind the last one of bucket %s was not refused", s.bucket)
		case !ok || refusal.ErrCode != natsconn.CodeWrongLastSequence:
			return fmt.Errorf("the last sequence of bucket %s: %w", s.bucket, err)
		}
		if _, err := fmt.Sscanf(refusal.Description, "wrong last sequence: %d", &last); err != nil {
			return secret.Errorf("the server's error %q does not contain a last sequence", refusal.Description)
		}
		return nil
	})
	return last, err
}

// LiftFence makes a fenced bucket writable again. If the fence has a successor, it returns a [*SuccessorError] unless
// force is set.
func LiftFence(ctx context.Context, js *natsconn.JetStream, name string, force bool) (*Bucket, error) {
	s := OpenStream(js, name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	f := info.Config.fence(name)
	if f == nil {
		return info.Bucket(), nil
	}
	if broken := info.Bucket().Unrepairable(); len(broken) > 0 {
		return nil, &UnrepairableError{Stream: s.Name(), Differences: broken}
	}
	if f.Successor != "" && !force {
		return nil, &SuccessorError{Successor: f.Successor}
	}
	if f.RaiseTo > 0 {
		return Raise(ctx, js, name)
	}
	if err := s.Send(ctx, info.Config.withoutFence(name)); err != nil {
		return nil, err
	}
	return Read(ctx, js, name)
}
