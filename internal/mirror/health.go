package mirror

import (
	"fmt"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// ContactLimit is the maximum age of the last sign of life of a source. A source sends one each second, and the server
// recreates its consumer after this much silence (sourceHealthHB and sourceHealthCheckInterval in nats-server's
// server/stream.go).
const ContactLimit = 10 * time.Second

// Health is the state of a mirror as one read shows it.
type Health string

// The states of a mirror. A mirror follows its source only if it is [Healthy] or [CatchingUp].
const (
	// Healthy: the mirror has all messages that it knows of.
	Healthy Health = "healthy"
	// CatchingUp: messages of the source are pending.
	CatchingUp Health = "catching up"
	// NoContact: the source has not yet sent a sign of life.
	NoContact Health = "no contact yet"
	// ContactLost: the last sign of life of the source is older than ContactLimit.
	ContactLost Health = "contact lost"
	// SourceMissing: the source does not exist.
	SourceMissing Health = "source missing"
	// Stalled: the source waits for a flow control reply of the mirror, which does not arrive.
	Stalled Health = "stalled"
	// Failing: the server reports another error.
	Failing Health = "failing"
	// Promoted: the stream is no longer a mirror.
	Promoted Health = "promoted"
)

// Health returns the state of the mirror as this read shows it. A lag that does not shrink, or a source that was
// replaced, takes two reads to detect: see [AwaitSync] and [Compare].
func (m *Mirror) Health() Health {
	switch {
	case m.Promoted:
		return Promoted
	case natsconn.IsAPIError(m.failure(), natsconn.CodeStreamNotFound):
		return SourceMissing
	case natsconn.IsAPIError(m.failure(), natsconn.CodeFlowControlStalled):
		return Stalled
	case m.Error != nil:
		return Failing
	case m.Active == Never:
		return NoContact
	case m.Active > ContactLimit:
		return ContactLost
	case m.Lag > 0:
		return CatchingUp
	}
	return Healthy
}

// failure returns the error that the server reported, or nil.
func (m *Mirror) failure() error {
	if m.Error == nil {
		return nil
	}
	return m.Error
}

// Follows reports whether the mirror has contact to its source and no error.
func (m *Mirror) Follows() bool { return m.Health() == Healthy || m.Health() == CatchingUp }

// Describe describes the state of the mirror in words.
func (m *Mirror) Describe() string {
	switch h := m.Health(); h {
	case Healthy:
		return fmt.Sprintf("in sync with the %s, last revision %d", m.Source, m.LastSequence)
	case CatchingUp:
		return fmt.Sprintf("%d messages behind the %s, last revision %d", m.Lag, m.Source, m.LastSequence)
	case NoContact:
		return fmt.Sprintf("no contact to the %s yet", m.Source)
	case ContactLost:
		return fmt.Sprintf("no contact to the %s for %s, last revision %d", m.Source, m.Active.Round(time.Second),
			m.LastSequence)
	case Promoted:
		return fmt.Sprintf("promoted, last revision %d", m.LastSequence)
	default:
		return fmt.Sprintf("%s: %s", h, (&BrokenError{Cause: m.cause(), Source: m.Source, Err: m.failure()}).Error())
	}
}

// cause returns the meaning of the server's error, or "" if there is none.
func (m *Mirror) cause() Cause {
	switch m.Health() {
	case SourceMissing:
		return CauseSourceMissing
	case Stalled:
		return CauseFlowControl
	case Failing:
		return CauseRefused
	}
	return ""
}
