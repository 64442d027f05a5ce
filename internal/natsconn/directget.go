package natsconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// ErrNoMessage says that a stream has no message on a subject.
var ErrNoMessage = errors.New("there is no message on the subject")

// DirectGet returns the last message of a stream on a subject, which any server that holds the stream may answer. Errors: those
// of [JetStream.Request], [ErrNoMessage], and [nats.ErrNoResponders] from a stream that does not allow direct gets.
func (js *JetStream) DirectGet(ctx context.Context, stream, subject string) (*nats.Msg, error) {
	answer, err := js.client.Request(ctx, &nats.Msg{Subject: js.Subject("DIRECT.GET." + stream + "." + subject)})
	if err != nil {
		return nil, err
	}
	switch status := answer.Header.Get("Status"); status {
	case "":
		return answer, nil
	case "404":
		return nil, ErrNoMessage
	default:
		return nil, fmt.Errorf("message on %s: %s %s", subject, status, answer.Header.Get("Description"))
	}
}
