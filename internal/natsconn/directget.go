package natsconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ErrNoMessage means that a stream does not have the message.
var ErrNoMessage = errors.New("the stream does not have the message")

// DirectGet returns the last message of a stream on a subject. Any server that holds the stream may respond. It returns
// the errors of [JetStream.Request], [ErrNoMessage], and [nats.ErrNoResponders] if the stream does not allow direct
// gets.
func (js *JetStream) DirectGet(ctx context.Context, stream, subject string) (*nats.Msg, error) {
	what := fmt.Sprintf("the last message of the stream %s on %s", stream, subject)
	msg, err := js.directGet(ctx, stream, &nats.Msg{Subject: js.Subject("DIRECT.GET." + stream + "." + subject)}, what)
	if err != nil {
		return nil, err
	}
	if got := msg.Header.Get(jetstream.SubjectHeader); got != subject {
		return nil, &AnswerError{Asked: what, Got: secret.Sprintf("with a message on %q", secret.FromServer(got))}
	}
	return msg, nil
}

// DirectGetNext returns the first message of a stream with this sequence or a later one. It returns the errors of
// [JetStream.DirectGet].
func (js *JetStream) DirectGetNext(
	ctx context.Context, stream string, sequence uint64,
) (*jetstream.RawStreamMsg, error) {
	body, err := json.Marshal(map[string]any{"seq": sequence, "next_by_subj": ">"})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("the message of the stream %s from sequence %d on", stream, sequence)
	msg, err := js.directGet(ctx, stream, &nats.Msg{Subject: js.Subject("DIRECT.GET." + stream), Data: body}, what)
	if err != nil {
		return nil, err
	}
	raw := &jetstream.RawStreamMsg{Subject: msg.Header.Get(jetstream.SubjectHeader), Header: msg.Header, Data: msg.Data}
	if raw.Sequence, err = strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64); err != nil {
		return nil, Unread(what, err)
	}
	if raw.Sequence < sequence || raw.Subject == "" {
		return nil, &AnswerError{Asked: what, Got: secret.Sprintf("with the message of sequence %d on %q",
			raw.Sequence, secret.FromServer(raw.Subject))}
	}
	if raw.Time, err = time.Parse(time.RFC3339Nano, msg.Header.Get(jetstream.TimeStampHeaer)); err != nil {
		return nil, Unread(what, err)
	}
	return raw, nil
}

func (js *JetStream) directGet(ctx context.Context, stream string, request *nats.Msg, what string) (*nats.Msg, error) {
	answer, err := js.client.Request(ctx, request)
	if err != nil {
		return nil, err
	}
	got := answer.Header.Get(jetstream.StreamHeader)
	switch status := answer.Header.Get("Status"); {
	case status == "404":
		return nil, ErrNoMessage
	case status != "":
		return nil, fmt.Errorf("%s: %s", what, secret.FromServer(status+" "+answer.Header.Get("Description")))
	case got != stream:
		return nil, &AnswerError{Asked: what, Got: secret.Sprintf("with a message of the stream %q", secret.FromServer(got))}
	}
	return answer, nil
}
