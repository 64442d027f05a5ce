package kinelab

import (
	"context"
	"runtime"
	"strings"
	"time"
)

// TB is the part of testing.TB that Run needs. It keeps the testing package out of programs.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Run starts KINE on a datastore for a test and stops it when the test ends. The test fails if KINE does not start or
// stop. A failed test logs the last lines of KINE's log. Options change the configuration before the start.
func Run(tb TB, endpoint string, options ...func(*Config)) *Kine {
	tb.Helper()
	cfg := Config{Endpoint: endpoint, StartTimeout: time.Minute} // a machine may be busy
	for _, option := range options {
		option(&cfg)
	}
	k, err := Start(tb.Context(), cfg)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if err := k.Stop(); err != nil {
			stacks := make([]byte, 1<<20)
			tb.Errorf("%v; all goroutines:\n%s", err, stacks[:runtime.Stack(stacks, true)])
		}
		if tb.Failed() {
			tb.Logf("the last lines of KINE's log:\n%s", strings.Join(k.Logs(), "\n"))
		}
	})
	return k
}
