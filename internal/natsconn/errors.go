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

// UnreachableError means that no server responded, or that the connection was lost and not restored.
type UnreachableError struct {
	// Servers are the URLs that were tried, without credentials.
	Servers []string
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no connection to %s: %v", strings.Join(e.Servers, ", "), e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// IsMute reports whether a server accepted the connection and sent nothing before it closed the connection or the
// timeout expired. This happens if the server waits for the client's TLS handshake, or if it hangs.
func (e *UnreachableError) IsMute() bool {
	failure, ok := errors.AsType[*net.OpError](e.Err)
	return errors.Is(e.Err, io.EOF) || ok && failure.Op == "read" && failure.Timeout()
}

// TLSError means that the TLS handshake with a server failed, or that only the client or only the server requires TLS.
// It is a configuration error: the server is reachable and did not refuse the user.
type TLSError struct {
	Servers []string
	Err     error
}

func (e *TLSError) Error() string {
	return fmt.Sprintf("no TLS connection to %s: %v", strings.Join(e.Servers, ", "), e.Err)
}

func (e *TLSError) Unwrap() error { return e.Err }

// AuthError means that a server refused the credentials.
type AuthError struct {
	Servers []string
	// Who describes the user as passed to [Client.As]. It is empty for a client's own user.
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

// ConnectionLimitError means that the account has reached its maximum number of connections.
type ConnectionLimitError struct {
	// Account is the public key of the account of a minted user. It is empty for the account of a client's own user.
	Account string
	Servers []string
	Err     error
}

func (e *ConnectionLimitError) Error() string {
	which := "the account of the user"
	if e.Account != "" {
		which = "the account " + e.Account
	}
	return fmt.Sprintf("%s has reached its maximum number of connections to %s: %v", which,
		strings.Join(e.Servers, ", "), e.Err)
}

func (e *ConnectionLimitError) Unwrap() error { return e.Err }

// ServerVersionError means that the server is older than [MinServerVersion].
type ServerVersionError struct{ Version string }

func (e *ServerVersionError) Error() string {
	return fmt.Sprintf("the server runs nats-server %s, and %s or newer is required", e.Version, MinServerVersion)
}

// PermissionError means that the user is not allowed to publish or subscribe to a subject.
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

// PayloadError means that a message exceeds the server's maximum payload. It was not sent.
type PayloadError struct {
	// What describes the message, for example "the JWT of the account". Size and Limit are in bytes.
	What        string
	Size, Limit int64
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("%s has %d bytes, and the server accepts messages of at most %d bytes (max_payload)", e.What,
		e.Size, e.Limit)
}

// NoJetStreamError means that the JetStream API does not respond: JetStream is disabled on the server or for the
// account, or the domain does not exist.
type NoJetStreamError struct {
	// Domain is the JetStream domain of the request, empty for the domain of the server.
	Domain string
	// Account is true if the server reports that JetStream is disabled for the account.
	Account bool
	// Settling is true if the servers became reachable a short time ago and may not be fully connected to each other.
	Settling bool
}

func (e *NoJetStreamError) Error() string {
	switch {
	case e.Account:
		return "JetStream is not enabled for the account"
	case e.Domain != "":
		return secret.Sprintf("the JetStream domain %q does not respond", e.Domain)
	}
	return "the JetStream API does not respond"
}

// TimeoutError means that a request timed out. It is unknown whether the server carried it out.
type TimeoutError struct{ Subject string }

func (e *TimeoutError) Error() string {
	return secret.Sprintf("the request to %q timed out", e.Subject)
}

// Is reports whether target is [context.DeadlineExceeded].
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Error codes of the JetStream API that the provider distinguishes, from nats-server's server/errors.json.
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

// APIError is an error in a response of the JetStream API.
type APIError struct {
	// Code is an HTTP-like status, ErrCode the error code of nats-server, and Description the text of the server.
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// UnmarshalJSON parses the error and removes secrets from its description.
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

// IsAPIError reports whether err is an error of the JetStream API with one of these codes.
func IsAPIError(err error, codes ...int) bool {
	api, ok := errors.AsType[*APIError](err)
	return ok && slices.Contains(codes, api.ErrCode)
}

// IsTransient reports whether the same request may succeed a moment later: its response was lost, the client is
// reconnecting, a cluster elects a leader, or a stream is moving.
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

// IsDisconnected reports whether err means that an established connection was lost. The request may succeed after a
// reconnect. It is unknown whether it was carried out.
func IsDisconnected(err error) bool {
	return errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrReconnectBufExceeded)
}

// IsUnreachable reports whether err means that the servers could not be reached: no connection, no response, a
// JetStream domain that does not respond, or a stream whose servers are all offline. It returns false for every
// response of a server, including a refusal.
func IsUnreachable(err error) bool {
	if noJetStream, ok := errors.AsType[*NoJetStreamError](err); ok {
		return noJetStream.Domain != "" && !noJetStream.Account
	}
	_, unreachable := errors.AsType[*UnreachableError](err)
	_, timeout := errors.AsType[*TimeoutError](err)
	return unreachable || timeout || IsAPIError(err, CodeStreamOffline, CodeClusterNotAvailable, CodeNoLeader)
}
