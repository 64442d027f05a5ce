package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Divergence says where the histories of a mirror and its source part.
type Divergence struct {
	// Mirror and Source are the last sequences of the two.
	Mirror, Source uint64
	// Sequence is one at which they have different messages, 0 if the source is simply behind its mirror.
	Sequence uint64
}

func (d *Divergence) String() string {
	if d.Sequence > 0 {
		return fmt.Sprintf("mirror and source have different messages at sequence %d: the source was made anew, or written to after a "+
			"restoration that the mirror has not seen", d.Sequence)
	}
	return fmt.Sprintf("the source's last sequence is %d, below the mirror's %d: the source was made anew, or restored from an older copy",
		d.Source, d.Mirror)
}

// Compare tells whether a mirror and its source have one history, nil if they do: the source's last sequence is not below
// the mirror's, and the messages at a number of common sequences are the same, the earliest and about the newest among them.
// A source that was restored from its mirror has one history with it; one that is a mirror itself is just being restored, and may
// be behind. A mirror that was promoted goes its own way, and is not compared. The source is asked for after the mirror was read, so
// that what is written meanwhile only makes the source go ahead, and is returned as it was found, nil if it was not. The error is
// [kine.ErrNotFound] if it is not there.
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

// compare is Compare for a copy of any source, promoted or not.
func compare(ctx context.Context, js, source *natsconn.JetStream, own *Mirror, bucket string) (*Mirror, *Divergence, error) {
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

// behindLooks is how many looks must find a source behind its mirror: a new leader may take a moment to know all that it has.
const behindLooks = 3

// readUpTo reads a source, several times if it seems not to have come to a sequence.
func readUpTo(ctx context.Context, source *natsconn.JetStream, bucket string, sequence uint64) (*Mirror, error) {
	ticker := time.NewTicker(syncPoll)
	defer ticker.Stop()
	for looks := 1; ; looks++ {
		from, err := Read(ctx, source, bucket)
		if err != nil || from.LastSequence >= sequence || looks == behindLooks {
			return from, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// side is one of two streams that are compared.
type side struct {
	js *natsconn.JetStream
	// stream is its name, subjects those of its keys.
	stream, subjects string
}

// next returns the first message at or behind a sequence, nil if there is none.
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

// key returns the subject of a message without what differs between the two streams.
func (s side) key(msg *jetstream.RawStreamMsg) string {
	return strings.TrimPrefix(msg.Subject, strings.TrimSuffix(s.subjects, ">"))
}

// comparison compares two streams within the sequences that both may have.
type comparison struct {
	mirror, source side
	first, last    uint64
}

// run returns a sequence at which the two differ, 0 if none was found.
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

// pivots returns where to look: from the earliest sequence on, evenly over the range, and ever more closely towards the newest, where
// histories part that parted lately.
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

// hops bounds the search for a common sequence behind a pivot. The mirror of a source has every message that the source still
// has, so that the source's next one is common at once.
const hops = 4

// at compares the first common message at or behind a pivot, and returns its sequence if it differs.
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
