package kine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// DefaultRevisionBump is how many revisions a bucket continues above the last one known if its source may have been
// ahead. A k3s cluster that writes 100 times a second needs almost three hours for as many.
const DefaultRevisionBump = 1_000_000

// compactKey is the key under which KINE stores the revision up to which it has compacted (compactRevAPI in its
// pkg/drivers/nats/backend.go). encodedCompactKey is compactKey as EncodeKey returns it.
const (
	compactKey        = "compact_rev_key_apiserver"
	encodedCompactKey = "meta.h1ctazrDGbqvwPuDySV8QCGFrjddCjbkRf"
)

// raiseBatch is the number of messages between two acknowledgments, see [natsconn.JetStream.PublishTimes]. More than
// 8,000 would be close to what servers hold for a stream. Two batches at a time are not faster.
const raiseBatch = 4000

// ToRaise returns the configuration that turns a stream into a fenced bucket whose revisions are yet to be raised to
// f.RaiseTo: only the messages of [Raise] can be written to it.
func (c Config) ToRaise(spec Spec, f Fence) Config {
	next := c.Repaired(contractForm(spec)).withFence(spec.Name, f)
	next.Set(fieldSubjects, raiseSubjects(spec.Name))
	return next
}

// raiseSubject is the subject of the messages that take up revisions. It is not below [Subjects], so messages that
// arrive late, from a process that was killed or a connection that was lost, are not stored in the writable bucket. No
// bucket has a plus in its name.
func raiseSubject(bucket string) string { return KeySubject(bucket+"+raise", barrierKey) }

// raiseSubjects are the subjects of a bucket whose revisions are being raised, and raisedSubjects those of one whose
// revisions are yet to be marked as compacted.
func raiseSubjects(bucket string) []string {
	return append([]string{raiseSubject(bucket)}, raisedSubjects(bucket)...)
}

func raisedSubjects(bucket string) []string {
	return []string{barrierSubject(bucket), KeySubject(bucket, encodedCompactKey)}
}

// hasSubjects reports whether the configuration has exactly these subjects.
func (c Config) hasSubjects(want []string) bool {
	var subjects []string
	c.Get(fieldSubjects, &subjects)
	return slices.Equal(subjects, want)
}

// Raise has a bucket continue above the revision that the record of its fence names, see [Fence], and lifts the fence.
// A client that has seen a later revision than the bucket's last one, because the bucket is a copy that was behind,
// would otherwise wait for revisions that mean something else, and never learn of objects that are lost. All revisions
// up to there are marked as compacted, so that clients list again.
//
// The messages that take up the revisions have a subject that KINE does not read; one of them remains. The data is
// never copied or moved, so there is one complete copy at any time. An interrupted Raise continues, and concurrent ones
// do not disturb each other. Measured with nats-server 2.15.2 on two cores: a million revisions take about 18 s on one
// replica and 47 s on three.
//
// A bucket without such a record is not changed. The error is an [*UnsettledError] if ctx ends first.
func Raise(ctx context.Context, js *natsconn.JetStream, name string) (*Bucket, error) {
	s := OpenStream(js, name)
	for {
		bucket, err := s.raise(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, &UnsettledError{Waiting: fmt.Sprintf("the bucket %s is still being raised: %v", name, err), Err: err}
		case natsconn.IsAPIError(err, natsconn.CodeWrongLastSequence), errors.Is(err, nats.ErrNoResponders):
			natsconn.Pause(ctx, settlePoll) // another call has raised it further
		default:
			return bucket, err
		}
	}
}

// raise does what is left of [Raise].
func (s Stream) raise(ctx context.Context) (*Bucket, error) {
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	f := info.Config.fence(s.bucket)
	if f == nil || f.RaiseTo == 0 {
		return info.Bucket(), nil
	}
	if !info.Config.hasSubjects(raisedSubjects(s.bucket)) {
		if err := s.fill(ctx, f.RaiseTo); err != nil {
			return nil, err
		}
		// Filling may have taken minutes, in which the rest of the configuration may have changed.
		if info, err = s.Read(ctx); err != nil {
			return nil, err
		}
		if f := info.Config.fence(s.bucket); f == nil || f.RaiseTo == 0 {
			return info.Bucket(), nil
		}
		info.Config.Set(fieldSubjects, raisedSubjects(s.bucket))
		if err := s.Send(ctx, info.Config); err != nil {
			return nil, err
		}
	}
	if err := s.markCompacted(ctx); err != nil {
		return nil, err
	}
	if err := s.Send(ctx, info.Config.withoutFence(s.bucket)); err != nil {
		return nil, err
	}
	return Read(ctx, s.js, s.bucket)
}

// fill writes messages until the stream has a sequence. It leaves one of them.
func (s Stream) fill(ctx context.Context, to uint64) error {
	last, err := s.lastSequence(ctx)
	if err != nil {
		return err
	}
	for last+1 < to {
		err := natsconn.Retry(ctx, func(ctx context.Context) error {
			msg := nats.NewMsg(s.js.KVSubject(raiseSubject(s.bucket)))
			reached, err := s.js.PublishTimes(ctx, s.Name(), msg, int(min(to-1-last, raiseBatch))) //nolint:gosec // small
			last = max(last, reached)
			return err
		})
		if err != nil {
			return fmt.Errorf("revision %d of %d: %w", last, to, err)
		}
	}
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		msg := nats.NewMsg(s.js.KVSubject(raiseSubject(s.bucket)))
		msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
		_, err := s.js.Publish(ctx, s.Name(), msg)
		return err
	})
}

// markCompacted marks all revisions of the bucket as compacted. The message is the bucket's last one, which KINE needs
// to start.
func (s Stream) markCompacted(ctx context.Context) error {
	subject := KeySubject(s.bucket, encodedCompactKey)
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		last, err := s.lastSequence(ctx)
		if err != nil {
			return err
		}
		now, err := s.compactRecord(ctx, subject)
		if err != nil {
			return err
		}
		version, marked, _ := bytes.Cut(now.KV.Value, []byte("|"))
		if string(marked) == strconv.FormatUint(last, 10) {
			return nil // by an earlier call
		}
		count, _ := strconv.ParseUint(string(version), 10, 32) // of a key that does not exist yet, 0
		now.KV.Value = fmt.Appendf(nil, "%d|%d", count+1, last+1)
		value, err := now.encode()
		if err != nil {
			return err
		}
		msg := nats.NewMsg(s.js.KVSubject(subject))
		msg.Data = value
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(last, 10))
		_, err = s.js.Publish(ctx, s.Name(), msg)
		return err
	})
}

// compactRecord returns the record of the key that names the compacted revision, as it is to be written next.
func (s Stream) compactRecord(ctx context.Context, subject string) (*record, error) {
	before, err := s.js.DirectGet(ctx, s.Name(), subject)
	if errors.Is(err, natsconn.ErrNoMessage) {
		return &record{KV: &recordKV{Key: compactKey}, Create: true}, nil
	}
	if err != nil {
		return nil, err
	}
	sequence, err := strconv.ParseInt(before.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the sequence of message %s: %w", subject, err)
	}
	r, err := decodeRecord(before.Data)
	if err != nil || r.Delete || before.Header.Get("KV-Operation") != "" {
		return &record{KV: &recordKV{Key: compactKey}, Create: true, PrevRevision: sequence}, nil //nolint:nilerr // not KINE's
	}
	if r.Create || r.KV.CreateRevision == 0 {
		r.KV.CreateRevision = sequence
	}
	r.Create, r.PrevRevision = false, sequence
	return r, nil
}
