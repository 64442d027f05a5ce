package kine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/shengdoushi/base58"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// What the messages of a bucket violate, beside the fields of its configuration.
const (
	// FieldLastMessage is the last message: at its start KINE reads up to the bucket's last sequence, and counts only what it can read
	// as its own (btreeWatcher in KINE's pkg/drivers/nats/kv.go). If that is missing or not KINE's, it waits for a minute and fails.
	FieldLastMessage = "last_message"
	// FieldMessages are all messages, of which none is left.
	FieldMessages = "messages"
	// FieldFirstSequence is a field of the configuration that destroys the bucket.
	FieldFirstSequence = "first_seq"
)

// HealthKey and healthValue are what KINE writes at each start (in its pkg/server/types.go).
const (
	HealthKey = "/registry/health"
	// encodedHealthKey is HealthKey as EncodeKey returns it.
	encodedHealthKey = "L8nZchjdPLL.tzCUBDXD"

	healthValue = `{"health":"true"}`
)

const (
	// writing is how old the last message of a KINE that is at work may be. Kubernetes renews its leases each ten seconds at least.
	writing = 15 * time.Second
	// lagTimeout is how long a server of a replicated bucket may take to have the last message, and lagPoll how often it is asked.
	lagTimeout, lagPoll = 2 * time.Second, 50 * time.Millisecond
)

// record is a value in KINE's format (natsData in its pkg/drivers/nats/backend.go).
type record struct {
	KV             *recordKV
	PrevRevision   int64
	Create, Delete bool
}

// recordKV is the key and its value in a record (server.KeyValue in KINE's pkg/server/types.go).
type recordKV struct {
	Key                                  string
	Value                                []byte
	Version, CreateRevision, ModRevision int64
	Lease                                int64
}

// decodeRecord reads a value in KINE's format.
func decodeRecord(value []byte) (*record, error) {
	text, err := io.ReadAll(s2.NewReader(bytes.NewReader(value)))
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	if r.KV == nil {
		return nil, errors.New("it has no KV")
	}
	return &r, nil
}

// encode is the reverse of decodeRecord.
func (r *record) encode() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var value bytes.Buffer
	w := s2.NewWriter(&value)
	if err := errors.Join(w.EncodeBuffer(text), w.Close()); err != nil {
		return nil, err
	}
	return value.Bytes(), nil
}

// readable tells whether KINE takes a message for its own: it decodes the key of each, and the value unless it is a delete marker.
func readable(bucket string, msg *jetstream.RawStreamMsg) bool {
	key, ok := strings.CutPrefix(msg.Subject, KeySubject(bucket, ""))
	if !ok {
		return false
	}
	parts := 0
	for token := range strings.SplitSeq(key, ".") {
		if token == noRootPrefix {
			continue
		}
		if _, err := base58.Decode(token, base58.BitcoinAlphabet); err != nil {
			return false
		}
		parts++
	}
	switch msg.Header.Get("KV-Operation") {
	case "DEL", "PURGE":
		return parts > 0
	}
	_, err := decodeRecord(msg.Data)
	return parts > 0 && err == nil
}

// lastDifference tells what is wrong with the last message of a bucket, nil if nothing is.
func (s Stream) lastDifference(ctx context.Context, info *StreamInfo) (*Difference, error) {
	late, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	for again := true; ; again = info.Cluster != nil && len(info.Cluster.Replicas) > 0 {
		if info.State.LastSequence == 0 {
			return nil, nil
		}
		if info.State.Messages == 0 {
			return &Difference{Field: FieldMessages, Actual: "0", Required: fmt.Sprintf("message %d", info.State.LastSequence)}, nil
		}
		var msg *jetstream.RawStreamMsg
		err := natsconn.Retry(ctx, func(ctx context.Context) (err error) {
			msg, err = s.js.DirectGetNext(ctx, s.Name(), info.State.LastSequence)
			return err
		})
		switch {
		case err == nil && readable(s.bucket, msg):
			return nil, nil
		case err == nil:
			return &Difference{Field: FieldLastMessage, Actual: canonical([]byte(strconv.Quote(msg.Subject))), Required: "one of KINE's"}, nil
		case !errors.Is(err, natsconn.ErrNoMessage):
			return nil, err
		}
		// A server that lags behind does not have it yet, and a bucket that KINE writes to may be further by now.
		if !again || !natsconn.Pause(late, lagPoll) {
			return &Difference{Field: FieldLastMessage, Actual: "unset", Required: "one of KINE's"}, nil
		}
		if info, err = s.Read(ctx); err != nil {
			return nil, err
		}
	}
}

