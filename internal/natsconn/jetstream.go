package natsconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// JetStream is the JetStream API of one domain, spoken by one user.
type JetStream struct {
	client *Client
	domain string
}

// JetStream returns the JetStream API of a domain, that of the connected server if the domain is empty.
func (c *Client) JetStream(domain string) *JetStream {
	return &JetStream{client: c, domain: domain}
}

// Domain returns the domain whose API this is, empty for that of the connected server.
func (js *JetStream) Domain() string { return js.domain }

// Subject returns the subject of an API call such as STREAM.INFO.KV_kine.
func (js *JetStream) Subject(call string) string {
	if js.domain == "" {
		return "$JS.API." + call
	}
	return "$JS." + js.domain + ".API." + call
}

// KVSubject returns the subject by which a publish reaches a bucket's subject ($KV...) in this domain: servers keep $KV apart
// by domain, and map this prefix in (generateJSMappingTable in nats-server's server/jetstream_api.go).
func (js *JetStream) KVSubject(subject string) string {
	if js.domain == "" {
		return subject
	}
	return js.Subject(subject)
}

// ClusterName returns the name of the cluster that the connected server is part of, empty if it is part of none.
func (js *JetStream) ClusterName(ctx context.Context) (name string, err error) {
	err = js.client.Use(ctx, func(nc *nats.Conn) error {
		name = nc.ConnectedClusterName()
		return nil
	})
	return name, err
}

// OlderThan tells whether the connected server is of a version before this one, such as 2.15.0.
func (js *JetStream) OlderThan(ctx context.Context, version string) (is bool, err error) {
	err = js.client.Use(ctx, func(nc *nats.Conn) error {
		is = older(nc.ConnectedServerVersion(), version)
		return nil
	})
	return is, err
}

// Request makes one call of the API: request becomes JSON (nil is an empty body, json.RawMessage goes as it is), and
// the answer is held against the call and read into response unless that is nil. It waits for the answer as long as the client's request timeout
// and ctx allow. Errors: [*APIError] for the API's own, [*AnswerError] for an answer to something else, [*NoJetStreamError], [*PermissionError], [*TimeoutError] and
// those of [Client.Use].
func (js *JetStream) Request(ctx context.Context, call string, request, response any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("request %s: %w", call, err)
		}
	}
	answer, err := js.client.Request(ctx, &nats.Msg{Subject: js.Subject(call), Data: body})
	settling := Waits(ctx) && js.client.contact.settling()
	if errors.Is(err, nats.ErrNoResponders) {
		return js.client.Identify(&NoJetStreamError{Domain: js.domain, Settling: settling})
	}
	if err != nil {
		return err
	}
	switch err := js.checkAnswer(call, answer.Data); {
	case IsAPIError(err, CodeAccountNotEnabled):
		return js.client.Identify(&NoJetStreamError{Domain: js.domain, Account: true, Settling: settling})
	case IsAPIError(err, CodeJetStreamNotEnabled):
		return js.client.Identify(&NoJetStreamError{Domain: js.domain, Settling: settling})
	case err != nil:
		return err
	case response == nil:
		return nil
	}
	if err := json.Unmarshal(answer.Data, response); err != nil {
		return Unread(call, err)
	}
	return nil
}

// Publish sends a message to a subject of a stream and waits for the stream's answer, the sequence that it stored the
// message at. Errors are those of [JetStream.Request]; a subject that no stream listens on is [nats.ErrNoResponders].
func (js *JetStream) Publish(ctx context.Context, stream string, msg *nats.Msg) (uint64, error) {
	answer, err := js.client.Request(ctx, msg)
	if err != nil {
		return 0, err
	}
	return js.acknowledged(stream, answer)
}

// PublishTimes publishes a message several times and waits for the stream to acknowledge the last of them, which also
// shows that it has processed the others: a stream processes the messages of a connection in order. It returns the
// sequence of the last one. The others may have been dropped. times must be below the 10,000 messages that a server
// holds for a stream by default (max_buffered_msgs).
func (js *JetStream) PublishTimes(ctx context.Context, stream string, msg *nats.Msg, times int) (uint64, error) {
	var answer *nats.Msg
	err := js.client.Exchange(ctx, msg.Subject, func(ctx context.Context, nc *nats.Conn) (err error) {
		for range times - 1 {
			if err := nc.PublishMsg(msg); err != nil {
				return err
			}
		}
		answer, err = nc.RequestMsgWithContext(ctx, msg)
		return err
	})
	if err != nil {
		return 0, err
	}
	return js.acknowledged(stream, answer)
}

