package kine

import (
	"fmt"
	"strings"
)

// What one KINE 0.17.5 needs of an account and of its user, measured on nats-server 2.15.2 by taking one away from each;
// TestLimitsOfKINE does so again.
const (
	// heldConsumers are the consumers that a running KINE holds: for its index, for compactions and for all watches together. They
	// stay for five minutes once it is gone.
	heldConsumers = 3
	// MinConsumers are those and the one with which it deletes a key.
	MinConsumers = heldConsumers + 1
	// RestartConsumers let a KINE start while the consumers of the one before are still there.
	RestartConsumers = heldConsumers + MinConsumers
	// MinSubscriptions are those of its connection: one for all answers, and one for each of its consumers.
	MinSubscriptions = MinConsumers + 1
	// MinConnections are that of KINE and that of the provider, which verifies beside it.
	MinConnections = 2
	// MinPayload is the size of a message, in bytes, that KINE's own requests need.
	MinPayload = 1 << 10
	// CommonPayload is nats-server's default. Kubernetes stores objects of up to 1.5 MiB.
	CommonPayload = 1 << 20
	// MinStorage is what KINE's first writes take, in bytes.
	MinStorage = 2 << 10
	// serverConsumers is nats-server's own limit of consumers a stream, unless default_max_consumers is configured
	// (JSDefaultMaxConsumersPerStream in its server/jetstream_api.go).
	serverConsumers = 1000
)

// The limits that keep KINE from working, by the names that the attributes of an account have.
const (
	LimitConsumers     = "consumers"
	LimitSubscriptions = "subscriptions"
	LimitConnections   = "connections"
	LimitPayload       = "payload"
	LimitStorage       = "disk_storage"
	LimitStreams       = "streams"
	LimitTiers         = "tiers"
)

// LimitError says that a limit is below what KINE needs.
type LimitError struct {
	// Limit is one of the names above.
	Limit string
	// Text says what the limit is and what KINE needs.
	Text string
}

func (e *LimitError) Error() string { return e.Text }

// CautionError is a finding with which KINE starts all the same, or one that could not be looked into.
type CautionError struct{ Err error }

func (e *CautionError) Error() string { return e.Err.Error() }

func (e *CautionError) Unwrap() error { return e.Err }

// Limits are those of an account or of a user under which a KINE is to work; nil is no limit.
type Limits struct {
	// Consumers of one stream, Subscriptions of one connection, Connections and Streams of the account.
	Consumers, Subscriptions, Connections, Streams *int64
	// Payload is the size of a message, Storage that of all files, in bytes.
	Payload, Storage *int64
}

// Check returns what keeps KINE from working, a [*LimitError] for each limit, inside a [*CautionError] if KINE starts with it.
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
	add(l.Streams, 1, LimitStreams, "the account may have %d streams, and KINE needs %d, that of its bucket")
	add(l.Storage, MinStorage, LimitStorage, "the account may store %d bytes in files, and KINE's first writes take %d")
	add(l.Consumers, MinConsumers, LimitConsumers, "a stream may have %d consumers, and KINE needs at least %d: for its index, for compactions, for "+
		"watches, and while it deletes a key")
	caution(l.Consumers, MinConsumers, RestartConsumers, LimitConsumers, "a stream may have %d consumers, and a KINE that is restarted needs %d: the server keeps "+
		"those of the one before for five minutes")
	add(l.Subscriptions, MinSubscriptions, LimitSubscriptions, "a connection may have %d subscriptions, and KINE needs at least %d: for answers, for its "+
		"index, for compactions, for watches, and while it deletes a key")
	add(l.Connections, 1, LimitConnections, "the account may have %d connections, and KINE needs %d")
	caution(l.Connections, 1, MinConnections, LimitConnections, "the account may have %d connection. Each KINE needs one, and the provider another one to verify it: %d at least")
	add(l.Payload, MinPayload, LimitPayload, "a message may have %d bytes, and KINE's own requests need %d")
	caution(l.Payload, MinPayload, CommonPayload, LimitPayload, "a message may have %d bytes, the default of nats-server is %d. KINE starts with it, but writes of "+
		"Kubernetes objects fail that are larger than about three quarters of the limit; Kubernetes allows 1.5 MiB")
	return found
}

// storageLeft tells whether KINE can write beside what the account has stored.
func (l Limits) storageLeft(used int64) error {
	if l.Storage == nil || *l.Storage < 0 || *l.Storage-used >= MinStorage {
		return nil
	}
	return &LimitError{Limit: LimitStorage, Text: fmt.Sprintf("the account may store %d bytes in files and has stored %d: KINE cannot write", *l.Storage, used)}
}

// consumersLeft tells whether a KINE that starts now finds room beside the consumers that the bucket has.
func (l Limits) consumersLeft(present int) error {
	const text = "the stream has %d of at most %d consumers, and KINE needs %d more. Each watch from an older revision, and each KINE that was stopped, " +
		"leaves some for five minutes"
	switch limit := l.Consumers; {
	case limit != nil && *limit >= MinConsumers && int64(present)+MinConsumers > *limit:
		return &LimitError{Limit: LimitConsumers, Text: fmt.Sprintf(text, present, *limit, MinConsumers)}
	case (limit == nil || *limit < 0) && present+MinConsumers > serverConsumers:
		return &CautionError{&LimitError{Limit: LimitConsumers, Text: fmt.Sprintf(text+". The limit is the server's own, unless default_max_consumers is set", present,
			serverConsumers, MinConsumers)}}
	}
	return nil
}

// limitTexts are what KINE says when it has met a limit, in the words of nats.go and of nats-server's server/errors.json.
var limitTexts = []struct{ text, limit, meaning string }{
	{"maximum consumers limit reached", LimitConsumers, "the stream has as many consumers as it may have"},
	{"maximum subscriptions exceeded", LimitSubscriptions, "the connection has as many subscriptions as it may have"},
	{"maximum account active connections exceeded", LimitConnections, "the account has as many connections as it may have"},
	{"maximum connections exceeded", LimitConnections, "the server has as many connections as it may have"},
	{"maximum payload", LimitPayload, "a message of KINE's is larger than it may be"},
	{"resource limits exceeded for account", LimitStorage, "the account has stored as much as it may"},
	{"insufficient storage resources", LimitStorage, "the server has stored as much as it may"},
	{"maximum number of streams reached", LimitStreams, "the account has as many streams as it may have"},
}

// ParseLimit reads which limit KINE has met out of an error or a line of its log, nil if there is none in it.
func ParseLimit(text string) *LimitError {
	lower := strings.ToLower(text)
	for _, known := range limitTexts {
		if strings.Contains(lower, known.text) {
			return &LimitError{Limit: known.limit, Text: known.meaning}
		}
	}
	return nil
}
