package natslab

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one client's connection through the proxy.
type link struct {
	proxy           *Proxy
	client, backend net.Conn
	up, down        *pipe
	tls             atomic.Bool
	done            chan struct{}
	close           func()
	// asked maps the reply subject of each request to its subject. The proxy's mutex guards it.
	asked map[string]string
}

func newLink(p *Proxy, client, backend net.Conn) *link {
	l := &link{proxy: p, client: client, backend: backend, done: make(chan struct{})}
	l.close = sync.OnceFunc(func() {
		close(l.done)
		_ = client.Close()
		_ = backend.Close()
	})
	l.up = &pipe{link: l, to: backend, delay: &p.up, queue: make(chan chunk, pipeLength)}
	l.down = &pipe{link: l, to: client, delay: &p.down, queue: make(chan chunk, pipeLength)}
	return l
}

// run returns when both directions have ended.
func (l *link) run() {
	var wg sync.WaitGroup
	wg.Go(func() { l.read(l.client, l.up, l.fromClient) })
	wg.Go(func() { l.read(l.backend, l.down, l.fromServer) })
	wg.Go(l.up.write)
	wg.Go(l.down.write)
	wg.Wait()
	l.close()
}

// read reads operations from a connection into a pipe until the connection ends. The pipe then ends after its queued
// data.
func (l *link) read(from net.Conn, to *pipe, handle func(operation) ([]byte, error)) {
	defer to.end()
	r := bufio.NewReader(from)
	if l.proxy.leaf {
		l.copy(r, to)
		return
	}
	for {
		op, err := readOperation(r)
		if err != nil {
			return
		}
		if op.name == "TLS" {
			l.tls.Store(true)
		}
		// A client switches to TLS before the server does, so tls is set before the server's first TLS record
		// arrives.
		if l.tls.Load() {
			to.send(op.raw)
			l.copy(r, to)
			return
		}
		data, err := handle(op)
		if err != nil {
			return
		}
		to.send(data)
	}
}

// copy forwards data that cannot be parsed.
func (l *link) copy(from io.Reader, to *pipe) {
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		to.send(buf[:n])
		if err != nil {
			return
		}
	}
}

func (l *link) fromClient(op operation) ([]byte, error) {
	if op.subject != "" && l.proxy.fromClient(l, op) {
		return nil, nil
	}
	return op.raw, nil
}

func (l *link) fromServer(op operation) ([]byte, error) {
	switch {
	case op.name == "INFO":
		return rewriteInfo(op.raw, l.proxy.claimedVersion())
	case op.subject != "" && l.proxy.fromServer(l, op):
		return nil, nil
	case op.subject != "":
		return l.falsify(op), nil
	default:
		return op.raw, nil
	}
}

// pipeLength is the number of operations that can be in transit in one direction before the sender must wait.
const pipeLength = 4096

// pipe is one direction of a link: a queue whose entries leave when they are due.
type pipe struct {
	link  *link
	to    net.Conn
	delay *atomic.Int64
	queue chan chunk
}

// chunk is data that arrives together. The last chunk of a pipe has no data.
type chunk struct {
	data []byte
	due  time.Time
}

func (p *pipe) send(data []byte) {
	if len(data) > 0 {
		p.put(chunk{data: data, due: p.due()})
	}
}

func (p *pipe) end() { p.put(chunk{due: p.due()}) }

func (p *pipe) due() time.Time { return time.Now().Add(time.Duration(p.delay.Load())) }

func (p *pipe) put(c chunk) {
	select {
	case p.queue <- c:
	case <-p.link.done:
	}
}

// write delivers the queue until the pipe ends, and then closes the destination.
func (p *pipe) write() {
	w := bufio.NewWriterSize(p.to, 64<<10)
	for {
		var c chunk
		select {
		case c = <-p.queue:
		case <-p.link.done:
			return
		}
		if !p.wait(w, c.due) {
			p.link.close()
			return
		}
		if c.data == nil {
			_ = w.Flush()
			_ = p.to.Close()
			return
		}
		_, err := w.Write(c.data)
		if err == nil && len(p.queue) == 0 {
			err = w.Flush()
		}
		if err != nil {
			p.link.close()
			return
		}
	}
}

// wait waits until a chunk is due and the proxy is not stalled. Earlier data is flushed first. It returns false if
// the link ended.
func (p *pipe) wait(w *bufio.Writer, due time.Time) bool {
	gate := p.link.proxy.gate()
	left := time.Until(due)
	if left <= 0 && isClosed(gate) {
		return true
	}
	if err := w.Flush(); err != nil {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.link.done:
		return false
	}
	// Check the gate again: the proxy may have been stalled in the meantime.
	select {
	case <-p.link.proxy.gate():
		return true
	case <-p.link.done:
		return false
	}
}