// acknowledged returns the sequence in a stream's answer to a publish.
func (js *JetStream) acknowledged(stream string, answer *nats.Msg) (uint64, error) {
	asked := "a publish to the stream " + stream
	var ack struct {
		Error  *APIError `json:"error"`
		Stream string    `json:"stream"`
		Domain string    `json:"domain"`
		Seq    uint64    `json:"seq"`
	}
	if err := Unmarshal(asked, answer.Data, &ack); err != nil {
		return 0, err
	}
	wrong := func(got string, args ...any) (uint64, error) {
		return 0, &AnswerError{Asked: asked, Got: fmt.Sprintf(got, args...)}
	}
	switch {
	case ack.Stream != stream:
		return wrong("about the stream %q", secret.FromServer(ack.Stream))
	case js.domain != "" && ack.Domain != "" && ack.Domain != js.domain:
		return wrong("for the JetStream domain %q, not %q", secret.FromServer(ack.Domain), js.domain)
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Seq == 0:
		return wrong("without a sequence")
	}
	return ack.Seq, nil
}

// RequestRaw makes a request on a subject as it is, for what is not a call of this API, and waits for one answer. Errors are
// those of [Client.Request].
func (js *JetStream) RequestRaw(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	return js.client.Request(ctx, msg)
}

// Request sends a message on the shared connection and waits for one answer, as long as the request timeout and ctx
// allow. A permission violation ends the wait at once.
func (c *Client) Request(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	var answer *nats.Msg
	err := c.Exchange(ctx, msg.Subject, func(ctx context.Context, nc *nats.Conn) (err error) {
		if answer, err = nc.RequestMsgWithContext(ctx, msg); err != nil {
			return err
		}
		if err := checkSize(answer, nc.MaxPayload()); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Exchange calls exchange with the shared connection, to publish to subject and to wait for what comes back. Its context ends
// with the request timeout, and at once if the server refuses the publish or the subscription that answers come in on, or if the connection is
// lost. Where the connection was lost before anything was sent, exchange is called again once it is back, if ctx is one of [Reading] or
// [Changing]. Errors: [*PermissionError], [*TimeoutError], [*UnreachableError], and others of exchange as they are.
func (c *Client) Exchange(ctx context.Context, subject string, exchange func(context.Context, *nats.Conn) error) error {
	for {
		err := c.Use(ctx, func(nc *nats.Conn) error { return c.exchange(ctx, nc, subject, exchange) })
		if !errors.Is(err, errNotSent) || !Waits(ctx) || ctx.Err() != nil {
			return err
		}
	}
}

func (c *Client) exchange(ctx context.Context, nc *nats.Conn, subject string, exchange func(context.Context, *nats.Conn) error) error {
	watched, done := c.violations.watch(ctx, nc, subject)
	defer done()
	bounded, cancel := context.WithTimeout(watched, c.settings.RequestTimeout)
	defer cancel()

	err := exchange(bounded, nc)
	if err == nil {
		return nil
	}
	var violation *PermissionError
	switch {
	case errors.As(context.Cause(watched), &violation):
		return violation
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		c.contact.miss()
		return &UnreachableError{Servers: c.redactedServers(), Err: errNotSent}
	case errors.Is(context.Cause(watched), nats.ErrDisconnected):
		c.contact.miss()
		return &UnreachableError{Servers: c.redactedServers(), Err: nats.ErrDisconnected}
	case errors.Is(err, context.DeadlineExceeded) && nc.Status() != nats.CONNECTED:
		return &UnreachableError{Servers: c.redactedServers(), Err: nats.ErrDisconnected}
	case errors.Is(err, context.DeadlineExceeded):
		return &TimeoutError{Subject: subject}
	case errors.Is(err, nats.ErrConnectionClosed):
		return &UnreachableError{Servers: c.redactedServers(), Err: nats.ErrConnectionClosed}
	}
	return &secret.ServerError{Err: err}
}

func (c *Client) redactedServers() []string {
	r, err := c.resolve()
	if err != nil {
		return nil
	}
	redacted := make([]string, len(r.options.Servers))
	for i, server := range r.options.Servers {
		redacted[i] = secret.URL(server)
	}
	return redacted
}

// Retry calls try until it succeeds, fails for a lasting reason, or ctx ends; the last failure is returned. Between two
// attempts it waits a little longer each time, from 50 ms to 1 s.
func Retry(ctx context.Context, try func(context.Context) error) error {
	return retry(ctx, IsTransient, try)
}

// RetryLost is Retry for what is tried again only if the connection was lost meanwhile.
func RetryLost(ctx context.Context, try func(context.Context) error) error {
	return retry(ctx, IsDisconnected, try)
}

func retry(ctx context.Context, transient func(error) bool, try func(context.Context) error) error {
	wait := 50 * time.Millisecond
	for {
		err := try(ctx)
		if err == nil || !transient(err) || !Pause(ctx, wait) {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}
