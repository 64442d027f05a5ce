package natslab

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Requests counts the JetStream API requests that clients send to the servers it watches, by subject.
//
// It reads the servers' protocol trace, which a server writes before it processes a message. A request has therefore
// been counted by the time its reply arrives, and none is missed or disturbed. A subscription to $JS.API.> would
// interfere: it counts as a responder, so requests that no server answers would time out instead of failing
// immediately.
//
// Everything that clients publish is counted, whether or not the server permits it. Traffic between servers (routes,
// gateways, leaf nodes, the consumers of a mirror) and the lab's own connections are not counted.
//
// A server in a child process has no such counter, and does not pay its cost of some microseconds per message. A
// [Proxy] counts requests, too.
type Requests struct {
	mu     sync.Mutex
	counts map[string]int
	stop   func()
}

// Snapshot returns how often each subject was requested since the start or the last Reset.
func (r *Requests) Snapshot() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// Total returns how many requests there were since the start or the last Reset.
func (r *Requests) Total() int {
	total := 0
	for _, n := range r.Snapshot() {
		total += n
	}
	return total
}

// Reset sets all counts to zero.
func (r *Requests) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.counts)
}

// Stop ends the counting. Snapshot and Total keep their values.
func (r *Requests) Stop() { r.stop() }

func (r *Requests) add(subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[subject]++
}

// CountRequests counts the requests to this server, across its restarts, until Stop is called.
func (s *Server) CountRequests() *Requests { return countRequests([]*Server{s}) }

// Requests calls CountRequests and stops the counter when the test ends.
func (s *Server) Requests(tb testing.TB) *Requests {
	tb.Helper()
	r := s.CountRequests()
	tb.Cleanup(r.Stop)
	return r
}

// CountRequests counts the requests to all servers of the topology, across their restarts, until Stop is called.
func (t *Topology) CountRequests() *Requests { return countRequests(t.servers) }

// Requests calls CountRequests and stops the counter when the test ends.
func (t *Topology) Requests(tb testing.TB) *Requests {
	tb.Helper()
	r := t.CountRequests()
	tb.Cleanup(r.Stop)
	return r
}

func countRequests(servers []*Server) *Requests {
	r := &Requests{counts: make(map[string]int)}
	for _, s := range servers {
		s.log.requests.add(r)
	}
	r.stop = sync.OnceFunc(func() {
		for _, s := range servers {
			s.log.requests.remove(r)
		}
	})
	return r
}

// requestCounters are the counters that watch one server.
type requestCounters struct {
	// active keeps a trace cheap when there are no counters.
	active atomic.Int32
	mu     sync.Mutex
	all    map[*Requests]struct{}
}

func (c *requestCounters) add(r *Requests) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[*Requests]struct{})
	}
	c.all[r] = struct{}{}
	c.active.Store(int32(len(c.all)))
}

func (c *requestCounters) remove(r *Requests) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, r)
	c.active.Store(int32(len(c.all)))
}

// trace processes one line of the protocol trace. The format identifies the connection, for example
//
//	127.0.0.1:41522 - cid:7 - "v1.55.0:go:name" - <<- %s
//
// and v contains the operation and its arguments, for example [PUB $JS.API.INFO _INBOX.x 0] (client.traceOp in the
// server's client.go).
func (c *requestCounters) trace(format string, v []any) {
	if c.active.Load() == 0 || len(v) != 1 {
		return
	}
	op, ok := v[0].([]any)
	if !ok || len(op) != 2 || !strings.HasSuffix(format, " - <<- %s") {
		return
	}
	name, _ := op[0].(string)
	args, _ := op[1].(string)
	if (name != "PUB" && name != "HPUB") || !fromClient(format) {
		return
	}
	subject, _, _ := strings.Cut(strings.TrimLeft(args, " \t"), " ")
	if !isJetStreamAPI(subject) {
		return
	}
	// args is part of the server's read buffer and only valid during this call.
	subject = strings.Clone(subject)
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.all {
		r.add(subject)
	}
}

// fromClient reports whether a trace line belongs to a client connection that is not the lab's own.
func fromClient(format string) bool {
	return (strings.Contains(format, " - cid:") || strings.Contains(format, " - wid:")) &&
		!strings.Contains(format, ":"+probeName+`"`)
}

// isJetStreamAPI reports whether subject is a JetStream API subject, $JS.API.> or $JS.<domain>.API.>.
func isJetStreamAPI(subject string) bool {
	rest, ok := strings.CutPrefix(subject, "$JS.")
	if !ok {
		return false
	}
	if strings.HasPrefix(rest, "API.") {
		return true
	}
	_, rest, ok = strings.Cut(rest, ".")
	return ok && strings.HasPrefix(rest, "API.")
}
