package kinelab

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// keptLines is the number of log lines that a Kine keeps.
const keptLines = 300

// fanout is a hook on logrus's global logger that passes each entry to every open tail.
type fanout struct {
	install sync.Once
	mu      sync.Mutex
	tails   map[*tail]struct{}
}

var kineLog = &fanout{tails: map[*tail]struct{}{}}

// subscribe opens a tail on KINE's log. The first call discards the logger's own output permanently, because a
// stopped KINE and the connections that it leaks still log a few lines.
func subscribe(m *secret.Mask, w io.Writer) *tail {
	kineLog.install.Do(func() {
		logrus.AddHook(kineLog)
		logrus.SetOutput(io.Discard)
	})
	kineLog.mu.Lock()
	defer kineLog.mu.Unlock()
	t := &tail{mask: m, writer: w}
	kineLog.tails[t] = struct{}{}
	return t
}

// Levels implements logrus.Hook.
func (f *fanout) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook.
func (f *fanout) Fire(e *logrus.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for t := range f.tails {
		t.add(e.Time, e.Level.String(), e.Message)
	}
	if e.Level == logrus.FatalLevel {
		// KINE exits the process if a watch event is out of order (pkg/server/watch.go), so print the reason. It
		// contains keys and revisions, but no part of an endpoint.
		fmt.Fprintln(os.Stderr, "KINE exits this process:", e.Message)
	}
	return nil
}

// tail keeps the last lines of the log and copies each line to the caller's writer. The fanout's lock guards it.
type tail struct {
	mask   *secret.Mask
	writer io.Writer
	kept   []string
}

func (t *tail) add(at time.Time, level, msg string) {
	line := fmt.Sprintf("%s %-7s %s", at.Format("15:04:05.000"), level, t.mask.Text(strings.TrimSpace(msg)))
	if len(t.kept) == keptLines {
		t.kept = append(t.kept[:0], t.kept[1:]...)
	}
	t.kept = append(t.kept, line)
	if t.writer != nil {
		_, _ = io.WriteString(t.writer, line+"\n") // a failed write of the log is not an error
	}
}

// close ends the tail. Its lines stay readable.
func (t *tail) close() {
	kineLog.mu.Lock()
	defer kineLog.mu.Unlock()
	delete(kineLog.tails, t)
}

func (t *tail) lines() []string {
	kineLog.mu.Lock()
	defer kineLog.mu.Unlock()
	return append([]string(nil), t.kept...)
}

// quote returns the last n lines, indented, for an error.
func (t *tail) quote(n int) string {
	lines := t.lines()
	if len(lines) == 0 {
		return "  (none)"
	}
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return "  " + strings.Join(lines, "\n  ")
}
