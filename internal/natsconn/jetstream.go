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

// JetStream is the JetStream API of a domain, used by the user of a client.
type JetStream struct {
	client *Client
	domain string
}

// JetStream returns the JetStream API of a domain. An empty domain is the domain of the connected server.
func (c *Client) JetStream(domain string) *JetStream {
	return &JetStream{client: c, domain: domain}
}

// Domain returns the domain of the API, empty for the domain of the connected server.
func (js *JetStream) Domain() string { return js.domain }

// Subject returns the subject of an API call, for example STREAM.INFO.KV_kine.
func (js *JetStream) Subject(call string) string {
	if js.domain == "" {
		return "$JS.API." + call
	}
	return "$JS." + js.domain + ".API." + call
}

// KVSubject returns the subject to publish to a subject of a bucket ($KV...) in this domain. Servers keep $KV separate
// for each domain and map the prefix of the domain (generateJSMappingTable in nats-server's server/jetstream_api.go).
func (js *JetStream) KVSubject(subject string) string {
	if js.domain == "" {
		return subject
	}
	return js.Subject(subject)
}

// ClusterName returns the name of the cluster of the connected server, empty if the server is not clustered.
func (js *JetStream) ClusterName(ctx context.Context) (name string, err error) {
	err = js.client.Use(ctx, func(nc *nats.Conn) error {
		name = nc.ConnectedClusterName()
		return nil
	})
	return name, err
}

// OlderThan reports whether the connected server is older than a version, for example 2.15.0.
func (js *JetStream) OlderThan(ctx context.Context, version string) (is bool, err error) {
	err = js.client.Use(ctx, func(nc *nats.Conn) error {
		is = older(nc.ConnectedServerVersion(), version)
		return nil
	})
	return is, err
}

// Request sends one API request. It marshals request to JSON (nil is an empty body), checks that the response belongs
// to the call, and parses it into response unless response is nil. It waits until the client's request timeout or ctx
// expires. It returns an [*APIError] from the API, an [*AnswerError] if the response does not belong to the call, a
// [*NoJetStreamError], [*PermissionError] or [*TimeoutError], and the errors of [Client.Use].
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

// Publish sends a message to a subject of a stream, waits for the acknowledgement and returns the sequence of the
// message. It returns the errors of [JetStream.Request], and [nats.ErrNoResponders] if no stream has the subject.
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

// RequestRaw sends a request that is not an API call to its subject and waits for one response. It returns the errors
// of [Client.Request].
func (js *JetStream) RequestRaw(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	return js.client.Request(ctx, msg)
}

// Request sends a message on the shared connection and waits for one response until the request timeout or ctx expires.
// A permission violation ends the wait immediately.
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

// Exchange calls exchange with the shared connection, to publish to subject and wait for responses. The context of
// exchange ends with the request timeout, and immediately if the server refuses the publish or the subscription for
// responses, or if the connection is lost. If the connection was lost before anything was sent and ctx is a context of
// [Reading] or [Changing], Exchange calls exchange again after the reconnect. It returns a [*PermissionError],
// [*TimeoutError] or [*UnreachableError], and other errors of exchange.
func (c *Client) Exchange(ctx context.Context, subject string, exchange func(context.Context, *nats.Conn) error) error {
	for {
		err := c.Use(ctx, func(nc *nats.Conn) error { return c.exchange(ctx, nc, subject, exchange) })
		if !errors.Is(err, errNotSent) || !Waits(ctx) || ctx.Err() != nil {
			return err
		}
	}
}

func (c *Client) exchange(
	ctx context.Context, nc *nats.Conn, subject string, exchange func(context.Context, *nats.Conn) error,
) error {
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

// Retry calls try until it succeeds, fails with a permanent error, or ctx ends, and returns the last error. The wait
// between two attempts doubles from 50 ms to 1 s.
func Retry(ctx context.Context, try func(context.Context) error) error {
	return retry(ctx, IsTransient, try)
}

// RetryLost is like Retry, but retries only if the connection was lost.
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
