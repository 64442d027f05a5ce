package natsconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// UnreachableError says that no server answered, or that the connection was lost and has not come back.
type UnreachableError struct {
	// Servers are the URLs tried, without credentials.
	Servers []string
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no connection to %s: %v", strings.Join(e.Servers, ", "), e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// IsMute reports whether a server took the connection and said nothing before it ended it, or before the time was over. A server that waits
// for the client to begin with TLS does so, and one that hangs.
func (e *UnreachableError) IsMute() bool {
	failure, ok := errors.AsType[*net.OpError](e.Err)
	return errors.Is(e.Err, io.EOF) || ok && failure.Op == "read" && failure.Timeout()
}

// TLSError says that a server was reached and the TLS handshake with it failed, or that only one of the two wants TLS. It
// is a matter of configuration and counts as neither unreachable nor refused.
type TLSError struct {
	Servers []string
	Err     error
}

func (e *TLSError) Error() string {
	return fmt.Sprintf("no TLS connection to %s: %v", strings.Join(e.Servers, ", "), e.Err)
}

func (e *TLSError) Unwrap() error { return e.Err }

// AuthError says that a server answered and refused the credentials.
type AuthError struct {
	Servers []string
	// Who is whose credentials they are, as [Client.As] was told; empty for a client's own.
	Who string
	Err error
}

func (e *AuthError) Error() string {
	what := "the credentials"
	if e.Who != "" {
		what += " of " + e.Who
	}
	return fmt.Sprintf("%s were refused by %s: %v", what, strings.Join(e.Servers, ", "), e.Err)
}

func (e *AuthError) Unwrap() error { return e.Err }

// ConnectionLimitError says that a server answered, and that the account has as many connections as it may have.
type ConnectionLimitError struct {
	// Account is the public key of the account that a minted user was to connect to, empty for the account of a client's own user.
	Account string
	Servers []string
	Err     error
}

func (e *ConnectionLimitError) Error() string {
	which := "the account of the user"
	if e.Account != "" {
		which = "the account " + e.Account
	}
	return fmt.Sprintf("%s has as many connections to %s as it may have: %v", which, strings.Join(e.Servers, ", "), e.Err)
}

func (e *ConnectionLimitError) Unwrap() error { return e.Err }

// ServerVersionError says that the server is older than [MinServerVersion].
type ServerVersionError struct{ Version string }

func (e *ServerVersionError) Error() string {
	return fmt.Sprintf("the server runs nats-server %s, and %s or newer is needed", e.Version, MinServerVersion)
}

// PermissionError says that the user may not publish or subscribe to a subject.
type PermissionError struct {
	Subject string
	// Publish is true for publishing, false for subscribing.
	Publish bool
}

func (e *PermissionError) Error() string {
	verb := "subscribe"
	if e.Publish {
		verb = "publish"
	}
	return secret.Sprintf("the user has no permission to %s to %q", verb, e.Subject)
}

// PayloadError says that a message is larger than the server takes. It was not sent.
type PayloadError struct {
	// What is the message, such as "the JWT of the account". Size and Limit are in bytes.
	What        string
	Size, Limit int64
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("%s has %d bytes, and the server takes messages of at most %d bytes (max_payload)", e.What, e.Size, e.Limit)
}

// NoJetStreamError says that nothing answers the JetStream API: JetStream is off on the server or in the account, or
// the domain does not exist.
type NoJetStreamError struct {
	// Domain is the JetStream domain that was asked, empty for the server's own.
	Domain string
	// Account is true if the server said that JetStream is off for the account.
	Account bool
	// Settling is true if the servers have only just come back, and may not be done with finding each other.
	Settling bool
}

func (e *NoJetStreamError) Error() string {
	switch {
	case e.Account:
		return "JetStream is not enabled for the account"
	case e.Domain != "":
		return secret.Sprintf("nothing answers for the JetStream domain %q", e.Domain)
	}
	return "nothing answers the JetStream API"
}

// TimeoutError says that a request got no answer in time. Whether the server carried it out is unknown.
type TimeoutError struct{ Subject string }

func (e *TimeoutError) Error() string {
	return secret.Sprintf("no answer in time to the request to %q", e.Subject)
}

// Is makes a TimeoutError a [context.DeadlineExceeded] too.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Error codes of the JetStream API that are told apart, from nats-server's server/errors.json.
const (
	CodeClusterNotAvailable  = 10008
	CodeNoSuitablePeers      = 10005
	CodeInsufficientStorage  = 10047
	CodeJetStreamNotEnabled  = 10076
	CodeAccountNotEnabled    = 10039
	CodeNoAccount            = 10035
	CodeAccountResources     = 10002
	CodeMaximumStreams       = 10027
	CodeMaxBytesRequired     = 10113
	CodeMaxStreamBytes       = 10122
	CodeNoLimits             = 10120
	CodeStreamGeneral        = 10051
	CodeStreamCreate         = 10049
	CodeStreamNotFound       = 10059
	CodeStreamNameInUse      = 10058
	CodeSubjectsOverlap      = 10065
	CodeReplicasNotSupported = 10074
	CodeWrongLastSequence    = 10071
	CodeStreamOffline        = 10118
	CodeNoLeader             = 10009
	CodeMoveInProgress       = 10124
	CodeReconfiguring        = 10226
	CodeFlowControlStalled   = 10228
)

// APIError is an error that the JetStream API answered with.
type APIError struct {
	// Code is an HTTP-like status, ErrCode the precise number, Description the server's words.
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// UnmarshalJSON reads the error as it may be shown.
func (e *APIError) UnmarshalJSON(data []byte) error {
	type plain APIError
	if err := json.Unmarshal(data, (*plain)(e)); err != nil {
		return err
	}
	e.Description = secret.FromServer(e.Description)
	return nil
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s (error code %d)", e.Description, e.ErrCode)
}

// IsAPIError tells whether err is an answer of the JetStream API with one of these codes.
func IsAPIError(err error, codes ...int) bool {
	api, ok := errors.AsType[*APIError](err)
	return ok && slices.Contains(codes, api.ErrCode)
}

// IsTransient tells whether the same request may succeed a moment later: its answer was lost, the connection is being
// made anew, a cluster is electing a leader, or a stream is still being moved.
func IsTransient(err error) bool {
	var (
		timeout     *TimeoutError
		noJetStream *NoJetStreamError
	)
	switch {
	case errors.As(err, &timeout), IsDisconnected(err):
		return true
	case errors.As(err, &noJetStream):
		return noJetStream.Settling
	}
	return IsAPIError(err, CodeClusterNotAvailable, CodeNoLeader, CodeMoveInProgress, CodeReconfiguring)
}

// IsDisconnected reports whether err means that a connection was lost which was there: what was asked may succeed once it is back. Whether it was
// carried out is not known.
func IsDisconnected(err error) bool {
	return errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrReconnectBufExceeded)
}

// IsUnreachable tells whether err means that those who should have answered could not be talked to: no connection, no answer,
// a JetStream domain that nothing answers for, or a stream all of whose servers are away. An answer of theirs, a refusal
// among them, is something else.
func IsUnreachable(err error) bool {
	if noJetStream, ok := errors.AsType[*NoJetStreamError](err); ok {
		return noJetStream.Domain != "" && !noJetStream.Account
	}
	_, unreachable := errors.AsType[*UnreachableError](err)
	_, timeout := errors.AsType[*TimeoutError](err)
	return unreachable || timeout || IsAPIError(err, CodeStreamOffline, CodeClusterNotAvailable, CodeNoLeader)
}
