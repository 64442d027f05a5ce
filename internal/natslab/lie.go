package natslab

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Answer is an answer of the server to a client's request, on its way to the client. A lie changes it.
type Answer struct {
	// Request is the subject of the request.
	Request string
	// Header is the answer's header as it stands on the wire, empty if it has none, and Data its payload.
	Header, Data []byte
	// Drop swallows the answer, and Close closes the connection in its place. Raw, unless empty, is sent in its place as it is.
	Drop, Close bool
	Raw         []byte
}

// Lie has every answer to a request changed by lie from now on, so that a test can be the client of a hostile server. It is called for one
// answer of a connection at a time. nil ends it.
func (p *Proxy) Lie(lie func(*Answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lie = lie
}

// noteRequest remembers what a client asks for by the subject that the answer comes in on. The caller holds the lock.
func (l *link) noteRequest(op operation) {
	if op.reply == "" {
		return
	}
	if l.asked == nil {
		l.asked = map[string]string{}
	}
	l.asked[op.reply] = op.subject
}

// told returns the answer of an operation, nil if nobody lies about it.
func (p *Proxy) told(l *link, op operation) (answer *Answer, lie func(*Answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request, ok := l.asked[op.subject]
	if p.lie == nil || !ok {
		return nil, nil
	}
	header, data := op.parts()
	return &Answer{Request: request, Header: header, Data: data}, p.lie
}

// falsify returns what the client gets in place of an operation of the server.
func (l *link) falsify(op operation) []byte {
	answer, lie := l.proxy.told(l, op)
	if answer == nil {
		return op.raw
	}
	lie(answer)
	switch {
	case answer.Close:
		l.close()
		return nil
	case answer.Drop:
		return nil
	case len(answer.Raw) > 0:
		return answer.Raw
	}
	return op.with(answer.Header, answer.Data)
}

// parts returns the header and the payload of a MSG or HMSG.
func (op operation) parts() (header, data []byte) {
	line, rest, _ := bytes.Cut(op.raw, []byte("\n"))
	data = bytes.TrimSuffix(rest, []byte("\r\n"))
	if op.name != "HMSG" {
		return nil, data
	}
	fields := strings.Fields(string(line))
	size, err := strconv.Atoi(fields[len(fields)-2])
	if err != nil || size < 0 || size > len(data) {
		return nil, data
	}
	return data[:size], data[size:]
}

// with returns the operation with another header and payload.
func (op operation) with(header, data []byte) []byte {
	line, _, _ := bytes.Cut(op.raw, []byte("\n"))
	sid := strings.Fields(string(line))[2]
	reply := ""
	if op.reply != "" {
		reply = op.reply + " "
	}
	var raw []byte
	if len(header) > 0 {
		raw = fmt.Appendf(raw, "HMSG %s %s %s%d %d\r\n", op.subject, sid, reply, len(header), len(header)+len(data))
	} else {
		raw = fmt.Appendf(raw, "MSG %s %s %s%d\r\n", op.subject, sid, reply, len(data))
	}
	raw = append(append(raw, header...), data...)
	return append(raw, "\r\n"...)
}
