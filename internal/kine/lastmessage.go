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

// Fields of a [Difference] that are not names of the JetStream API.
const (
	// FieldLastMessage is the last message. KINE reads up to the bucket's last sequence when it starts and ignores
	// messages that it cannot decode (btreeWatcher in KINE's pkg/drivers/nats/kv.go). If the last message is missing or
	// not KINE's, KINE waits for a minute and fails.
	FieldLastMessage = "last_message"
	// FieldMessages is set if all messages of the bucket were deleted.
	FieldMessages = "messages"
	// FieldFirstSequence is a field of the configuration that destroys the contents of the bucket.
	FieldFirstSequence = "first_seq"
)

// HealthKey and healthValue are the key and the value that KINE writes at each start (in its pkg/server/types.go).
const (
	HealthKey = "/registry/health"
	// encodedHealthKey is HealthKey as EncodeKey returns it.
	encodedHealthKey = "L8nZchjdPLL.tzCUBDXD"

	healthValue = `{"health":"true"}`
)

const (
	// writing is the maximum age of the last message of a running KINE. Kubernetes renews its leases at least every ten
	// seconds.
	writing = 15 * time.Second
	// lagTimeout is how long a server of a replicated bucket may lag behind the last message, and lagPoll how often it
	// is checked.
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

// encode is the inverse of decodeRecord.
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

// readable reports whether KINE can decode a message: its key, and its value unless it is a delete marker.
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

// lastDifference returns what is wrong with the last message of a bucket, or nil.
func (s Stream) lastDifference(ctx context.Context, info *StreamInfo) (*Difference, error) {
	late, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	for again := true; ; again = info.Cluster != nil && len(info.Cluster.Replicas) > 0 {
		if info.State.LastSequence == 0 {
			return nil, nil
		}
		if info.State.Messages == 0 {
			return &Difference{Field: FieldMessages, Actual: "0",
				Required: fmt.Sprintf("message %d", info.State.LastSequence)}, nil
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
			return &Difference{Field: FieldLastMessage, Actual: canonical([]byte(strconv.Quote(msg.Subject))),
				Required: "one of KINE's"}, nil
		case !errors.Is(err, natsconn.ErrNoMessage):
			return nil, err
		}
		// A lagging server may not have the message yet, and KINE may have written more messages since.
		if !again || !natsconn.Pause(late, lagPoll) {
			return &Difference{Field: FieldLastMessage, Actual: "unset", Required: "one of KINE's"}, nil
		}
		if info, err = s.Read(ctx); err != nil {
			return nil, err
		}
	}
}

// Inspect reads a bucket as [Read] does and adds the differences of its messages. That takes one more request, unless
// the bucket was never written to or KINE is running, that is, the bucket has consumers and a recent last message. A
// message that cannot be read, for example because a permission is missing, is not a difference.
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
	if bucket.Fence != nil || len(bucket.Unrepairable()) > 0 ||
		info.State.ConsumerCount > 0 && info.Now.Sub(info.State.LastTime) < writing {
		return bucket
	}
	if found, err := s.lastDifference(ctx, info); err == nil && found != nil {
		bucket.Differences = append(bucket.Differences, *found)
	}
	return bucket
}

// RepairLastMessage appends a message that KINE can decode: the health key, which KINE writes at each start. A bucket
// that already ends with such a message, or has no messages, is unchanged.
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
		// The server refuses the message if another client has written since.
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(info.State.LastSequence, 10))
		_, err = js.Publish(ctx, s.Name(), msg)
		return err
	})
}

// healthMessage returns the message that KINE would write to the health key now.
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

// RepairFirstSequence removes first_seq from the configuration of a bucket's stream. It must run before any other
// change: with first_seq set, the server deletes all messages at its next start (measured with 2.15.2, for any
// sequence).
func RepairFirstSequence(ctx context.Context, js *natsconn.JetStream, name string) error {
	s := OpenStream(js, name)
	info, err := s.Read(ctx)
	if err != nil || info.Config.value(FieldFirstSequence) == "" {
		return err
	}
	delete(info.Config, FieldFirstSequence)
	return s.Send(ctx, info.Config)
}

// Processor time of KINE and the server during a start of KINE, and the limits of that start (measured with KINE 0.17.5
// and nats-server 2.15.2; waitReady in KINE's pkg/drivers/nats/kv.go).
const (
	startPerMessage = 16 * time.Microsecond
	startPerByte    = 17 * time.Nanosecond
	// SlowStart is the estimate from which a start deserves a warning.
	SlowStart = 25 * time.Second
	// LongStart is the estimate from which a start may reach StartLimit.
	LongStart = 50 * time.Second
	// StartLimit is the time after which KINE gives up.
	StartLimit = time.Minute
)

// StartTime estimates how long KINE takes to start on the bucket. The actual time is between half and twice the
// estimate.
func (b *Bucket) StartTime() time.Duration {
	const most = uint64(1) << 53 // far beyond any stream, and cannot overflow
	return time.Duration(min(b.Messages, most/uint64(startPerMessage)))*startPerMessage +
		time.Duration(min(b.Bytes, most/uint64(startPerByte)))*startPerByte
}

// CrowdedConsumers returns an error if KINE's consumers may not fit under the server's own limit.
func (b *Bucket) CrowdedConsumers() error { return Limits{}.consumersLeft(b.Consumers) }
