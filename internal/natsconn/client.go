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
	// connectionName is the name of the provider's connections on the server.
	connectionName = "terraform-provider-nats"
	// reconnectWait and maxReconnects limit the time to reconnect to about two minutes with one server. After that the
	// connection closes, and the next use opens a new one.
	reconnectWait = 500 * time.Millisecond
	maxReconnects = 240
	// pingInterval is the interval of pings to the server. After two missing responses the connection is lost. This
	// detects a broken network within one minute instead of four.
	pingInterval = 15 * time.Second
)

// MinServerVersion is the oldest supported version of nats-server: 2.12 introduced the strict JetStream API and the
// promotion of mirrors.
const MinServerVersion = "2.12.0"

// Client is a shared connection to a NATS system. It connects on first use, and again after the connection is closed.
// It remembers a failed attempt for as long as an attempt can take, so that many resources fail together if a server is
// unreachable, not one after another. Use [NewClient] to create a Client.
type Client struct {
	settings Settings
	env      Environment
	// pool limits the number of connected clients. It is nil without a limit.
	pool *pool
	// outage is shared with other clients of the same servers. It is nil if there are none.
	outage *outage
	// contact is shared with all other clients of the same servers.
	contact *contact

	resolving sync.Mutex
	settled   *resolved

	// own is the JetStream domain of the connected server.
	own ownDomain

	mu       sync.Mutex
	conn     *nats.Conn
	failure  error
	failedAt time.Time
	// accepted is true once the user has been connected. refusedAt is the time of the first refusal since then.
	accepted  bool
	refusedAt time.Time

	violations violations
}

// NewClient returns a client with these settings. Settings that are not set fall back to the environment, unless env is
// nil. It does no I/O.
func NewClient(settings Settings, env Environment) *Client {
	if settings.ConnectTimeout == 0 {
		settings.ConnectTimeout = DefaultConnectTimeout
	}
	if settings.RequestTimeout == 0 {
		settings.RequestTimeout = DefaultRequestTimeout
	}
	return &Client{settings: settings, env: env, contact: &contact{}}
}

// As returns a separate client for the same servers with the same settings, but as another user. Who describes the user
// in errors, and source is where its credentials come from. The new client does not depend on the connection or the
// credentials of this client. It does no I/O.
func (c *Client) As(who, source string, auth Auth) *Client {
	settings := c.settings
	settings.as, settings.who, settings.asSource = &auth, who, source
	client := NewClient(settings, c.env)
	client.contact = c.contact
	return client
}

// resolve resolves the settings once. It does not cache an error: the apply that needs a credentials file may also
// create it.
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

// Domain returns the JetStream domain of the resolved settings, empty for the domain of the connected server. It may
// read a NATS context, but does not connect.
func (c *Client) Domain() (string, error) {
	r, err := c.resolve()
	if err != nil {
		return "", err
	}
	return r.domain, nil
}

// UserJWT returns the JWT of the user that the client connects as, empty if the user has none. It may read a NATS
// context and a credentials file, but does not connect.
func (c *Client) UserJWT() (string, error) {
	r, err := c.resolve()
	if err != nil || r.options.UserJWT == nil {
		return "", err
	}
	return r.options.UserJWT()
}

// Timeouts returns the client's timeouts, for use in another client.
func (c *Client) Timeouts() (connect, request time.Duration) {
	return c.settings.ConnectTimeout, c.settings.RequestTimeout
}

// enter keeps the client connected until leave is called.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	if c.pool == nil {
		return func() {}, nil
	}
	if err := c.pool.enter(ctx, c); err != nil {
		return nil, err
	}
	return func() { c.pool.leave(c) }, nil
}

// Use calls use with the shared connection. It opens the connection if necessary and keeps it open until use returns.
// It returns the error of use, an [*UnreachableError], [*AuthError], [*AccountAuthError], [*ConnectionLimitError],
// [*TLSError], [*ServerVersionError], [ErrNoServers], or an error about invalid settings.
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

// Connect opens the shared connection if necessary. It returns the errors of [Client.Use].
func (c *Client) Connect(ctx context.Context) error {
	return c.Use(ctx, func(*nats.Conn) error { return nil })
}

// open returns the shared connection, which may be reconnecting, or opens a new one. It makes one attempt, or none if
// another attempt failed a short time ago.
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
		recent = min(recent, attemptPause) // a waiting caller tries again
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
	// Disable buffering during a reconnect: a request that was reported as failed must not be carried out later.
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

// Close closes the connection, if any. The client can be used again.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// connectError returns the error for a failed attempt to connect.
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

// isRefusal reports whether a server refused the user.
func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired)
}

// isTimeout reports whether err is a network timeout.
func isTimeout(err error) bool {
	var failure net.Error
	return errors.As(err, &failure) && failure.Timeout()
}

// isAlert reports whether the server closed the connection with a TLS alert, for example because a client certificate
// is missing or untrusted. With TLS 1.3 the alert arrives after the client's part of the handshake.
func isAlert(err error) bool {
	var failure *net.OpError
	return errors.As(err, &failure) && failure.Op == "remote error"
}

// checkVersion rejects servers older than [MinServerVersion].
func checkVersion(version string) error {
	if older(version, MinServerVersion) {
		return &ServerVersionError{Version: secret.FromServer(version)}
	}
	return nil
}

// older reports whether a version is older than another one. An invalid version is older than every valid one.
func older(version, than string) bool {
	return slices.Compare(numbers(version), numbers(than)) < 0
}

// numbers returns the three numbers of a version, or nil if the version is invalid.
func numbers(version string) []int {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return nil
	}
	return []int{major, minor, patch}
}

// violations passes permission violations that a server reports on a connection to the requests that wait for a
// response.
type violations struct {
	mu      sync.Mutex
	waiting map[*waiter]struct{}
	// answers is set once the server has refused the subscription for responses. It reports this once per connection.
	answers *PermissionError
}

type waiter struct {
	// subject is the subject of the request.
	subject string
	// nc is the connection of the request. reconnects is its number of reconnects when the request was sent.
	nc         *nats.Conn
	reconnects uint64
	cancel     context.CancelCauseFunc
}

// watch returns a context that is cancelled with a [*PermissionError] if the server refuses a publish to subject or the
// subscription for responses, and with [nats.ErrDisconnected] if the connection is lost.
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

// report handles an asynchronous error of the connection.
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

// disconnect is called some time after the connection was lost. Responses to earlier requests no longer arrive.
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

// forget is called when a connection ends. On the next connection, the user may have other permissions.
func (v *violations) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers = nil
}

// ParseViolation parses a permission violation in the text of an error or a log line. It returns nil if there is none.
// The text of the server is, for example, `Permissions Violation for Publish to "$JS.API.INFO"` (pubPermissionViolation
// in nats-server's server/client.go).
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

// sameAPI reports whether two subjects are the same call of the JetStream API, or the same subject of a bucket. The
// server maps the prefix of its own domain ($JS.hub.API) to $JS.API before it checks permissions.
func sameAPI(a, b string) bool { return withoutDomain(a) == withoutDomain(b) }

func withoutDomain(subject string) string {
	if prefix, call, ok := strings.Cut(subject, ".API."); ok && strings.HasPrefix(prefix, "$JS") {
		return call
	}
	return subject
}
