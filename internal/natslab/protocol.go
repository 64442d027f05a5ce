package natslab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// operation is one operation of the NATS client protocol with its payload, as sent on the wire
// (https://docs.nats.io/reference/reference-protocols/nats-protocol).
type operation struct {
	raw []byte
	// name is the operation in upper case, for example PUB. It is TLS if the client starts a TLS handshake; raw is
	// then empty, and the rest of the stream cannot be parsed.
	name string
	// subject and reply are set for PUB, HPUB, MSG and HMSG.
	subject, reply string
}

const (
	// tlsHandshake is the first byte of a TLS handshake record.
	tlsHandshake = 0x16
	// maxPayload limits how much the proxy reads for one operation, in bytes. The server's default limit is 1 MiB.
	maxPayload = 64 << 20
)

// readOperation reads one operation. It returns io.EOF only between operations.
func readOperation(r *bufio.Reader) (operation, error) {
	first, err := r.Peek(1)
	if err != nil {
		return operation{}, err
	}
	if first[0] == tlsHandshake {
		return operation{name: "TLS"}, nil
	}
	line, err := r.ReadBytes('\n')
	if err != nil {
		return operation{}, unexpectedEOF(err)
	}
	op := operation{raw: line}
	fields := strings.Fields(string(line))
	if len(fields) == 0 {
		return op, nil
	}
	op.name = strings.ToUpper(fields[0])
	size, err := op.setSubjects(fields[1:])
	if err != nil || size < 0 {
		return op, err
	}
	// A payload ends with CR LF, which is not included in its size.
	payload := make([]byte, size+2)
	if _, err := io.ReadFull(r, payload); err != nil {
		return operation{}, unexpectedEOF(err)
	}
	if !bytes.HasSuffix(payload, []byte("\r\n")) {
		return operation{}, fmt.Errorf("natslab: payload of %q does not end with CR LF", line)
	}
	op.raw = append(op.raw, payload...)
	return op, nil
}

// setSubjects parses the arguments of an operation and returns the size of its payload, or -1 if it has no payload:
//
//	PUB <subject> [reply] <size>
//	HPUB <subject> [reply] <header size> <total size>
//	MSG <subject> <sid> [reply] <size>
//	HMSG <subject> <sid> [reply] <header size> <total size>
func (op *operation) setSubjects(args []string) (int, error) {
	var before, after int // number of arguments before and after the reply
	switch op.name {
	case "PUB":
		before, after = 1, 1
	case "HPUB":
		before, after = 1, 2
	case "MSG":
		before, after = 2, 1
	case "HMSG":
		before, after = 2, 2
	default:
		return -1, nil
	}
	switch len(args) {
	case before + after:
	case before + 1 + after:
		op.reply = args[before]
	default:
		return 0, fmt.Errorf("natslab: %s with %d arguments", op.name, len(args))
	}
	op.subject = args[0]
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil || size < 0 || size > maxPayload {
		return 0, fmt.Errorf("natslab: %s with a payload of size %q", op.name, args[len(args)-1])
	}
	return size, nil
}

// rewriteInfo returns an INFO without server addresses, which clients would use to bypass the proxy, and with a
// different server version unless version is empty.
func rewriteInfo(info []byte, version string) ([]byte, error) {
	keyword, text, ok := bytes.Cut(info, []byte(" "))
	if !ok {
		return nil, errors.New("natslab: INFO without its JSON")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("natslab: INFO: %w", err)
	}
	delete(fields, "connect_urls")
	delete(fields, "ws_connect_urls")
	if version != "" {
		fields["version"] = json.RawMessage(strconv.Quote(version))
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("natslab: INFO: %w", err)
	}
	return fmt.Appendf(nil, "%s %s\r\n", keyword, text), nil
}

func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
