package natslab

import (
	"slices"
	"sync"
)

// Hold holds one message in a proxy. It ends when Forward or Drop is called.
type Hold struct {
	proxy  *Proxy
	match  func(subject string) bool
	reply  bool
	wanted int
	held   chan struct{}
	over   chan struct{} // closed by Forward or Drop

	// The proxy's mutex guards the fields below.
	seen    int
	link    *link
	subject string
	inbox   string
	done    bool

	once    sync.Once
	release func(forward bool)
}

// Held returns a channel that is closed when the message is held: a request before it reaches the server, or a reply
// after the server has sent it.
func (h *Hold) Held() <-chan struct{} { return h.held }

// Subject returns the subject of the request once the proxy has seen it.
func (h *Hold) Subject() string {
	h.proxy.mu.Lock()
	defer h.proxy.mu.Unlock()
	return h.subject
}

// Forward sends the held message on if its connection still exists. If no message is held yet, Forward cancels the
// hold.
func (h *Hold) Forward() { h.end(true) }

// Drop discards the held message. If no message is held yet, Drop cancels the hold.
func (h *Hold) Drop() { h.end(false) }

func (h *Hold) end(forward bool) {
	h.once.Do(func() {
		close(h.over)
		h.proxy.mu.Lock()
		h.done = true
		h.proxy.holds = slices.DeleteFunc(h.proxy.holds, func(other *Hold) bool { return other == h })
		release := h.release
		h.proxy.mu.Unlock()
		if release != nil {
			release(forward)
		}
	})
}

// take offers a message on its way to the server and reports whether this hold takes it. Another hold may already
// have taken it.
func (h *Hold) take(l *link, op operation, taken bool) bool {
	if h.done || h.link != nil || op.reply == "" || !h.match(op.subject) {
		return false
	}
	if h.seen++; h.seen < h.wanted || (taken && !h.reply) {
		return false
	}
	h.link, h.subject, h.inbox = l, op.subject, op.reply
	if h.reply {
		return false
	}
	h.hold(op, l.up)
	return true
}

// takeReply offers a message on its way to the client and reports whether this hold takes it.
func (h *Hold) takeReply(l *link, op operation) bool {
	if h.done || !h.reply || h.link != l || h.inbox != op.subject || h.release != nil {
		return false
	}
	h.hold(op, l.down)
	return true
}

func (h *Hold) hold(op operation, to *pipe) {
	h.release = func(forward bool) {
		if forward {
			to.send(op.raw)
		}
	}
	close(h.held)
}
