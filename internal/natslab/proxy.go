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

// dialTimeout limits a connection attempt to a server on this machine.
const dialTimeout = 2 * time.Second

// Proxy forwards connections of NATS clients to one server. It has its own address, which stays the same while the
// server restarts. It dials the server for each client, and closes the client's connection when the server's
// connection ends.
//
// A proxy parses the client protocol: it counts requests, holds single messages, and removes server addresses from
// INFO so that clients cannot bypass it. A connection that switches to TLS can only be delayed or cut.
type Proxy struct {
	backend  string
	leaf     bool // between servers, whose protocol is not parsed
	listener net.Listener
	port     port
	wg       sync.WaitGroup
	total    atomic.Uint64
	asked    atomic.Uint64
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

// StartLeafProxy starts a proxy between leaf nodes and their hub, given by the hub's URL for leaf nodes: see
// [Proxy.LeafNodeURL]. The traffic is not parsed, so requests are neither counted nor held. A leaf node must set
// IgnoreDiscoveredServers, or it bypasses the proxy. The caller stops it.
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

// NewProxy calls StartProxy, fails the test on an error, and stops the proxy when the test ends.
func NewProxy(tb testing.TB, backend string) *Proxy {
	tb.Helper()
	p, err := StartProxy(backend)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Stop)
	return p
}

// ClientURL returns the URL for clients. It stays the same until Stop.
func (p *Proxy) ClientURL() string { return "nats://" + address(p.port.number) }

// LeafNodeURL returns the URL for leaf nodes. Only a proxy started by [StartLeafProxy] accepts them.
func (p *Proxy) LeafNodeURL() string { return "nats-leaf://" + address(p.port.number) }

// Stop closes the listener and all connections, and returns when they are closed.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.closeLinks()
	p.wg.Wait()
	p.port.release()
}

// SetLatency delays messages from clients by up and messages from the server by down; the round trip grows by the
// sum. It applies to messages that arrive later. Latency does not limit throughput.
func (p *Proxy) SetLatency(up, down time.Duration) {
	p.up.Store(int64(up))
	p.down.Store(int64(down))
}

// Cut closes all connections, and closes new ones immediately until Restore.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.closeLinks()
}

// Stall holds back all traffic until Restore without closing any connection, like a network that drops packets.
// Traffic sent in the meantime arrives after Restore.
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

// HoldRequest holds the n-th request from now on, counted from 1, before it reaches the server. A request is a
// message with a reply subject whose subject match accepts. If match is nil, only JetStream API requests are
// considered. The client's other messages pass, even ahead of the held one.
func (p *Proxy) HoldRequest(n int, match func(subject string) bool) *Hold {
	return p.hold(n, match, false)
}

// HoldReply holds the reply to the n-th request from now on: the first message that the server sends to the request's
// reply subject. The server has processed the request by then. Messages delivered by a consumer keep their original
// subject and cannot be held.
func (p *Proxy) HoldReply(n int, match func(subject string) bool) *Hold {
	return p.hold(n, match, true)
}

func (p *Proxy) hold(n int, match func(string) bool, reply bool) *Hold {
	if match == nil {
		match = isJetStreamAPI
	}
	h := &Hold{proxy: p, match: match, reply: reply, wanted: n, held: make(chan struct{}), over: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = append(p.holds, h)
	return h
}

// ClaimVersion makes new clients see this version of nats-server, so that a test does not need an old server.
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

// TotalConnections returns how many client connections were accepted, including those that Cut refused.
func (p *Proxy) TotalConnections() uint64 { return p.total.Load() }

// TotalRequests returns how many requests of any kind clients sent: messages with a reply subject.
func (p *Proxy) TotalRequests() uint64 { return p.asked.Load() }

// Requests returns how often clients sent each JetStream API subject since the start or the last ResetRequests.
func (p *Proxy) Requests() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.requests)
}

// ResetRequests resets the request counts to zero.
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

// serve connects a client to the server until either connection ends.
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

// fromClient counts a client's message and reports whether it is held.
func (p *Proxy) fromClient(l *link, op operation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op.reply != "" {
		p.asked.Add(1)
	}
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

// fromServer reports whether a message from the server is held.
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

// gate returns a channel that is closed while the proxy is not stalled.
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
