package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Divergence describes where the histories of a mirror and its source differ.
type Divergence struct {
	// Mirror and Source are the last sequences of the two streams.
	Mirror, Source uint64
	// Sequence is the sequence of a message that differs, or 0 if the source is behind its mirror.
	Sequence uint64
}

func (d *Divergence) String() string {
	if d.Sequence > 0 {
		return fmt.Sprintf("mirror and source have different messages at sequence %d: the source was recreated, "+
			"or restored from an older copy and written to since", d.Sequence)
	}
	return fmt.Sprintf("the last sequence of the source is %d, below the mirror's %d: the source was recreated, "+
		"or restored from an older copy", d.Source, d.Mirror)
}

// Compare returns where the histories of a mirror and its source differ, or nil if they are the same. They are the same
// if the source's last sequence is not below the mirror's and a sample of the common messages, including the earliest
// and about the newest, is equal. A source that was restored from its mirror passes. A source that is a mirror itself
// is still being restored and may be behind. A promoted mirror has its own history and is not compared.
//
// The source is read after the mirror, so writes in between only move the source ahead. It is returned as found, or nil
// if it could not be read. The error is [kine.ErrNotFound] if the source does not exist.
func Compare(ctx context.Context, js, source *natsconn.JetStream, m *Mirror) (from *Mirror, d *Divergence, err error) {
	if m.Promoted {
		return nil, nil, nil
	}
	from, d, err = compare(ctx, js, source, m, m.Source.Bucket)
	if d != nil && d.Sequence == 0 && !from.Promoted {
		return from, nil, nil
	}
	return from, d, err
}

// compare is like [Compare], but also accepts a promoted mirror and a source that is behind is always a divergence.
func compare(
	ctx context.Context, js, source *natsconn.JetStream, own *Mirror, bucket string,
) (*Mirror, *Divergence, error) {
	from, err := readUpTo(ctx, source, bucket, own.LastSequence)
	if err != nil {
		return nil, nil, err
	}
	d := Divergence{Mirror: own.LastSequence, Source: from.LastSequence}
	if d.Source < d.Mirror {
		return from, &d, nil
	}
	c := comparison{
		mirror: side{js, kine.StreamName(own.Name), kine.Subjects(own.Name)},
		source: side{source, kine.StreamName(bucket), kine.Subjects(bucket)},
		first:  max(own.FirstSequence, from.FirstSequence, 1), last: d.Mirror,
	}
	if d.Sequence, err = c.run(ctx); err != nil || d.Sequence == 0 {
		return from, nil, err
	}
	return from, &d, nil
}

// behindLooks is the number of reads that must find a source behind its mirror. A new leader may take a moment to catch
// up.
const behindLooks = 3

// readUpTo reads a source. It repeats the read a few times if the source has not reached the sequence.
func readUpTo(ctx context.Context, source *natsconn.JetStream, bucket string, sequence uint64) (*Mirror, error) {
	for looks := 1; ; looks++ {
		from, err := Read(ctx, source, bucket)
		if err != nil || from.LastSequence >= sequence || looks == behindLooks {
			return from, err
		}
		if !natsconn.Pause(ctx, syncPoll) {
			return nil, ctx.Err()
		}
	}
}

// side is one of two compared streams.
type side struct {
	js *natsconn.JetStream
	// stream is the name of the stream, subjects the subjects of its keys.
	stream, subjects string
}

// next returns the first message at or after a sequence, or nil if there is none.
func (s side) next(ctx context.Context, sequence uint64) (msg *jetstream.RawStreamMsg, err error) {
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		msg, err = s.js.DirectGetNext(ctx, s.stream, sequence)
		return err
	})
	if errors.Is(err, natsconn.ErrNoMessage) {
		return nil, nil
	}
	return msg, err
}

// key returns the subject of a message without the stream's own prefix.
func (s side) key(msg *jetstream.RawStreamMsg) string {
	return strings.TrimPrefix(msg.Subject, strings.TrimSuffix(s.subjects, ">"))
}

// comparison compares two streams over the range of sequences that both may have.
type comparison struct {
	mirror, source side
	first, last    uint64
}

// run returns a sequence at which the streams differ, or 0 if it finds none.
func (c comparison) run(ctx context.Context) (uint64, error) {
	pivots := c.pivots()
	differ, errs := make([]uint64, len(pivots)), make([]error, len(pivots))
	var wg sync.WaitGroup
	for i, pivot := range pivots {
		wg.Go(func() { differ[i], errs[i] = c.at(ctx, pivot) })
	}
	wg.Wait()
	for _, sequence := range differ {
		if sequence > 0 {
			return sequence, nil
		}
	}
	return 0, errors.Join(errs...)
}

// pivots returns the sequences to compare: spread evenly over the range, and increasingly dense towards the newest,
// where recent divergences show.
func (c comparison) pivots() []uint64 {
	if c.last < c.first {
		return nil
	}
	width := c.last - c.first
	seen := map[uint64]bool{}
	var pivots []uint64
	add := func(sequence uint64) {
		if !seen[sequence] {
			seen[sequence] = true
			pivots = append(pivots, sequence)
		}
	}
	add(c.first)
	for i := range uint64(4) {
		add(c.first + width/4*i)
	}
	for back := uint64(1); back <= width; back *= 8 {
		add(c.last - back)
	}
	add(c.last)
	return pivots
}

// hops bounds the search for a common sequence after a pivot. A mirror has every message that its source still has, so
// the source's next message is usually common.
const hops = 4

// at compares the first common message at or after a pivot and returns its sequence if it differs.
func (c comparison) at(ctx context.Context, pivot uint64) (uint64, error) {
	for range hops {
		from, err := c.source.next(ctx, pivot)
		if err != nil || from == nil || from.Sequence > c.last {
			return 0, err
		}
		own, err := c.mirror.next(ctx, from.Sequence)
		if err != nil || own == nil || own.Sequence > c.last {
			return 0, err
		}
		if own.Sequence == from.Sequence {
			if c.mirror.key(own) != c.source.key(from) || !own.Time.Equal(from.Time) || !bytes.Equal(own.Data, from.Data) {
				return own.Sequence, nil
			}
			return 0, nil
		}
		pivot = own.Sequence
	}
	return 0, nil
}
