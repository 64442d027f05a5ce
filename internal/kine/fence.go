package kine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// A fenced bucket takes no more writes from KINE, and KINE does not start on it: its stream's only subject is one that
// nobody writes to. Reading goes on, and setting the subjects back lifts the fence. The stream's metadata say who fenced
// it and why.
const (
	fencePrefix   = "$KINE.FENCED."
	fenceMetadata = "nats-k3s.fence."

	fenceBy        = fenceMetadata + "by"
	fenceAt        = fenceMetadata + "at"
	fenceSequence  = fenceMetadata + "last-sequence"
	fenceSuccessor = fenceMetadata + "successor"
)

// FenceSubject returns the only subject of a fenced bucket's stream.
func FenceSubject(bucket string) string { return fencePrefix + bucket }

// Fence says what is known about a bucket's fence.
type Fence struct {
	// By is who set it, At when.
	By string
	At time.Time
	// LastSequence is the bucket's final revision, 0 as long as it is not known.
	LastSequence uint64
	// Successor names the bucket that was promoted in its place; empty if there is none.
	Successor string
}

// isFenceMetadata tells whether a key of a stream's metadata belongs to a fence.
func isFenceMetadata(key string) bool { return strings.HasPrefix(key, fenceMetadata) }

// fenced tells whether the configuration is that of a fenced bucket, or of one whose fencing was cut short.
func (c Config) fenced(bucket string) bool {
	var subjects []string
	c.Get(fieldSubjects, &subjects)
	return slices.Equal(subjects, []string{FenceSubject(bucket)}) || slices.Equal(subjects, []string{barrierSubject(bucket)})
}

// fence returns what the metadata of a fenced bucket say, nil if it is not fenced.
func (c Config) fence(bucket string) *Fence {
	if !c.fenced(bucket) {
		return nil
	}
	metadata := map[string]string{}
	c.Get(fieldMetadata, &metadata)
	f := &Fence{By: metadata[fenceBy], Successor: metadata[fenceSuccessor]}
	// What does not parse was not written by this package, and counts as unknown.
	f.At, _ = time.Parse(time.RFC3339, metadata[fenceAt])
	f.LastSequence, _ = strconv.ParseUint(metadata[fenceSequence], 10, 64)
	return f
}

// withFence returns the configuration with a fence.
func (c Config) withFence(bucket string, f Fence) Config {
	next := maps.Clone(c)
	next.dropMetadata(isFenceMetadata)
	metadata := map[string]string{}
	next.Get(fieldMetadata, &metadata)
	metadata[fenceBy] = f.By
	metadata[fenceAt] = f.At.UTC().Format(time.RFC3339)
	if f.LastSequence > 0 {
		metadata[fenceSequence] = strconv.FormatUint(f.LastSequence, 10)
	}
	if f.Successor != "" {
		metadata[fenceSuccessor] = f.Successor
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

// barrier is the last sequence that no stream reaches: a publish that expects it is always refused, by the stream's
// leader, with the true last sequence in the refusal.
const barrier = uint64(1<<63 - 1)

// barrierKey is what the bucket listens on between KINE's last write and the fence. No key of KINE has a dash in it. It is
// below $KV, which servers keep apart by JetStream domain, as they do not with the subject of the fence: there, a fenced
// bucket of the same name in another domain would answer as well.
const barrierKey = "nats-k3s-fence"

func barrierSubject(bucket string) string { return KeySubject(bucket, barrierKey) }

// SetFence fences a bucket: KINE's writes fail from then on, and it no longer starts. The returned bucket's fence has the
// final last sequence. A bucket that is fenced already stays as it is; a fencing that was cut short is finished, and keeps
// who began it and when.
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
	if bucket.Fence != nil {
		if bucket.Fence.LastSequence > 0 {
			return bucket, nil
		}
		f = *bucket.Fence
	}
	// Writes that are under way when KINE's subjects are taken away are stored after that was answered, so the last
	// sequence is asked for behind them.
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

// lastSequence asks the leader of a bucket that listens on barrierKey for its last sequence, behind every write that it has
// accepted.
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
			return secret.Errorf("the server's refusal %q names no last sequence", refusal.Description)
		}
		return nil
	})
	return last, err
}

// LiftFence makes a fenced bucket writable again. While a successor is known that is a [*SuccessorError] unless force is
// set.
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
	if err := s.Send(ctx, info.Config.withoutFence(name)); err != nil {
		return nil, err
	}
	return Read(ctx, js, name)
}
