package kine

import (
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Difference is a field of a stream's configuration, or a property of its messages, that deviates from the contract.
type Difference struct {
	// Field is the name of the field in the JetStream API, such as max_bytes, or [FieldLastMessage] or [FieldMessages].
	Field string
	// Actual is the current value and Required the value that KINE requires, both as JSON. A missing field is "unset".
	Actual, Required string
}

func (d Difference) String() string {
	switch {
	case d.Field == FieldMessages:
		return "all messages were deleted (" + d.Required +
			" was the last one), and KINE waits for the last one when it starts"
	case d.Field == FieldLastMessage && d.Actual == "unset":
		return "the last message was deleted, and KINE waits for it when it starts"
	case d.Field == FieldLastMessage:
		return "the last message, on " + secret.FromServer(d.Actual) +
			", is not KINE's, and KINE waits for one of its own when it starts"
	case d.Field == FieldFirstSequence:
		return fmt.Sprintf("first_seq is %s, KINE requires %s, and the next restart of a server that holds the stream "+
			"deletes all of its messages",
			secret.FromServer(d.Actual), d.Required)
	}
	return fmt.Sprintf("%s is %s, KINE requires %s", secret.FromServer(d.Field), secret.FromServer(d.Actual), d.Required)
}

// Unlike describes the difference for a stream that is not a bucket for KINE.
func (d Difference) Unlike() string {
	return fmt.Sprintf("%s is %s, not %s", secret.FromServer(d.Field), secret.FromServer(d.Actual), d.Required)
}

// Repairable reports whether the server can update the field of an existing stream to the required value. The rules are
// those of configUpdateCheckLocked in nats-server's server/stream.go. Mirror and sources are not repairable, although
// the server would accept the update: the repair would promote a copy to an original.
func (d Difference) Repairable() bool {
	switch d.Field {
	case FieldMessages, "storage", "sealed", "deny_purge", "allow_msg_ttl", "allow_msg_schedules", "allow_msg_counter",
		"persist_mode",
		fieldMirror, fieldSources:
		return false
	case "retention":
		return d.Actual != `"workqueue"`
	}
	return true
}
