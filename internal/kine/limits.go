package kine

import (
	"fmt"
	"strings"
)

// Minimum limits of an account and a user for one KINE 0.17.5, measured on nats-server 2.15.2 by lowering each limit by
// one. TestLimitsOfKINE repeats the measurement.
const (
	// heldConsumers is the number of consumers of a running KINE: one for its index, one for compactions and one for
	// all watches. They remain for five minutes after KINE has exited.
	heldConsumers = 3
	// MinConsumers adds the consumer that KINE uses to delete a key.
	MinConsumers = heldConsumers + 1
	// RestartConsumers is enough for KINE to start while the consumers of its previous run still exist.
	RestartConsumers = heldConsumers + MinConsumers
	// MinSubscriptions is the number of subscriptions on KINE's connection: one for all replies and one for each
	// consumer.
	MinSubscriptions = MinConsumers + 1
	// MinConnections is one connection for KINE and one for the provider, which verifies at the same time.
	MinConnections = 2
	// MinPayload is the message size in bytes that KINE's own requests need.
	MinPayload = 1 << 10
	// CommonPayload is nats-server's default. Kubernetes stores objects of up to 1.5 MiB.
	CommonPayload = 1 << 20
	// MinStorage is the size of KINE's first writes in bytes.
	MinStorage = 2 << 10
	// serverConsumers is nats-server's own limit of consumers per stream, unless default_max_consumers is configured
	// (JSDefaultMaxConsumersPerStream in its server/jetstream_api.go).
	serverConsumers = 1000
)

// Limits that can prevent KINE from working, named like the attributes of an account.
const (
	LimitConsumers     = "consumers"
	LimitSubscriptions = "subscriptions"
	LimitConnections   = "connections"
	LimitPayload       = "payload"
	LimitStorage       = "disk_storage"
	LimitStreams       = "streams"
	LimitTiers         = "tiers"
)

// LimitError is returned if a limit is below what KINE needs.
type LimitError struct {
	// Limit is one of the names above.
	Limit string
	// Text describes the limit and what KINE needs.
	Text string
}

func (e *LimitError) Error() string { return e.Text }

// CautionError is a finding that does not prevent KINE from starting, or a check that was not possible.
type CautionError struct{ Err error }

func (e *CautionError) Error() string { return e.Err.Error() }

func (e *CautionError) Unwrap() error { return e.Err }

// Limits are the limits of an account or user for KINE. A nil limit is unlimited.
type Limits struct {
	// Consumers of one stream, Subscriptions of one connection, Connections and Streams of the account.
	Consumers, Subscriptions, Connections, Streams *int64
	// Payload is the size of a message, Storage that of all files, in bytes.
	Payload, Storage *int64
}

// Check returns a [*LimitError] for each limit that prevents KINE from working, wrapped in a [*CautionError] if KINE
// starts nevertheless.
func (l Limits) Check() (found []error) {
	add := func(limit *int64, need int64, name, format string) {
		if limit != nil && *limit >= 0 && *limit < need {
			found = append(found, &LimitError{Limit: name, Text: fmt.Sprintf(format, *limit, need)})
		}
	}
	caution := func(limit *int64, from, need int64, name, format string) {
		if limit != nil && *limit >= from && *limit < need {
			found = append(found, &CautionError{&LimitError{Limit: name, Text: fmt.Sprintf(format, *limit, need)}})
		}
	}
	add(l.Streams, 1, LimitStreams, "the account may have %d streams, but KINE needs %d for its bucket")
	add(l.Storage, MinStorage, LimitStorage, "the account may store %d bytes in files, but KINE's first writes need %d")
	add(l.Consumers, MinConsumers, LimitConsumers,
		"a stream may have %d consumers, but KINE needs at least %d: for its index, for compactions, for "+
			"watches, and while it deletes a key")
	caution(l.Consumers, MinConsumers, RestartConsumers, LimitConsumers,
		"a stream may have %d consumers, but a restarted KINE needs %d: the server keeps "+
			"the consumers of the previous run for five minutes")
	add(l.Subscriptions, MinSubscriptions, LimitSubscriptions,
		"a connection may have %d subscriptions, but KINE needs at least %d: for replies, for its "+
			"index, for compactions, for watches, and while it deletes a key")
	add(l.Connections, 1, LimitConnections, "the account may have %d connections, but KINE needs %d")
	caution(l.Connections, 1, MinConnections, LimitConnections, "the account may have %d connection. "+
		"Each KINE needs one, and the provider needs another one to verify it: at least %d")
	add(l.Payload, MinPayload, LimitPayload, "a message may have %d bytes, but KINE's own requests need %d")
	caution(l.Payload, MinPayload, CommonPayload, LimitPayload,
		"a message may have %d bytes; the default of nats-server is %d. KINE starts, "+
			"but writes of Kubernetes objects larger than about three quarters of the limit fail; Kubernetes allows 1.5 MiB")
	return found
}

// storageLeft returns an error if the storage that the account uses leaves no room for KINE's writes.
func (l Limits) storageLeft(used int64) error {
	if l.Storage == nil || *l.Storage < 0 || *l.Storage-used >= MinStorage {
		return nil
	}
	return &LimitError{Limit: LimitStorage,
		Text: fmt.Sprintf("the account may store %d bytes in files and has stored %d: KINE cannot write", *l.Storage, used)}
}

// consumersLeft returns an error if the existing consumers of the bucket leave no room for a KINE that starts now.
func (l Limits) consumersLeft(present int) error {
	const text = "the stream has %d of at most %d consumers, but KINE needs %d more. " +
		"Each watch from an older revision and each stopped KINE leave consumers for five minutes"
	switch limit := l.Consumers; {
	case limit != nil && *limit >= MinConsumers && int64(present)+MinConsumers > *limit:
		return &LimitError{Limit: LimitConsumers, Text: fmt.Sprintf(text, present, *limit, MinConsumers)}
	case (limit == nil || *limit < 0) && present+MinConsumers > serverConsumers:
		return &CautionError{&LimitError{Limit: LimitConsumers,
			Text: fmt.Sprintf(text+". The limit is the server's own, unless default_max_consumers is set", present,
				serverConsumers, MinConsumers)}}
	}
	return nil
}

// limitTexts are the texts of nats.go and of nats-server's server/errors.json in KINE's errors when it reaches a limit.
var limitTexts = []struct{ text, limit, meaning string }{
	{"maximum consumers limit reached", LimitConsumers, "the stream has reached its maximum number of consumers"},
	{"maximum subscriptions exceeded", LimitSubscriptions,
		"the connection has reached its maximum number of subscriptions"},
	{"maximum account active connections exceeded", LimitConnections,
		"the account has reached its maximum number of connections"},
	{"maximum connections exceeded", LimitConnections, "the server has reached its maximum number of connections"},
	{"maximum payload", LimitPayload, "a message of KINE exceeds the maximum payload"},
	{"resource limits exceeded for account", LimitStorage, "the account has used all of its storage"},
	{"insufficient storage resources", LimitStorage, "the server has used all of its storage"},
	{"maximum number of streams reached", LimitStreams, "the account has reached its maximum number of streams"},
}

// ParseLimit returns the limit that an error or log line of KINE reports, or nil.
func ParseLimit(text string) *LimitError {
	lower := strings.ToLower(text)
	for _, known := range limitTexts {
		if strings.Contains(lower, known.text) {
			return &LimitError{Limit: known.limit, Text: known.meaning}
		}
	}
	return nil
}
