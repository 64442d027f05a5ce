package natsconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

const (
	// connectionName is what a server shows of the provider's connections.
	connectionName = "terraform-provider-nats"
	// reconnectWait and maxReconnects bound how long a lost connection is tried again: about two minutes for one server.
	// After that the connection closes, and the next use opens a new one.
	reconnectWait = 500 * time.Millisecond
	maxReconnects = 240
	// pingInterval is how often the server is asked for a sign of life; after two that do not come, the connection counts as
	// lost. A silent network shows within a minute that way, and not after four.
	pingInterval = 15 * time.Second
)

// MinServerVersion is the oldest nats-server that is supported: 2.12 brought the strict JetStream API and the promotion
// of mirrors.
const MinServerVersion = "2.12.0"

// Client is a shared connection to a NATS system. It connects on first use and again after the connection was lost for
// good. A failed attempt is remembered for as long as an attempt may take, so that many resources whose server is gone
// fail together and not one after another. The zero value is not usable: call [NewClient].
type Client struct {
	settings Settings
	env      Environment
	// pool bounds how many clients are connected; nil does not.
	pool *pool
	// outage is that of the servers, which other clients of them tell of and are told of; nil if there are none.
	outage *outage
	// contact is shared with all other clients of the servers.
	contact *contact

	resolving sync.Mutex
	settled   *resolved

	// own is the JetStream domain of the connected server.
	own ownDomain

	mu       sync.Mutex
	conn     *nats.Conn
	failure  error
	failedAt time.Time
	// accepted is set once the user was connected, and refusedAt is when it was first refused since then.
	accepted  bool
	refusedAt time.Time

	violations violations
}

// NewClient returns a client that connects with these settings, and with what they leave open from the environment unless
// env is nil. It does no I/O.
func NewClient(settings Settings, env Environment) *Client {
	if settings.ConnectTimeout == 0 {
		settings.ConnectTimeout = DefaultConnectTimeout
	}
	if settings.RequestTimeout == 0 {
		settings.RequestTimeout = DefaultRequestTimeout
	}
	return &Client{settings: settings, env: env, contact: &contact{}}
}

// As returns another client of the same servers, connected to in the same way but as another user, whom errors call who, and whose
// credentials come from source. Its
// connection is its own, and does not depend on that of this client, nor on whether this client's way to authenticate can be
// used. It does no I/O.
func (c *Client) As(who, source string, auth Auth) *Client {
	settings := c.settings
	settings.as, settings.who, settings.asSource = &auth, who, source
	client := NewClient(settings, c.env)
	client.contact = c.contact
	return client
}

// resolve settles the settings once. A failure is not kept: a credentials file may be written by the very apply that
// needs it.
func (c *Client) resolve() (*resolved, error) {
	c.resolving.Lock()
	defer c.resolving.Unlock()
	if c.settled == nil {
		r, err := c.settings.resolve(c.env)
		if err != nil {
			return nil, err
		}
		c.settled = r
	}
	return c.settled, nil
}

// Domain returns the JetStream domain that the settings lead to, empty for the domain of the connected server. It may
// read a NATS context, but does not connect.
func (c *Client) Domain() (string, error) {
	r, err := c.resolve()
	if err != nil {
		return "", err
	}
	return r.domain, nil
}

// UserJWT returns the JWT of the user that the client connects as, empty for one that has none. It may read a NATS context and a credentials
// file, but does not connect.
func (c *Client) UserJWT() (string, error) {
	r, err := c.resolve()
	if err != nil || r.options.UserJWT == nil {
		return "", err
	}
	return r.options.UserJWT()
}

// Timeouts returns the client's timeouts, for another client that shall have the same.
func (c *Client) Timeouts() (connect, request time.Duration) {
	return c.settings.ConnectTimeout, c.settings.RequestTimeout
}

// enter has the client stay connected until leave is called.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	if c.pool == nil {
		return func() {}, nil
	}
	if err := c.pool.enter(ctx, c); err != nil {
		return nil, err
	}
	return func() { c.pool.leave(c) }, nil
}

