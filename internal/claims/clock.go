package claims

import (
	"context"
	"fmt"
	"time"
)

// Clock is what signing reads the time from. A JWT's time of issue comes from the machine's clock all the same, which is what
// jwt/v2 stamps; another clock than [SystemClock] is for tests.
type Clock interface {
	Now() time.Time
	// Wait returns nil once d has passed, or the context's error if that ends first.
	Wait(ctx context.Context, d time.Duration) error
}

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now returns the current time.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait waits for d, or until the context ends.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxAhead is how far the time of issue of a stored JWT may be ahead of the clock for signing to wait for it.
const maxAhead = 5 * time.Second

// ClockError says that the JWT to be replaced was issued in what is the future by the clock of this machine. One signed now
// would be older and lose against it on every server.
type ClockError struct {
	// Clock is what the clock of this machine shows, Stored is when the JWT to be replaced was issued.
	Clock, Stored time.Time
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock of this machine shows %s, and the JWT to be replaced was issued at %s: one of the two clocks is wrong. "+
		"Servers keep what was issued last, so correct this machine's clock, or wait until it is past that time",
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
