package natsconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// firstPatience is how long a change waits for servers that this process has never reached. It is long enough for a
	// server that restarts, but a wrong URL does not block a change until its timeout.
	firstPatience = time.Minute
	// refusalPatience is how long the provider retries a user that was accepted before and is refused after an outage: a
	// server that has just started may have to fetch the account from another server first.
	refusalPatience = 5 * time.Second
	// settlingTime is how long servers may take to connect to each other after an outage. For example, the JetStream
	// domain of a hub does not respond before the leaf node has connected to it.
	settlingTime = 10 * time.Second
	// attemptPause is the pause between two attempts to connect, and between two checks of a connection that reconnects.
	attemptPause = 200 * time.Millisecond
)

// patience defines how long an operation waits for unreachable servers.
type patience struct {
	// timeout is the timeout of the whole operation.
	timeout time.Duration
	// changes is true for an operation that changes something.
	changes bool
}

type patienceKey struct{}

// Reading returns the context of a read operation with a timeout. The operation waits for servers that any client has
// reached before, and fails immediately if servers that were never reached are unreachable.
func Reading(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return patient(ctx, patience{timeout: timeout})
}

// Changing returns the context of an operation that changes something, with a timeout. The operation waits for servers
// that were reached before until the timeout, and up to a minute for other servers. All operations share an outage: if
// it has lasted longer than timeout, the next operation fails immediately.
func Changing(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return patient(ctx, patience{timeout: timeout, changes: true})
}

func patient(ctx context.Context, p patience) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, patienceKey{}, &p), p.timeout)
}

// RetryUnreachable calls try, with a context that does not wait, until servers can be reached. Use it to ask several
// servers when one response is sufficient. If all are unreachable, an operation of [Changing] retries for a minute, and
// an operation whose connection was lost retries until ctx ends.
func RetryUnreachable(ctx context.Context, try func(context.Context) error) error {
	p := patienceOf(ctx)
	if p == nil {
		return try(ctx)
	}
	var servers contact
	for {
		err := try(context.WithValue(ctx, patienceKey{}, (*patience)(nil)))
		_, unreachable := errors.AsType[*UnreachableError](err)
		if !unreachable || !IsDisconnected(err) && !servers.worth(p) || !Pause(ctx, attemptPause) {
			return err
		}
	}
}

// Waits reports whether ctx is a context of [Reading] or [Changing], whose operations wait for unreachable servers.
func Waits(ctx context.Context) bool { return patienceOf(ctx) != nil }

// patienceOf returns nil for a context whose operation does not wait.
func patienceOf(ctx context.Context) *patience {
	p, _ := ctx.Value(patienceKey{}).(*patience)
	return p
}

// contact records whether servers can be reached. All clients of the same servers share it. In the zero value, no
// client has tried to connect.
type contact struct {
	mu sync.Mutex
	// reached is true once any client has been connected.
	reached bool
	// lost is the time of the first failure since the last connection, or zero.
	lost time.Time
	// back is the time of the first connection after a failure, or zero.
	back time.Time
}

// found records a connection.
func (c *contact) found() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lost.IsZero() {
		c.back = time.Now()
	}
	c.reached, c.lost = true, time.Time{}
}

// miss records that a connection was lost or failed.
func (c *contact) miss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note()
}

// note is like miss. The caller holds the lock.
func (c *contact) note() {
	if c.lost.IsZero() {
		c.lost = time.Now()
	}
}

// settling reports whether the servers became reachable less than settlingTime ago.
func (c *contact) settling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.back) < settlingTime
}

// worth records a failure to reach the servers, and reports whether to keep waiting for them.
func (c *contact) worth(p *patience) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note()
	away := time.Since(c.lost)
	switch {
	case c.reached:
		return away < p.timeout
	case p.changes:
		return away < min(p.timeout, firstPatience)
	}
	return false
}

// worth reports whether an operation tries to connect again after this failure.
func (c *Client) worth(p *patience, failure error) bool {
	if _, unreachable := errors.AsType[*UnreachableError](failure); unreachable {
		return c.contact.worth(p)
	}
	if !refused(failure) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusedAt.IsZero() {
		c.refusedAt = time.Now()
	}
	return c.accepted && time.Since(c.refusedAt) < refusalPatience
}

// refused reports whether servers refused the user.
func refused(err error) bool {
	_, own := errors.AsType[*AuthError](err)
	_, minted := errors.AsType[*AccountAuthError](err)
	return own || minted
}

// note records a connection.
func (c *Client) note() {
	c.contact.found()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted, c.refusedAt = true, time.Time{}
}

// connected returns the shared connection and opens it if necessary. With a context of [Reading] or [Changing], it
// waits until the connection is established.
func (c *Client) connected(ctx context.Context) (*nats.Conn, error) {
	p := patienceOf(ctx)
	for {
		nc, err := c.open(ctx, p)
		if err == nil && nc.IsConnected() {
			c.note()
			return nc, nil
		}
		if p == nil {
			return nc, err
		}
		if err == nil {
			err = &UnreachableError{Servers: c.redactedServers(), Err: nats.ErrDisconnected}
		}
		if !c.worth(p, err) || !Pause(ctx, attemptPause) {
			return nil, err
		}
	}
}

// errNotSent means that a request was not sent.
var errNotSent error = notSentError{}

// notSentError is a [nats.ErrDisconnected] that occurred before anything was sent.
type notSentError struct{}

func (notSentError) Error() string { return nats.ErrDisconnected.Error() }

func (notSentError) Unwrap() error { return nats.ErrDisconnected }

// Pause waits for d. It returns false if ctx ends before.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Answering calls ask with a timeout of d, and again whenever the connection was lost. The timeout applies to the
// responses, not to the time that ctx waits for the connection.
func (js *JetStream) Answering(ctx context.Context, d time.Duration, ask func(context.Context) error) error {
	for {
		if err := js.client.Connect(ctx); err != nil {
			return err
		}
		bounded, cancel := context.WithTimeout(ctx, d)
		err := ask(bounded)
		cancel()
		if !Waits(ctx) || !IsDisconnected(err) || !Pause(ctx, attemptPause) {
			return err
		}
	}
}

// ServerID returns the public key of the connected server, which changes with each start of the server.
func (c *Client) ServerID(ctx context.Context) (id string, err error) {
	err = c.Use(ctx, func(nc *nats.Conn) error {
		id = nc.ConnectedServerId()
		return nil
	})
	return id, err
}
