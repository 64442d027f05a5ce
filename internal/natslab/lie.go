package natslab

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Answer is the server's answer to a client's request, on its way to the client. A lie changes it.
type Answer struct {
	// Request is the subject of the request.
	Request string
	// Header is the answer's header as sent on the wire, or empty if it has none. Data is its payload.
	Header, Data []byte
	// Drop discards the answer, and Close closes the connection. Raw, unless empty, is sent verbatim instead of the
	// answer.
	Drop, Close bool
	Raw         []byte
}

// Lie passes every later answer to a request to lie, which may change it, so that a test can talk to a hostile
// server. Calls for one connection do not overlap. Lie(nil) stops the changes.
func (p *Proxy) Lie(lie func(*Answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lie = lie
}

// noteRequest records the subject of a request under its reply subject. The caller holds the lock.
func (l *link) noteRequest(op operation) {
	if op.reply == "" {
		return
	}
	if l.asked == nil {
		l.asked = map[string]string{}
	}
	l.asked[op.reply] = op.subject
}

// lieFor returns the answer that an operation carries and the function to change it with. The answer is nil if the
// operation answers no request or no lie is set.
func (p *Proxy) lieFor(l *link, op operation) (answer *Answer, lie func(*Answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request, ok := l.asked[op.subject]
	if p.lie == nil || !ok {
		return nil, nil
	}
	header, data := op.parts()
	return &Answer{Request: request, Header: header, Data: data}, p.lie
}

// falsify returns the bytes that the client receives for an operation of the server.
func (l *link) falsify(op operation) []byte {
	answer, lie := l.proxy.lieFor(l, op)
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

// parts returns the header and the payload of a MSG or HMSG operation.
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

// with returns the operation with the given header and payload.
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
