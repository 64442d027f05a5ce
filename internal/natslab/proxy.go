package natslab

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// dialTimeout bounds a connection attempt to a server on this machine.
const dialTimeout = 2 * time.Second

// Proxy stands between NATS clients and one server, at an address of its own that outlives the server. It dials
// the server for each client, and closes the client's connection when the server's ends.
//
// It reads the client protocol: it counts requests, holds single messages back, and takes the addresses of
// servers out of their INFO, so that no client gets past it. Of a connection that turns to TLS it sees no more
// than that, and delays or cuts it like any other.
type Proxy struct {
	backend  string
	leaf     bool // between servers, whose protocol is not read
	listener net.Listener
	port     port
	wg       sync.WaitGroup
	total    atomic.Uint64
	up, down atomic.Int64 // one-way delays, in nanoseconds

	mu       sync.Mutex
	closed   bool
	cut      bool
	open     chan struct{} // closed unless the link is stalled
	links    map[*link]struct{}
	holds    []*Hold
	requests map[string]int
	version  string
	lie      func(*Answer)
}

// StartProxy starts a proxy to a server, given by its client URL or its host and port. The caller stops it.
func StartProxy(backend string) (*Proxy, error) { return startProxy(backend, false) }

// StartLeafProxy starts a proxy between leaf nodes and their hub, given by its URL for leaf nodes: see [Proxy.LeafNodeURL].
// What passes is not read, so it counts and holds no requests. A leaf node must have IgnoreDiscoveredServers set, or it gets past
// the proxy. The caller stops it.
func StartLeafProxy(backend string) (*Proxy, error) { return startProxy(backend, true) }

func startProxy(backend string, leaf bool) (*Proxy, error) {
	if u, err := url.Parse(backend); err == nil && u.Host != "" {
		backend = u.Host
	}
	if _, _, err := net.SplitHostPort(backend); err != nil {
		return nil, fmt.Errorf("natslab: proxy to %q: %w", backend, err)
	}
	port, err := reservePort(0)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", address(port.number))
	if err != nil {
		port.release()
		return nil, fmt.Errorf("natslab: proxy: %w", err)
	}
	p := &Proxy{
		backend: backend, leaf: leaf, listener: listener, port: port,
		open: make(chan struct{}), links: make(map[*link]struct{}), requests: make(map[string]int),
	}
	close(p.open)
	p.wg.Go(p.accept)
	return p, nil
}

// NewProxy is StartProxy that fails the test and stops with it.
func NewProxy(tb testing.TB, backend string) *Proxy {
	tb.Helper()
	p, err := StartProxy(backend)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Stop)
	return p
}

// ClientURL returns the URL for clients. It stays the same as long as the proxy lives.
func (p *Proxy) ClientURL() string { return "nats://" + address(p.port.number) }

// LeafNodeURL returns the URL for leaf nodes, as long as the proxy is one of [StartLeafProxy].
func (p *Proxy) LeafNodeURL() string { return "nats-leaf://" + address(p.port.number) }

// Stop closes all connections and the listener, and returns when all of it is gone.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.closeLinks()
	p.wg.Wait()
	p.port.release()
}

// SetLatency delays what clients send by up and what the server sends by down; the round trip grows by the sum.
// It holds for what arrives from now on. Latency does not limit throughput.
func (p *Proxy) SetLatency(up, down time.Duration) {
	p.up.Store(int64(up))
	p.down.Store(int64(down))
}

// Cut closes all connections, and from now on closes new ones as soon as they come, until Restore.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.closeLinks()
}

// Stall lets nothing through until Restore, and closes nothing: a network that swallows packets. What is sent
// meanwhile arrives after Restore.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isClosed(p.open) {
		p.open = make(chan struct{})
	}
}

// Restore ends Cut and Stall.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	if !isClosed(p.open) {
		close(p.open)
	}
}

// HoldRequest holds the n-th request from now on, counted from 1, before the server has it. A request is a
// message with a reply subject on a subject that match accepts; without match, a JetStream API request. The
// client's other messages are not held, and pass the one that is.
func (p *Proxy) HoldRequest(n int, match func(subject string) bool) *Hold {
	return p.hold(n, match, false)
}

// HoldReply holds the reply to the n-th request from now on: the first message that the server sends to the
// request's reply subject. The server has done the request's work by then. Messages that a consumer delivers
// keep the subject they were stored under and cannot be held.
func (p *Proxy) HoldReply(n int, match func(subject string) bool) *Hold {
	return p.hold(n, match, true)
}

func (p *Proxy) hold(n int, match func(string) bool, reply bool) *Hold {
	if match == nil {
		match = isJetStreamAPI
	}
	h := &Hold{proxy: p, match: match, reply: reply, wanted: n, held: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = append(p.holds, h)
	return h
}

// ClaimVersion makes new clients believe that the server runs this version of nats-server, so that a test can be an old
// server's client without one.
func (p *Proxy) ClaimVersion(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
}

func (p *Proxy) claimedVersion() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

// ConnectionCount returns how many client connections are open.
func (p *Proxy) ConnectionCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// TotalConnections returns how many client connections were accepted, those that Cut refused included.
func (p *Proxy) TotalConnections() uint64 { return p.total.Load() }

// Requests returns how often clients sent each JetStream API subject, since the start or the last
// ResetRequests.
func (p *Proxy) Requests() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.requests)
}

// ResetRequests starts the counting of requests again at zero.
func (p *Proxy) ResetRequests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.requests)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		p.total.Add(1)
		p.wg.Go(func() { p.serve(client) })
	}
}

// serve connects one client with the server until one of them ends.
func (p *Proxy) serve(client net.Conn) {
	backend, err := net.DialTimeout("tcp", p.backend, dialTimeout)
	if err != nil {
		_ = client.Close()
		return
	}
	l := newLink(p, client, backend)
	p.mu.Lock()
	refused := p.closed || p.cut
	if !refused {
		p.links[l] = struct{}{}
	}
	p.mu.Unlock()
	if refused {
		l.close()
		return
	}
	l.run()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

func (p *Proxy) closeLinks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// fromClient counts a message of a client and tells whether it is held.
func (p *Proxy) fromClient(l *link, op operation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isJetStreamAPI(op.subject) {
		p.requests[op.subject]++
	}
	l.noteRequest(op)
	held := false
	for _, h := range p.holds {
		held = h.take(l, op, held) || held
	}
	return held
}

// fromServer tells whether a message of the server is held.
func (p *Proxy) fromServer(l *link, op operation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		if h.takeReply(l, op) {
			return true
		}
	}
	return false
}

// gate returns a channel that is closed as soon as the link is not stalled.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
