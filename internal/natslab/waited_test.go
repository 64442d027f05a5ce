package natslab

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestStopwatch(t *testing.T) {
	const second = time.Second
	for _, c := range []struct{ took, idle, want time.Duration }{
		{10 * second, 20 * second, 10 * second}, // both of two processors idle
		{10 * second, 10 * second, 10 * second}, // one busy, the other one idle
		{10 * second, 3 * second, 3 * second},
		{10 * second, 0, second}, // all busy: a part of the time counts nevertheless
	} {
		if got := counted(c.took, c.idle); got != c.want {
			t.Errorf("%s, %s of them idle, count as %s, not %s", c.took, c.idle, got, c.want)
		}
	}
	for stat, want := range map[string]time.Duration{
		"cpu  881729 711092 449507 399884 6237 0 10134 10873 0 0\ncpu0 1 2 3 4 5 6\n": 4061210 * time.Millisecond,
		"cpu  0 0 0 0 0 0 0 0 0 0\n": 0, // nothing is known
		"intr 1 2 3 4 5 6\n":         0,
		"cpu 1 2 3 x 5 6\n":          0,
		"":                           0,
	} {
		if got, known := parseIdle([]byte(stat)); got != want || known != (want > 0) {
			t.Errorf("%q: %s, %t", stat, got, known)
		}
	}
	watch := StartStopwatch()
	before := time.Now()
	ctx, cancel := WithPatience(t.Context(), 50*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) || watch.Waited() < 50*time.Millisecond {
		t.Errorf("ended after %s with %v", watch, context.Cause(ctx))
	}
	if time.Since(before) < 50*time.Millisecond {
		t.Errorf("counted more than the elapsed time: %s", watch)
	}
	ended, cancel := WithPatience(t.Context(), time.Hour)
	cancel()
	if err := context.Cause(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
