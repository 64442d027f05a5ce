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

// FinishDelete finishes the delete of a key that was cut short. KINE deletes a key by two messages, a record that says so and a delete marker. A
// server or a KINE that ends between the two leaves the first alone: a KINE that is started after that takes the key for deleted, and yet never creates it
// again (Backend.Create in its pkg/drivers/nats/backend.go: the index has no such key, and the stream has a last value of it). Any other key is
// left as it is. It takes no more permissions than KINE has.
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
			return nil //nolint:nilerr // what is none of KINE's is nobody's delete
		}
		sequence, err := strconv.ParseUint(last.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return fmt.Errorf("the sequence of message %s: %w", subject, err)
		}
		marker := nats.NewMsg(subject)
		marker.Header.Set("KV-Operation", "DEL")
		// Nothing is written if anybody else has written to the key since.
		marker.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(sequence, 10))
		_, err = js.Publish(ctx, StreamName(bucket), marker)
		if natsconn.IsAPIError(err, natsconn.CodeWrongLastSequence) {
			return nil
		}
		return err
	})
}
