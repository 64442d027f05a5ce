package natsconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// firstPatience bounds how long a change waits for servers that this process has never been connected to: enough for one that is
	// being restarted, and not the whole timeout of a change for a URL that is wrong.
	firstPatience = time.Minute
	// refusalPatience is how long a user that was accepted before may be refused after its servers were away: a server that has just started may have to fetch
	// the account from another one first.
	refusalPatience = 5 * time.Second
	// settlingTime is how long servers that were away may take to find each other: a leaf node its hub, for example, whose JetStream domain nothing answers
	// for until then.
	settlingTime = 10 * time.Second
	// attemptPause is between two attempts to connect, and between two looks at a connection that is being made anew.
	attemptPause = 200 * time.Millisecond
)

// patience is how long an operation waits for servers that are away.
type patience struct {
	// timeout is that of the whole operation.
	timeout time.Duration
	// changes is set for an operation that changes something.
	changes bool
}

type patienceKey struct{}

// Reading returns the context of an operation that only reads, and ends it after timeout. It waits for servers that were reached before,
// by whatever client of them, and fails as soon as servers that were not cannot be connected to.
func Reading(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return patient(ctx, patience{timeout: timeout})
}

// Changing returns the context of an operation that changes something, and ends it after timeout. It waits for servers that were reached
// before as long as that, and up to a minute for ones that were not. All operations wait for the same outage together: one that has lasted longer than timeout
// fails the next operation at once.
func Changing(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return patient(ctx, patience{timeout: timeout, changes: true})
}

func patient(ctx context.Context, p patience) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, patienceKey{}, &p), p.timeout)
}

// RetryUnreachable calls try, with a context that waits for nothing, until servers can be reached. It is for one who asks several servers and needs
// one of them: where none can be connected to, an operation of [Changing] tries again for a minute, and one whose connection was lost as long as
// ctx allows.
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

// Waits reports whether ctx is that of an operation that waits for servers that are away: one of [Reading] or [Changing].
func Waits(ctx context.Context) bool { return patienceOf(ctx) != nil }

// patienceOf returns nil for a context that waits for nothing.
func patienceOf(ctx context.Context) *patience {
	p, _ := ctx.Value(patienceKey{}).(*patience)
	return p
}

// contact is what all clients of the same servers know of whether these can be reached. The zero value is of servers that nobody has
// tried.
type contact struct {
	mu sync.Mutex
	// reached is set once somebody was connected.
	reached bool
	// lost is when somebody first failed to connect since the last connection, zero if nobody did.
	lost time.Time
	// back is when they were reached again after that, zero if they never were.
	back time.Time
}

// found notes a connection.
func (c *contact) found() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lost.IsZero() {
		c.back = time.Now()
	}
	c.reached, c.lost = true, time.Time{}
}

// miss notes that a connection was lost, or could not be made.
func (c *contact) miss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note()
}

// note is miss for the one who holds the lock.
func (c *contact) note() {
	if c.lost.IsZero() {
		c.lost = time.Now()
	}
}

// settling reports whether the servers have only just come back.
func (c *contact) settling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.back) < settlingTime
}

// worth notes a failure to reach the servers, and reports whether waiting for them is worth it.
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

// worth reports whether an operation should try again to connect after this failure.
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

// refused reports whether servers have refused the user.
func refused(err error) bool {
	_, own := errors.AsType[*AuthError](err)
	_, minted := errors.AsType[*AccountAuthError](err)
	return own || minted
}

// note takes note of a connection.
func (c *Client) note() {
	c.contact.found()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted, c.refusedAt = true, time.Time{}
}

// connected returns the shared connection, opening it if need be. A context of [Reading] or [Changing] waits until it is up.
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

// errNotSent is why a request has not been carried out.
var errNotSent error = notSentError{}

// notSentError is a [nats.ErrDisconnected] before anything was sent.
type notSentError struct{}

func (notSentError) Error() string { return nats.ErrDisconnected.Error() }

func (notSentError) Unwrap() error { return nats.ErrDisconnected }

// Pause waits that long, and reports whether ctx goes on.
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

// Answering calls ask with a context that ends after d, and again whenever the connection was lost meanwhile: d bounds how long the answers
// may take, and not how long ctx waits for the connection.
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

// ServerID returns the public key of the connected server, which is another one after each start.
func (c *Client) ServerID(ctx context.Context) (id string, err error) {
	err = c.Use(ctx, func(nc *nats.Conn) error {
		id = nc.ConnectedServerId()
		return nil
	})
	return id, err
}