// Use calls use with the shared connection, which is opened if need be and stays open until use returns. Errors are those of use,
// [*UnreachableError], [*AuthError], [*AccountAuthError], [*ConnectionLimitError], [*TLSError], [*ServerVersionError], [ErrNoServers] and
// those of unusable settings.
func (c *Client) Use(ctx context.Context, use func(*nats.Conn) error) error {
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	nc, err := c.connected(ctx)
	if err != nil {
		return err
	}
	return use(nc)
}

// Connect opens the shared connection if need be. Errors are those of [Client.Use].
func (c *Client) Connect(ctx context.Context) error {
	return c.Use(ctx, func(*nats.Conn) error { return nil })
}

// open returns the shared connection, which may be being made anew, and opens one if there is none. It makes one attempt, or none if another
// has failed just now.
func (c *Client) open(ctx context.Context, p *patience) (*nats.Conn, error) {
	r, err := c.resolve()
	if err != nil {
		return nil, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && !c.conn.IsClosed() {
		return c.conn, nil
	}
	c.conn = nil
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	recent := c.settings.ConnectTimeout
	if p != nil {
		recent = min(recent, attemptPause) // who waits asks again
	}
	if c.failure != nil && time.Since(c.failedAt) < recent {
		return nil, c.failure
	}
	if err := c.outage.since(recent); err != nil {
		return nil, err
	}
	began := time.Now()
	c.conn, c.failure = c.dial(r)
	if c.failure != nil {
		c.failedAt = time.Now()
	}
	if c.failedAt.Sub(began) >= c.settings.ConnectTimeout {
		c.outage.note(c.failure)
	}
	return c.conn, c.failure
}

// dial makes one attempt at each server.
func (c *Client) dial(r *resolved) (*nats.Conn, error) {
	options := r.options
	options.Name = connectionName
	options.Timeout = c.settings.ConnectTimeout
	options.AllowReconnect = true
	options.ReconnectWait = reconnectWait
	options.MaxReconnect = maxReconnects
	options.PingInterval = pingInterval
	// Nothing is kept back to be sent after a reconnect: a request that was reported as failed must not be carried out
	// later.
	options.ReconnectBufSize = -1
	c.violations.forget()
	options.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { c.violations.report(err) }
	options.DisconnectedErrCB = func(nc *nats.Conn, _ error) {
		c.violations.forget()
		c.violations.disconnect(nc)
	}

	nc, err := options.Connect()
	if err != nil {
		err = connectError(r.options.Servers, &c.settings, err)
		if _, ok := errors.AsType[*AuthError](err); ok {
			err = &IdentityError{Identity: r.identity(), Err: err}
		}
		return nil, err
	}
	if err := checkVersion(nc.ConnectedServerVersion()); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// Close closes the connection if there is one. The client can be used again.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// connectError tells why no server could be connected to.
func connectError(servers []string, settings *Settings, err error) error {
	redacted := make([]string, len(servers))
	for i, server := range servers {
		redacted[i] = secret.URL(server)
	}
	if unreadable, ok := errors.AsType[*credentialsError](err); ok {
		return unreadable
	}
	err = &secret.ServerError{Err: err}
	switch {
	case isRefusal(err) && settings.minted != nil:
		return &AccountAuthError{Account: settings.account, Issuer: settings.minted.Issuer(), Servers: redacted, Err: err}
	case isRefusal(err):
		return &AuthError{Servers: redacted, Who: settings.who, Err: err}
	case errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		return &ConnectionLimitError{Account: settings.account, Servers: redacted, Err: err}
	case errors.Is(err, nats.ErrTLS) && !isTimeout(err), errors.Is(err, nats.ErrSecureConnWanted), isAlert(err):
		return &TLSError{Servers: redacted, Err: err}
	}
	return &UnreachableError{Servers: redacted, Err: err}
}

// isRefusal tells whether a server has refused the user.
func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired)
}

// isTimeout tells whether the other side was silent.
func isTimeout(err error) bool {
	var failure net.Error
	return errors.As(err, &failure) && failure.Timeout()
}

