package natslab

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// logLines is the number of lines of a server's log that are kept.
const logLines = 500

// serverLog keeps the last lines of a server's log, records a fatal error (which ends a nats-server process, but only
// leaves an embedded server without its listeners), and feeds the request counters.
type serverLog struct {
	requests requestCounters
	// out, if set, receives warnings and errors as they occur.
	out io.Writer

	mu    sync.Mutex
	lines []string
	fatal string
}

var _ server.Logger = (*serverLog)(nil)

func (l *serverLog) add(level, format string, v []any) string {
	line := level + " " + fmt.Sprintf(format, v...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == logLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, line)
	if l.out != nil && level != "INF" {
		_, _ = fmt.Fprintln(l.out, line)
	}
	return line
}

func (l *serverLog) Noticef(format string, v ...any) { l.add("INF", format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.add("WRN", format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.add("ERR", format, v) }
func (l *serverLog) Debugf(string, ...any)           {}

func (l *serverLog) Tracef(format string, v ...any) { l.requests.trace(format, v) }

func (l *serverLog) Fatalf(format string, v ...any) {
	line := l.add("FTL", format, v)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = line
}

// fatalError returns the server's fatal error, if one occurred since the last reset.
func (l *serverLog) fatalError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		return nil
	}
	return permanentError{fmt.Errorf("natslab: nats-server: %s", l.fatal)}
}

func (l *serverLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = ""
}

// text returns all kept lines.
func (l *serverLog) text() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// complaints returns the last warnings and errors, except those that every start of a cluster logs.
func (l *serverLog) complaints() []string {
	lines := slices.DeleteFunc(l.text(), func(line string) bool {
		return strings.HasPrefix(line, "INF ") || strings.Contains(line, "(attempt 1)")
	})
	return lines[max(0, len(lines)-10):]
}

// withLog appends the last warnings and errors of the servers to err.
func withLog(err error, servers ...*Server) error {
	var b strings.Builder
	for _, s := range servers {
		for _, line := range s.log.complaints() {
			fmt.Fprintf(&b, "\n%s: %s", s.Name(), line)
		}
	}
	return fmt.Errorf("%w%s", err, b.String())
}
