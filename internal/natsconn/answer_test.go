package natsconn

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Each answer is one to another call, or to none.
func TestAnswersToSomethingElse(t *testing.T) {
	lab := natslab.Single(t, natslab.Domain("hub"))
	proxy := natslab.NewProxy(t, lab.ClientURL())
	client := newTestClient(t, Settings{Servers: []string{proxy.ClientURL()}})
	stream := map[string]any{
		"name": "S", "subjects": []string{"s.>"}, "retention": "limits", "storage": "file", "num_replicas": 1,
		"discard": "old", "allow_direct": true,
	}
	js, hub := client.JetStream(""), client.JetStream("hub")
	if err := js.Request(testContext(t), "STREAM.CREATE.S", stream, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(testContext(t), "S", nats.NewMsg("s.x")); err != nil {
		t.Fatal(err)
	}
	call := func(js *JetStream, call string) func() error {
		return func() error { return js.Request(testContext(t), call, nil, nil) }
	}
	publish := func() error {
		_, err := js.Publish(testContext(t), "S", nats.NewMsg("s.x"))
		return err
	}
	get := func() error {
		_, err := js.DirectGet(testContext(t), "S", "s.x")
		return err
	}
	next := func() error {
		_, err := js.DirectGetNext(testContext(t), "S", 1)
		return err
	}
	for _, test := range []struct {
		ask      func() error
		old, new string
		want     string
	}{
		{call(js, "STREAM.INFO.S"), `"name":"S"`, `"name":"T"`, `the server was asked for STREAM.INFO of the stream S and answered about the stream "T"`},
		{call(js, "STREAM.INFO.S"), `"config"`, `"other"`, "without the stream's configuration"},
		{call(js, "STREAM.INFO.S"), `"state"`, `"other"`, "without the stream's configuration, its state"},
		{call(js, "STREAM.INFO.S"), "stream_info", "stream_create", `with the type "io.nats.jetstream.api.v1.stream_create_response"`},
		{call(js, "STREAM.INFO.none"), "stream_info", "consumer_info", `with the type "io.nats.jetstream.api.v1.consumer_info_response"`},
		{call(js, "STREAM.INFO.none"), `"type"`, `"kind"`, `with the type ""`},
		{call(hub, "STREAM.INFO.S"), `"domain":"hub"`, `"domain":"leaf"`, `for the JetStream domain "leaf", not "hub"`},
		{call(hub, "INFO"), `"domain":"hub"`, `"area":"hub"`, `for the JetStream domain "", not "hub"`},
		{call(js, "STREAM.DELETE.none"), `"error"`, `"fault"`, "neither with success nor with an error"},
		{call(js, "STREAM.NAMES"), `"S"`, `"S.>"`, `which is not the name of a stream`},
		{call(js, "CONSUMER.LIST.S"), `"limit"`, `"bound"`, "without the number of consumers per page"},
		{call(js, "CONSUMER.LIST.S"), `"consumers":[]`, `"consumers":[{"stream_name":"T"}]`, `about a consumer of the stream "T"`},
		{publish, `"stream":"S"`, `"stream":"T"`, `asked for a publish to the stream S and answered about the stream "T"`},
		{publish, `"seq"`, `"sequence"`, "without a sequence"},
		{get, "Nats-Stream: S", "Nats-Stream: T", `with a message of the stream "T"`},
		{get, "Nats-Subject: s.x", "Nats-Subject: s.y", `with a message on "s.y"`},
		{next, "Nats-Sequence: ", "Nats-Sequence: -", "with invalid data"},
	} {
		proxy.Lie(func(a *natslab.Answer) {
			a.Data = bytes.ReplaceAll(a.Data, []byte(test.old), []byte(test.new))
			a.Header = bytes.ReplaceAll(a.Header, []byte(test.old), []byte(test.new))
		})
		err := test.ask()
		if answer, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(answer.Error(), test.want) {
			t.Errorf("%s for %s: %v, not %q", test.new, test.old, err, test.want)
		}
	}
	proxy.Lie(func(a *natslab.Answer) { a.Data = append(a.Data, bytes.Repeat([]byte(" "), MaxAnswer+1)...) })
	for _, ask := range []func() error{call(js, "STREAM.INFO.S"), publish, get} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "bytes, more than the maximum of 8388608") {
			t.Errorf("a huge answer: %v", err)
		}
	}
	proxy.Lie(nil)
	for _, ask := range []func() error{call(js, "STREAM.INFO.S"), call(hub, "STREAM.INFO.S"), call(hub, "INFO"), publish, get, next} {
		if err := ask(); err != nil {
			t.Errorf("an honest answer: %v", err)
		}
	}
}