// isAlert tells whether the server ended the connection with a TLS alert, as it does for a client certificate that it
// misses or does not know: with TLS 1.3 that comes after the client's part of the handshake.
func isAlert(err error) bool {
	var failure *net.OpError
	return errors.As(err, &failure) && failure.Op == "remote error"
}

// checkVersion refuses servers older than [MinServerVersion].
func checkVersion(version string) error {
	if older(version, MinServerVersion) {
		return &ServerVersionError{Version: secret.FromServer(version)}
	}
	return nil
}

// older tells whether a version is before another one. One that is none, of three numbers, is before all.
func older(version, than string) bool {
	return slices.Compare(numbers(version), numbers(than)) < 0
}

// numbers returns those of a version, and none if it is no version.
func numbers(version string) []int {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return nil
	}
	return []int{major, minor, patch}
}

// violations hands the permission violations that a server reports on a connection to the requests that wait for an
// answer which will not come.
type violations struct {
	mu      sync.Mutex
	waiting map[*waiter]struct{}
	// answers is set once the subscription that all answers come in on was refused. The server says it once a connection.
	answers *PermissionError
}

type waiter struct {
	// subject is what was published to.
	subject string
	// nc is the connection that the answer would come on, and reconnects how often that had been made anew before.
	nc         *nats.Conn
	reconnects uint64
	cancel     context.CancelCauseFunc
}

// watch returns a context that is cancelled with a [*PermissionError] once a publish to subject, or the subscription
// that its answer comes in on, is refused, and with [nats.ErrDisconnected] once the connection is lost that the answer would come on.
func (v *violations) watch(ctx context.Context, nc *nats.Conn, subject string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &waiter{subject: subject, nc: nc, reconnects: nc.Stats().Reconnects, cancel: cancel}
	v.mu.Lock()
	if v.waiting == nil {
		v.waiting = map[*waiter]struct{}{}
	}
	v.waiting[w] = struct{}{}
	if v.answers != nil {
		cancel(v.answers)
	}
	v.mu.Unlock()
	return ctx, func() {
		v.mu.Lock()
		delete(v.waiting, w)
		v.mu.Unlock()
		cancel(nil)
	}
}

// report takes an asynchronous error of the connection.
func (v *violations) report(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	violation := ParseViolation(err.Error())
	if violation == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !violation.Publish {
		v.answers = violation
	}
	for w := range v.waiting {
		if !violation.Publish || sameAPI(violation.Subject, w.subject) {
			w.cancel(violation)
		}
	}
}

// disconnect is called some time after a connection was lost. Answers to what was sent before do not come any more.
func (v *violations) disconnect(nc *nats.Conn) {
	connected, reconnects := nc.IsConnected(), nc.Stats().Reconnects
	v.mu.Lock()
	defer v.mu.Unlock()
	for w := range v.waiting {
		if w.nc == nc && (!connected || w.reconnects < reconnects) {
			w.cancel(nats.ErrDisconnected)
		}
	}
}

// forget is called when a connection ends: on the next one, the user may have other permissions.
func (v *violations) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers = nil
}

// ParseViolation reads a server's permission violation out of the text of an error or a log line, nil if there is none in
// it. The server's text is, for example, `Permissions Violation for Publish to "$JS.API.INFO"`, from server/client.go,
// pubPermissionViolation.
func ParseViolation(text string) *PermissionError {
	_, rest, _ := strings.Cut(text, "Permissions Violation for ")
	kind, rest, _ := strings.Cut(rest, " to \"")
	subject, _, _ := strings.Cut(rest, "\"")
	subject = secret.FromServer(subject)
	switch kind {
	case "Publish":
		return &PermissionError{Subject: subject, Publish: true}
	case "Subscription":
		return &PermissionError{Subject: subject}
	}
	return nil
}

// sameAPI tells whether two subjects are the same call of the JetStream API, or the same subject of a bucket: the server maps
// its own domain's prefix ($JS.hub.API) to the plain one before it checks permissions.
func sameAPI(a, b string) bool { return withoutDomain(a) == withoutDomain(b) }

func withoutDomain(subject string) string {
	if prefix, call, ok := strings.Cut(subject, ".API."); ok && strings.HasPrefix(prefix, "$JS") {
		return call
	}
	return subject
}
