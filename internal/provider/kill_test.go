package provider_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// killLab is a server in a separate process behind a proxy. The provider knows only the proxy.
type killLab struct {
	server *natslab.ServerProcess
	proxy  *natslab.Proxy
	// ready waits, unless it is nil, until what the server takes part in works again after a restart.
	ready func(t *testing.T)
}

func newKillLab(t *testing.T, options ...natslab.Option) *killLab {
	t.Helper()
	server := natslab.Process(t, options...)
	return &killLab{server: server, proxy: natslab.NewProxy(t, server.ClientURL())}
}

// killed is a resource or a data source during whose operations the server is killed.
type killed struct {
	name string
	lab  *killLab
	// prepare returns one life of it, with a separate name.
	prepare func(t *testing.T, life string) *life
}

// life is a resource from its creation to its destruction.
type life struct {
	operations []operation
	// end removes what the operations have left.
	end func(t *testing.T)
}

// operation is one operation of a life. Each starts where the previous one ended.
type operation struct {
	name string
	// setup is true if the server is not killed during it, because later operations need it.
	setup bool
	// instance is what it applies, nil if it applies nothing.
	instance *acctest.Instance
	// run runs the operation and returns its result. It can be repeated.
	run func(t *testing.T) []acctest.Diagnostic
	// check, unless nil, fails the test unless all is as it should be after it.
	check func(t *testing.T)
}

// kill is the point at which the server is killed: at its nth request, before it receives the request or before its
// reply leaves.
type kill struct {
	n     int
	reply bool
}

// Instead of a number: the server is away when the operation starts, or when it starts to apply its plan.
const (
	atBegin   = 0
	atPlanned = -1
)

func (k kill) String() string {
	switch {
	case k.n == atBegin:
		return "before it begins"
	case k.n == atPlanned:
		return "after its plan"
	case k.reply:
		return fmt.Sprintf("reply %d", k.n)
	}
	return fmt.Sprintf("request %d", k.n)
}

// count is a row of the table.
type count struct{ tried, same, next, lost int }

// table counts the results of the operations that lost their server.
type table struct {
	mu   sync.Mutex
	rows []string
}

func (tb *table) add(resource, operation string, c count) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.rows = append(tb.rows,
		fmt.Sprintf("%-32s %-10s %5d %10d %10d %5d", resource, operation, c.tried, c.same, c.next, c.lost))
}

func (tb *table) String() string {
	return fmt.Sprintf("%-32s %-10s %5s %10s %10s %5s\n%s", "resource", "operation", "tried", "same apply", "next apply",
		"lost", strings.Join(tb.rows, "\n"))
}

// downtime is how long a killed server is away. The clients notice within that time.
const downtime = 50 * time.Millisecond

// everyKill kills the server at each request of each operation, for as many requests as the operation sends. It tries
// only the points that wanted accepts.
func (k killed) everyKill(t *testing.T, results *table, wanted func(kill) bool) {
	t.Helper()
	names := k.prepare(t, "names")
	for nth, op := range names.operations {
		if op.setup {
			continue
		}
		var c count
		for _, at := range []kill{{atBegin, false}, {atPlanned, false}, {1, false}, {1, true}} {
			for reached := true; reached && c.lost < maxLost; at.n++ {
				if at.n > 0 && !wanted(at) {
					reached = at.n < maxUnwanted
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", k.name, op.name, at), func(t *testing.T) { reached = k.once(t, nth, at, &c) })
				if at.n <= 0 {
					break
				}
			}
		}
		results.add(k.name, op.name, c)
	}
}

const (
	// maxLost is how many losses of one operation are enough to see.
	maxLost = 3
	// maxUnwanted bounds how far a choice of requests is looked for.
	maxUnwanted = 12
)

// once runs one life up to the nth operation, kills the server there, and reports whether that point was reached.
func (k killed) once(t *testing.T, nth int, at kill, c *count) (reached bool) {
	t.Helper()
	form := "q"
	if at.reply {
		form = "r"
	}
	l := k.prepare(t, fmt.Sprintf("o%d%s%d", nth, form, at.n))
	for _, before := range l.operations[:nth] {
		if found := before.run(t); acctest.Failed(found) {
			t.Fatalf("%s: %v", before.name, found)
		}
	}
	op := l.operations[nth]
	found, reached := k.hit(t, at, op)
	if reached {
		c.tried++
		switch {
		case !acctest.Failed(found):
			c.same++
		default:
			t.Logf("the operation that lost its server said: %v", found)
			if found = op.run(t); acctest.Failed(found) {
				c.lost++
				t.Errorf("%s does not converge: %v", op.name, found)
				return true
			}
			c.next++
		}
	} else if acctest.Failed(found) {
		t.Errorf("%s without a kill: %v", op.name, found)
	}
	failed := t.Failed()
	if op.check != nil {
		op.check(t)
	}
	for _, later := range l.operations[nth+1:] {
		if found := later.run(t); acctest.Failed(found) {
			t.Errorf("%s after it: %v", later.name, found)
		}
	}
	if l.end != nil {
		l.end(t)
	}
	if t.Failed() && !failed && reached {
		c.lost++
	}
	return reached
}

// hit runs an operation and kills the server during it. The server returns soon. hit reports whether the point was
// reached.
func (k killed) hit(t *testing.T, at kill, op operation) (found []acctest.Diagnostic, reached bool) {
	t.Helper()
	ended, back := make(chan struct{}), make(chan struct{})
	away := func() {
		reached = true
		k.lab.server.Kill()
		go func() {
			defer close(back)
			pause(10 * downtime)
			k.start(t)
		}()
	}
	switch {
	case at.n == atPlanned && op.instance == nil:
		return nil, false
	case at.n == atPlanned:
		op.instance.Planned = away
	case at.n == atBegin:
		away()
	}
	if at.n <= 0 {
		found = op.run(t)
		if op.instance != nil {
			op.instance.Planned = nil
		}
		if reached {
			<-back
			k.await(t)
		}
		return found, reached
	}
	every := func(string) bool { return true }
	hold := k.lab.proxy.HoldRequest
	if at.reply {
		hold = k.lab.proxy.HoldReply
	}
	held := hold(at.n, every)
	go func() {
		defer close(back)
		select {
		case <-held.Held():
			reached = true
			k.lab.server.Kill()
			pause(downtime)
			held.Drop()
			k.start(t)
		case <-ended:
		}
	}()
	found = op.run(t)
	close(ended)
	<-back
	held.Drop()
	k.await(t)
	return found, reached
}

func (k killed) start(t *testing.T) {
	if err := k.lab.server.Start(t.Context()); err != nil {
		t.Error(err)
	}
}

func (k killed) await(t *testing.T) {
	t.Helper()
	if k.lab.ready != nil {
		k.lab.ready(t)
	}
}

// pause waits for the time that a server is away, which is part of the test.
func pause(d time.Duration) { <-time.After(d) }
