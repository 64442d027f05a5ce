package natslab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// busyShare is the divisor of the elapsed time that counts as waiting even if the machine is always busy.
const busyShare = 10

// Stopwatch measures how long something waits on a machine that may have other work.
//
// A test that limits a duration wants to show that something does not wait, for example for a timeout or for an
// answer that never arrives. Elapsed time does not show that on a busy machine, where everything takes longer. A
// Stopwatch therefore counts only the time in which a processor was idle, but at least a tenth of the elapsed time.
// If the system does not report the idle time of its processors, it counts the elapsed time.
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

// counted returns how much of the time took counts as waiting if the processors were idle for the time idle in total.
func counted(took, idle time.Duration) time.Duration {
	return max(min(took, idle), took/busyShare)
}

// String returns the elapsed time, and how much of it counts as waiting.
func (s Stopwatch) String() string {
	return fmt.Sprintf("%s (%s of them idle)",
		time.Since(s.start).Round(time.Millisecond), s.Waited().Round(time.Millisecond))
}

// WithPatience returns a context that ends with the cause [context.DeadlineExceeded] when a Stopwatch has counted d.
// Unlike a timeout, it gives slow operations enough time on a busy machine.
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

// idleTime returns the total idle time of the processors since the machine was started. It is available only on
// Linux.
func idleTime() (time.Duration, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	return parseIdle(stat)
}

// parseIdle returns the idle time in the first line of /proc/stat, see proc_stat(5). A processor is also idle while a
// process waits for a disk.
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
	const tick = time.Second / 100 // USER_HZ, the same on all architectures that Go supports
	return time.Duration(idle+disk) * tick, err == nil
}
