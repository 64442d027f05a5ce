package claims

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Clock is the source of time for signing. jwt/v2 always takes a JWT's time of issue from the machine's clock, so
// clocks other than [SystemClock] are for tests.
type Clock interface {
	Now() time.Time
	// Wait returns nil after d, or the context's error if the context ends first.
	Wait(ctx context.Context, d time.Duration) error
}

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now returns the current time.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait waits for d, or until the context ends.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	if !natsconn.Pause(ctx, d) {
		return ctx.Err()
	}
	return nil
}

// maxAhead is the maximum time for which signing waits until the clock passes the time of issue of a stored JWT.
const maxAhead = 5 * time.Second

// ClockError reports that the JWT to replace was issued in the future by the clock of this machine. Servers would
// ignore a JWT signed now, because it would be older.
type ClockError struct {
	// Clock is the time of this machine. Stored is the time of issue of the JWT to replace.
	Clock, Stored time.Time
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock of this machine shows %s, and the JWT to be replaced was issued at %s: one of the two "+
		"clocks is wrong. Servers keep the JWT with the later time of issue. Correct the clock of this machine, or wait "+
		"until that time has passed",
		e.Clock.UTC().Format(time.RFC3339), e.Stored.UTC().Format(time.RFC3339))
}

// waitUntilAfter waits until the clock shows a later second than after.
func waitUntilAfter(ctx context.Context, clock Clock, after time.Time) error {
	if after.IsZero() {
		return nil
	}
	next := time.Unix(after.Unix()+1, 0)
	for {
		now := clock.Now()
		if after.Sub(now) > maxAhead {
			return &ClockError{Clock: now, Stored: after}
		}
		if !now.Before(next) {
			return nil
		}
		if err := clock.Wait(ctx, next.Sub(now)); err != nil {
			return fmt.Errorf("waiting for the second after %s: %w", after.UTC().Format(time.RFC3339), err)
		}
	}
}
