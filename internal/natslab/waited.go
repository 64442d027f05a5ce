package natslab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// busyShare is the part of the time that counts as waiting even if the machine is busy all the time.
const busyShare = 10

// Stopwatch measures how long something waits, on a machine that may have other work.
//
// A test that bounds how long something takes proves that it does not wait: for a timeout, for an answer that does
// not come. The time on the clock does not tell that on a busy machine, where everything takes longer. A Stopwatch
// therefore counts only the time in which a processor was idle, and a tenth of the time on the clock at least. Where
// the system does not tell how long its processors are idle, it counts the time on the clock.
type Stopwatch struct {
	start time.Time
	idle  time.Duration
	known bool
}

// StartStopwatch returns a running Stopwatch.
func StartStopwatch() Stopwatch {
	idle, known := idleTime()
	return Stopwatch{start: time.Now(), idle: idle, known: known}
}

// Waited returns how much of the time since the start counts as waiting.
func (s Stopwatch) Waited() time.Duration {
	took := time.Since(s.start)
	idle, known := idleTime()
	if !s.known || !known {
		return took
	}
	return counted(took, idle-s.idle)
}

// counted returns how much of a time counts as waiting, if the processors were idle for so long, all together.
func counted(took, idle time.Duration) time.Duration {
	return max(min(took, idle), took/busyShare)
}

// String returns what has passed on the clock, and how much of that counts as waiting.
func (s Stopwatch) String() string {
	return fmt.Sprintf("%s (%s of them idle)",
		time.Since(s.start).Round(time.Millisecond), s.Waited().Round(time.Millisecond))
}

// WithPatience returns a context that ends with [context.DeadlineExceeded] as its cause once a Stopwatch counts d.
// Unlike a timeout, it leaves what is slow on a busy machine the time that it needs.
func WithPatience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := StartStopwatch()
	go func() {
		ticker := time.NewTicker(pollInterval)
		defer ticker.Stop()
		for watch.Waited() < d {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// idleTime returns how long the processors have been idle, all together, since the machine was started. There is no
// such time outside of Linux.
func idleTime() (time.Duration, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	return parseIdle(stat)
}

// parseIdle reads the idle time off the first line of /proc/stat, see proc_stat(5). A process that waits for a disk
// leaves a processor idle too.
func parseIdle(stat []byte) (time.Duration, bool) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line) // cpu, user, nice, system, idle, iowait, ...
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return 0, false
	}
	idle, err := strconv.ParseInt(string(fields[4]), 10, 64)
	if err != nil || idle == 0 {
		return 0, false
	}
	disk, err := strconv.ParseInt(string(fields[5]), 10, 64)
	const tick = time.Second / 100 // USER_HZ, the same on all architectures that Go runs on
	return time.Duration(idle+disk) * tick, err == nil
}