// Inspect reads a bucket as [Read] does, and adds to its differences what its messages say. That takes one more request, unless nothing
// was ever written, or KINE is at work: then there are consumers, and the last message is new. What cannot be read, for want of a
// permission for example, is no difference.
func Inspect(ctx context.Context, js *natsconn.JetStream, name string) (*Bucket, error) {
	s := OpenStream(js, name)
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	return s.inspect(ctx, info), nil
}

func (s Stream) inspect(ctx context.Context, info *StreamInfo) *Bucket {
	bucket := info.Bucket()
	if bucket.Fence != nil || len(bucket.Unrepairable()) > 0 || info.State.ConsumerCount > 0 && info.Now.Sub(info.State.LastTime) < writing {
		return bucket
	}
	if found, err := s.lastDifference(ctx, info); err == nil && found != nil {
		bucket.Differences = append(bucket.Differences, *found)
	}
	return bucket
}

// RepairLastMessage makes a bucket end with a message that KINE reads: the health key, which KINE writes at each start. A bucket that
// does so already, or without any message, is left as it is.
func RepairLastMessage(ctx context.Context, js *natsconn.JetStream, name string) error {
	s := OpenStream(js, name)
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err := s.readOnce(ctx)
		if err != nil {
			return err
		}
		found, err := s.lastDifference(ctx, info)
		if err != nil || found == nil || found.Field != FieldLastMessage {
			return err
		}
		msg, err := s.healthMessage(ctx)
		if err != nil {
			return err
		}
		// Nothing is written if anybody else has written since.
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(info.State.LastSequence, 10))
		_, err = js.Publish(ctx, s.Name(), msg)
		return err
	})
}

// healthMessage is what KINE would write to the health key now.
func (s Stream) healthMessage(ctx context.Context) (*nats.Msg, error) {
	subject := KeySubject(s.bucket, encodedHealthKey)
	next := record{KV: &recordKV{}, Create: true}
	before, err := s.js.DirectGet(ctx, s.Name(), subject)
	switch {
	case errors.Is(err, natsconn.ErrNoMessage):
	case err != nil:
		return nil, err
	default:
		sequence, err := strconv.ParseInt(before.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the sequence of message %s: %w", subject, err)
		}
		if r, err := decodeRecord(before.Data); err == nil && !r.Delete && before.Header.Get("KV-Operation") == "" {
			next = record{KV: r.KV, PrevRevision: sequence}
			if r.Create || r.KV.CreateRevision == 0 {
				next.KV.CreateRevision = sequence
			}
		}
	}
	next.KV.Key, next.KV.Value = HealthKey, []byte(healthValue)
	value, err := next.encode()
	if err != nil {
		return nil, err
	}
	msg := nats.NewMsg(s.js.KVSubject(subject))
	msg.Data = value
	return msg, nil
}

// RepairFirstSequence takes away a first_seq that somebody has set on the stream of a bucket, before anything else is done with it: the
// server deletes all messages when it starts the next time (as measured with 2.15.2, whatever the sequence is).
func RepairFirstSequence(ctx context.Context, js *natsconn.JetStream, name string) error {
	s := OpenStream(js, name)
	info, err := s.Read(ctx)
	if err != nil || info.Config.value(FieldFirstSequence) == "" {
		return err
	}
	delete(info.Config, FieldFirstSequence)
	return s.Send(ctx, info.Config)
}

// What KINE's start takes in processor time of its own and of the server, and how long it may take (measured with KINE 0.17.5 and
// nats-server 2.15.2; waitReady in KINE's pkg/drivers/nats/kv.go).
const (
	startPerMessage = 16 * time.Microsecond
	startPerByte    = 17 * time.Nanosecond
	// SlowStart is from when on a start is worth a warning.
	SlowStart = 25 * time.Second
	// LongStart is from when on a start may reach StartLimit.
	LongStart = 50 * time.Second
	// StartLimit is when KINE gives up.
	StartLimit = time.Minute
)

// StartTime estimates how long KINE takes to start on the bucket. The time that passes is half of it to twice as much.
func (b *Bucket) StartTime() time.Duration {
	const most = uint64(1) << 53 // far beyond any stream, and what cannot overflow
	return time.Duration(min(b.Messages, most/uint64(startPerMessage)))*startPerMessage + time.Duration(min(b.Bytes, most/uint64(startPerByte)))*startPerByte
}

// CrowdedConsumers tells whether KINE may find no room for its consumers under the server's own limit.
func (b *Bucket) CrowdedConsumers() error { return Limits{}.consumersLeft(b.Consumers) }
