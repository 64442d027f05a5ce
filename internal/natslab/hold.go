package natslab

import (
	"slices"
	"sync"
)

// Hold is a promise of a proxy to hold one message. It is over once Forward or Drop was called.
type Hold struct {
	proxy  *Proxy
	match  func(subject string) bool
	reply  bool
	wanted int
	held   chan struct{}

	// The proxy's mutex guards what follows.
	seen    int
	link    *link
	subject string
	inbox   string
	done    bool

	once    sync.Once
	release func(forward bool)
}

// Held is closed when the message is held: a request before the server has it, or a reply after the server sent
// it.
func (h *Hold) Held() <-chan struct{} { return h.held }

// Subject returns the subject of the request, once it has been seen.
func (h *Hold) Subject() string {
	h.proxy.mu.Lock()
	defer h.proxy.mu.Unlock()
	return h.subject
}

// Forward sends the held message on, if its connection still exists. Before anything is held, it ends the
// promise.
func (h *Hold) Forward() { h.end(true) }

// Drop forgets the held message. Before anything is held, it ends the promise.
func (h *Hold) Drop() { h.end(false) }

func (h *Hold) end(forward bool) {
	h.once.Do(func() {
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

// take offers a message on its way to the server, which another hold may have taken already. It tells whether
// this one takes it.
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

// takeReply offers a message on its way to the client. It tells whether the message is held.
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
