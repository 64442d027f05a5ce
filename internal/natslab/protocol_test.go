package natslab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadOperation(t *testing.T) {
	tests := []struct {
		name, in string
		want     operation
		wantErr  bool
	}{
		{"PUB", "PUB a.b 5\r\nhello\r\n", operation{name: "PUB", subject: "a.b"}, false},
		{"PUB with reply", "PUB a.b _INBOX.1 0\r\n\r\n", operation{name: "PUB", subject: "a.b", reply: "_INBOX.1"}, false},
		{"lower case, tabs", "pub\ta \t 1\r\nx\r\n", operation{name: "PUB", subject: "a"}, false},
		{"payload that looks like an operation", "PUB a 9\r\nPUB b 1\r\n\r\n", operation{name: "PUB", subject: "a"}, false},
		{"HPUB", "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", operation{name: "HPUB", subject: "a", reply: "r"}, false},
		{"HPUB without reply", "HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n", operation{name: "HPUB", subject: "a"}, false},
		{"MSG", "MSG a 7 2\r\nhi\r\n", operation{name: "MSG", subject: "a"}, false},
		{"MSG with reply", "MSG a 7 r 2\r\nhi\r\n", operation{name: "MSG", subject: "a", reply: "r"}, false},
		{"HMSG", "HMSG a 7 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", operation{name: "HMSG", subject: "a", reply: "r"}, false},
		{"CONNECT", "CONNECT {\"verbose\":false}\r\n", operation{name: "CONNECT"}, false},
		{"SUB", "SUB a q 1\r\n", operation{name: "SUB"}, false},
		{"PING", "PING\r\n", operation{name: "PING"}, false},
		{"empty line", "\r\n", operation{}, false},
		{"TLS", "\x16\x03\x01", operation{name: "TLS"}, false},
		{"size that is no number", "PUB a x\r\n", operation{}, true},
		{"negative size", "PUB a -1\r\n", operation{}, true},
		{"enormous size", "PUB a 99999999999\r\n", operation{}, true},
		{"too few arguments", "PUB 1\r\n", operation{}, true},
		{"too many arguments", "PUB a b c 1\r\n", operation{}, true},
		{"payload too long", "PUB a 1\r\nxx\r\n", operation{}, true},
		{"cut in the line", "PUB a", operation{}, true},
		{"cut in the payload", "PUB a 5\r\nhel", operation{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readOperation(bufio.NewReader(strings.NewReader(tt.in)))
			if (err != nil) != tt.wantErr {
				t.Fatalf("error %v", err)
			}
			if tt.wantErr {
				if errors.Is(err, io.EOF) {
					t.Error("io.EOF in the middle of an operation")
				}
				return
			}
			if tt.want.name != "TLS" {
				tt.want.raw = []byte(tt.in)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(operation{})); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := readOperation(bufio.NewReader(strings.NewReader(""))); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func FuzzReadOperation(f *testing.F) {
	for _, seed := range []string{
		"PUB a 5\r\nhello\r\nPING\r\n", "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
		"MSG a 7 r 2\r\nhi\r\n", "INFO {}\r\n", "\x16",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		var out []byte
		for {
			op, err := readOperation(r)
			if err != nil || op.name == "TLS" {
				break
			}
			out = append(out, op.raw...)
		}
		// Everything that was read must be forwarded unchanged.
		if !bytes.HasPrefix(in, out) {
			t.Errorf("%q became %q", in, out)
		}
	})
}

func TestRewriteInfo(t *testing.T) {
	in := `INFO {"server_id":"X","max_payload":1048576,"connect_urls":["127.0.0.1:1"],` +
		`"ws_connect_urls":["127.0.0.1:2"]} ` + "\r\n"
	out, err := rewriteInfo([]byte(in), "")
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(string(out), "INFO ")
	if !ok || !strings.HasSuffix(text, "\r\n") {
		t.Fatalf("no INFO line: %q", out)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"server_id": "X", "max_payload": 1048576.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("INFO (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"INFO\r\n", "INFO {\r\n"} {
		if _, err := rewriteInfo([]byte(bad), ""); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
