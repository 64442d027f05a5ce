package kine

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// FinishDelete completes an interrupted delete of a key. KINE deletes a key with two messages, a record that is marked
// as deleted and a delete marker. If the server or KINE stops between them, only the first exists: a KINE that is
// started later treats the key as deleted but can never create it again (Backend.Create in its
// pkg/drivers/nats/backend.go: the key is not in the index, but the stream has a last value for it). Any other key is
// unchanged. The permissions of KINE's user are sufficient.
func FinishDelete(ctx context.Context, js *natsconn.JetStream, bucket, key string) error {
	encoded, err := EncodeKey(key)
	if err != nil {
		return err
	}
	subject := KeySubject(bucket, encoded)
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		last, err := js.DirectGet(ctx, StreamName(bucket), subject)
		switch {
		case errors.Is(err, natsconn.ErrNoMessage):
			return nil
		case err != nil:
			return err
		case last.Header.Get("KV-Operation") != "":
			return nil
		}
		if r, err := decodeRecord(last.Data); err != nil || !r.Delete {
			return nil //nolint:nilerr // a message that is not KINE's is not a delete
		}
		sequence, err := strconv.ParseUint(last.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return fmt.Errorf("the sequence of message %s: %w", subject, err)
		}
		marker := nats.NewMsg(subject)
		marker.Header.Set("KV-Operation", "DEL")
		// The server refuses the marker if another client has written to the key since.
		marker.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(sequence, 10))
		_, err = js.Publish(ctx, StreamName(bucket), marker)
		if natsconn.IsAPIError(err, natsconn.CodeWrongLastSequence) {
			return nil
		}
		return err
	})
}
