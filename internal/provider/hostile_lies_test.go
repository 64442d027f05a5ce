package provider_test

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// falsehood is one way in which a server is hostile. Its answers contain the names instead of the correct ones.
type falsehood struct {
	name string
	// soak is true if it is only used in the soak tests.
	soak bool
	// waits is true if there is no answer, so that the operation times out.
	waits bool
	tell  func(a *natslab.Answer, names map[string]string)
}

// say returns a lie that gives the same answer to every request.
func say(text string) func(*natslab.Answer, map[string]string) {
	return func(a *natslab.Answer, _ map[string]string) { a.Header, a.Data = nil, []byte(text) }
}

// falsehoods are the answers of a hostile server.
func falsehoods() []falsehood {
	return []falsehood{
		{name: "silent", waits: true, tell: func(a *natslab.Answer, _ map[string]string) { a.Drop = true }},
		{name: "closing", waits: true, tell: func(a *natslab.Answer, _ map[string]string) { a.Close = true }},
		{name: "garbage", soak: true, waits: true, tell: func(a *natslab.Answer, _ map[string]string) { a.Raw = []byte("\x00\xff\x1b[31m garbage\r\n\r\n") }},
		{name: "no JSON", soak: true, tell: say("hello \x1b[31m there \xff")},
		{name: "empty object", tell: say("{}")},
		{name: "empty", soak: true, tell: say("")},
		{name: "list", soak: true, tell: say("[]")},
		{name: "null", soak: true, tell: say("null")},
		{name: "success", soak: true, tell: say(`{"success":true,"server":{"name":"x","id":"x"},"data":{},"config":{},"stream":"x","seq":1}`)},
		{name: "another's", tell: tellOther},
		{name: "another's name alone", soak: true, tell: tellOtherName},
		{name: "incomplete", tell: func(a *natslab.Answer, _ map[string]string) {
			tellWithout(a, "config", "data", "statsz", "success", "domain")
		}},
		{name: "without state", soak: true, tell: func(a *natslab.Answer, _ map[string]string) { tellWithout(a, "state", "server", "created", "limits") }},
		{name: "wrong types", soak: true, tell: func(a *natslab.Answer, _ map[string]string) {
			a.Data = replaced(a.Data, `"num_replicas":1`, `"num_replicas":"one"`, `"data":`, `"data":7,"other":`)
		}},
		{name: "huge", tell: func(a *natslab.Answer, _ map[string]string) {
			a.Data = append(a.Data, bytes.Repeat([]byte(" "), 10<<20)...)
		}},
		{name: "huge error", tell: func(a *natslab.Answer, _ map[string]string) {
			text, _ := json.Marshal(strings.Repeat("\x1b[31m\u202e\r\nno ", 1<<16))
			var answer map[string]json.RawMessage
			if json.Unmarshal(a.Data, &answer) != nil {
				answer = map[string]json.RawMessage{}
			}
			answer["error"] = json.RawMessage(`{"code":500,"err_code":10051,"description":` + string(text) + `}`)
			a.Data, _ = json.Marshal(answer)
		}},
	}
}

// tellOther answers about another object.
func tellOther(a *natslab.Answer, names map[string]string) {
	for name, other := range names {
		a.Data, a.Header = replaced(a.Data, name, other), replaced(a.Header, name, other)
	}
	if token, ok := names[otherToken]; ok && strings.HasSuffix(a.Request, ".CLAIMS.LOOKUP") {
		a.Data = []byte(token)
	}
}

// tellOtherName answers about another object with the content of the requested one.
func tellOtherName(a *natslab.Answer, names map[string]string) {
	for name, other := range names {
		a.Data = replaced(a.Data, `"name":"KV_`+name, `"name":"KV_`+other, `"account":"`+name, `"account":"`+other)
		a.Header = replaced(a.Header, name, other)
	}
	if token, ok := names[otherToken]; ok && strings.HasSuffix(a.Request, ".CLAIMS.LOOKUP") {
		a.Data = []byte(token)
	}
}

// tellWithout removes fields from an answer. An answer that is not an object, such as a JWT, is cut in half.
func tellWithout(a *natslab.Answer, fields ...string) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(a.Data, &answer) != nil {
		a.Data = a.Data[:len(a.Data)/2]
		return
	}
	for _, field := range fields {
		delete(answer, field)
	}
	a.Data, _ = json.Marshal(answer)
}

// otherToken is the key among the names for the JWT of another account.
const otherToken = "the token of another account"

// replaced returns a text in which each text is replaced by the one after it.
func replaced(text []byte, pairs ...string) []byte {
	return []byte(strings.NewReplacer(pairs...).Replace(string(text)))
}
