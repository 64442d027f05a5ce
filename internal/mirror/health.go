package mirror

import (
	"fmt"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// ContactLimit is how old the last sign of life of a source may be. The source sends one each second, and the server itself
// begins anew with one that has been silent for this long (sourceHealthHB and sourceHealthCheckInterval in nats-server's
// server/stream.go).
const ContactLimit = 10 * time.Second

// Health is what one look at a mirror says about it.
type Health string

// What a mirror may be. Only a mirror that is [Healthy] or [CatchingUp] follows its source.
const (
	// Healthy: it has all that it knows of.
	Healthy Health = "healthy"
	// CatchingUp: messages of the source are still to come.
	CatchingUp Health = "catching up"
	// NoContact: the source has given no sign of life yet.
	NoContact Health = "no contact yet"
	// ContactLost: the last sign of life of the source is older than ContactLimit.
	ContactLost Health = "contact lost"
	// SourceMissing: where the source should be, there is none.
	SourceMissing Health = "source missing"
	// Stalled: the source waits for the mirror's word to send more, which does not come through.
	Stalled Health = "stalled"
	// Failing: the server reports another error.
	Failing Health = "failing"
	// Promoted: it follows nobody any more.
	Promoted Health = "promoted"
)

// Health judges the mirror by what one look at it shows. That its lag does not shrink, or that its source is another one by
// now, takes two: see [AwaitSync] and [Compare].
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

// failure is the server's error as an error.
func (m *Mirror) failure() error {
	if m.Error == nil {
		return nil
	}
	return m.Error
}

// Follows tells whether the mirror has contact to its source, and no error.
func (m *Mirror) Follows() bool { return m.Health() == Healthy || m.Health() == CatchingUp }

// Describe says in words how the mirror is.
func (m *Mirror) Describe() string {
	switch h := m.Health(); h {
	case Healthy:
		return fmt.Sprintf("in sync with the %s, last revision %d", m.Source, m.LastSequence)
	case CatchingUp:
		return fmt.Sprintf("%d messages behind the %s, last revision %d", m.Lag, m.Source, m.LastSequence)
	case NoContact:
		return fmt.Sprintf("no contact to the %s yet", m.Source)
	case ContactLost:
		return fmt.Sprintf("no contact to the %s for %s, last revision %d", m.Source, m.Active.Round(time.Second), m.LastSequence)
	case Promoted:
		return fmt.Sprintf("promoted, last revision %d", m.LastSequence)
	default:
		return fmt.Sprintf("%s: %s", h, (&BrokenError{Cause: m.cause(), Source: m.Source, Err: m.failure()}).Error())
	}
}

// cause is what the server's error means, empty if there is none.
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
