package natsconn

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// soon is how long a request that is refused may take, far below the request timeout that ends it otherwise.
const soon = 5 * time.Second

// limited is a user that may publish to these subjects, and subscribe to those.
func limited(publish, subscribe []string) natslab.User {
	return natslab.User{Name: "limited", Password: "p", Permissions: &natslab.Permissions{
		Publish: natslab.SubjectPermission{Allow: publish}, Subscribe: natslab.SubjectPermission{Allow: subscribe},
	}}
}

// wantDenied fails the test unless a call is refused at once for want of a permission.
func wantDenied(t *testing.T, js *JetStream, call string, want PermissionError) {
	t.Helper()
	watch := natslab.StartStopwatch()
	err := js.Request(testContext(t), call, nil, nil)
	var denied *PermissionError
	if !errors.As(err, &denied) || denied.Publish != want.Publish || want.Subject != "" && denied.Subject != want.Subject {
		t.Errorf("%s: the error is %v", call, err)
	}
	if watch.Waited() > soon {
		t.Errorf("%s: the refusal took %s", call, watch)
	}
	if IsTransient(err) || IsUnreachable(err) {
		t.Errorf("%s: transient %t, unreachable %t", call, IsTransient(err), IsUnreachable(err))
	}
}

func TestPublishViolation(t *testing.T) {
	lab := natslab.Single(t, natslab.Domain("hub"),
		natslab.Users(limited([]string{"$JS.API.INFO", "$JS.API.STREAM.INFO.KV_mine"}, []string{"_INBOX.>"})))
	client := newTestClient(t, Settings{Servers: lab.URLs(), Auth: Auth{User: "limited", Password: "p"}})
	for _, domain := range []string{"", "hub"} {
		t.Run("domain "+domain, func(t *testing.T) {
			js := client.JetStream(domain)
			// The server maps its own domain before it checks, so the plain subject is the one to grant.
			want := PermissionError{Subject: "$JS.API.STREAM.INFO.KV_other", Publish: true}
			wantDenied(t, js, "STREAM.INFO.KV_other", want)
			wantDenied(t, js, "STREAM.INFO.KV_other", want)
			if err := js.Request(testContext(t), "STREAM.INFO.KV_mine", nil, nil); !IsAPIError(err, CodeStreamNotFound) {
				t.Errorf("what is allowed: %v", err)
			}
		})
	}
	t.Run("among others", func(t *testing.T) {
		// Only the request that was refused may end.
		js := client.JetStream("")
		var n atomic.Int64
		for _, err := range together(func() error {
			if n.Add(1)%2 == 0 {
				return js.Request(testContext(t), "INFO", nil, nil)
			}
			var denied *PermissionError
			if err := js.Request(testContext(t), "STREAM.NAMES", nil, nil); !errors.As(err, &denied) {
				return err
			}
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a message of its own", func(t *testing.T) {
		var denied *PermissionError
		_, err := client.JetStream("").Publish(testContext(t), "KV_other", nats.NewMsg("$KV.other.x"))
		if !errors.As(err, &denied) || denied.Subject != "$KV.other.x" || !denied.Publish {
			t.Errorf("the error is %v", err)
		}
		checkError(t, err, `the user has no permission to publish to "$KV.other.x"`)
	})
}

// The server refuses the subscription for answers once a connection; each request has to learn of it.
func TestInboxViolation(t *testing.T) {
	var granted atomic.Bool
	lab := natslab.Single(t, natslab.Domain("hub"), natslab.Users(limited(nil, []string{"elsewhere"})),
		natslab.Mutate(func(o *server.Options) {
			for _, user := range o.Users {
				if user.Username == "limited" && granted.Load() {
					user.Permissions = nil
				}
			}
		}))
	client := newTestClient(t, Settings{Servers: lab.URLs(), Auth: Auth{User: "limited", Password: "p"}})
	for range 2 {
		wantDenied(t, client.JetStream(""), "INFO", PermissionError{})
		wantDenied(t, client.JetStream("hub"), "STREAM.NAMES", PermissionError{})
	}
	checkError(t, info(testContext(t), client), `the user has no permission to subscribe to "_INBOX.`)

	granted.Store(true)
	lab.Restart(t)
	eventually(t, "a request on the new connection", func() error { return info(testContext(t), client) })
}

func TestNoJetStream(t *testing.T) {
	off := natslab.Single(t, natslab.NoJetStream())
	domain := natslab.Single(t, natslab.Domain("hub"))
	account := natslab.Single(t, natslab.Accounts(
		natslab.Account{Name: "off", Users: []natslab.User{{Name: "u", Password: "p"}}, NoJetStream: true}))
	for name, c := range map[string]struct {
		lab    *natslab.Server
		auth   Auth
		domain string
		want   NoJetStreamError
		text   string
	}{
		"off on the server":                {lab: off, text: "the JetStream API does not respond"},
		"off on the server, with a domain": {lab: off, domain: "hub", want: NoJetStreamError{Domain: "hub"}, text: `the JetStream domain "hub"`},
		"off in the account":               {lab: account, auth: Auth{User: "u", Password: "p"}, want: NoJetStreamError{Account: true}, text: "not enabled for the account"},
		"another domain":                   {lab: domain, domain: "hup", want: NoJetStreamError{Domain: "hup"}, text: `the JetStream domain "hup"`},
	} {
		t.Run(name, func(t *testing.T) {
			client := newTestClient(t, Settings{Servers: c.lab.URLs(), Auth: c.auth})
			watch := natslab.StartStopwatch()
			err := client.JetStream(c.domain).Request(testContext(t), "INFO", nil, nil)
			var none *NoJetStreamError
			if !errors.As(err, &none) || *none != c.want || IsTransient(err) || IsUnreachable(err) != (c.domain != "") {
				t.Errorf("the error is %v", err)
			}
			checkError(t, err, c.text)
			if watch.Waited() > soon {
				t.Errorf("it took %s", watch)
			}
		})
	}
}

// A server reaches the JetStream of another domain over its leaf node connection.
func TestDomainOverALeafNode(t *testing.T) {
	hub := natslab.Single(t, natslab.Name("hub"), natslab.Domain("hub"), natslab.LeafNodes())
	leaf := natslab.Single(t, natslab.Name("leaf"), natslab.Domain("leaf"),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	client := newTestClient(t, Settings{Servers: leaf.URLs()})
	for domain, want := range map[string]string{"": "leaf", "leaf": "leaf", "hub": "hub"} {
		js := client.JetStream(domain)
		if js.Domain() != domain {
			t.Errorf("the domain of %q is %q", domain, js.Domain())
		}
		eventually(t, "the domain "+want, func() error {
			var account struct{ Domain string }
			if err := js.Request(testContext(t), "INFO", nil, &account); err != nil {
				return err
			}
			if account.Domain != want {
				t.Errorf("asked for the domain %q, the domain %q answered", domain, account.Domain)
			}
			return nil
		})
	}
}

func TestAnswers(t *testing.T) {
	lab := natslab.Single(t, natslab.Accounts(
		natslab.Account{Name: "on", Users: []natslab.User{{Name: "on", Password: "p"}}},
		natslab.Account{Name: "off", Users: []natslab.User{{Name: "off", Password: "p"}}, NoJetStream: true}))
	client := newTestClient(t, Settings{Servers: lab.URLs(), Auth: Auth{User: "on", Password: "p"}})
	js := client.JetStream("")

	var created struct {
		Config struct{ Name string }
	}
	request := map[string]any{"name": "S", "subjects": []string{"s.>"}, "retention": "limits", "storage": "file",
		"num_replicas": 1, "discard": "old"}
	if err := js.Request(testContext(t), "STREAM.CREATE.S", request, &created); err != nil || created.Config.Name != "S" {
		t.Errorf("creating a stream: %+v, %v", created, err)
	}
	err := js.Request(testContext(t), "STREAM.INFO.none", nil, nil)
	if !IsAPIError(err, CodeStreamNotFound) || IsAPIError(err, CodeStreamNameInUse) ||
		IsAPIError(nil, CodeStreamNotFound) {
		t.Errorf("a stream that is not there: %v", err)
	}
	checkError(t, err, "stream not found (error code 10059)")
	var wrong struct{ Config int }
	checkError(t, js.Request(testContext(t), "STREAM.INFO.S", nil, &wrong),
		"the server was asked for STREAM.INFO.S and answered with invalid data: json")
	checkError(t, js.Request(testContext(t), "STREAM.INFO.S", make(chan int), nil), "request STREAM.INFO.S: json")

	if seq, err := js.Publish(testContext(t), "S", nats.NewMsg("s.x")); err != nil || seq != 1 {
		t.Errorf("publishing: %d, %v", seq, err)
	}
	msg := nats.NewMsg("s.x")
	msg.Header.Set(jetstream.ExpectedLastSeqHeader, "7")
	if _, err := js.Publish(testContext(t), "S", msg); !IsAPIError(err, CodeWrongLastSequence) {
		t.Errorf("publishing with a wrong sequence: %v", err)
	}
	if _, err := js.Publish(testContext(t), "S", nats.NewMsg("nobody.listens")); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("publishing to nobody: %v", err)
	}

	// Something other than JetStream answers.
	impostor := lab.Connect(t, nats.UserInfo("off", "p"))
	for _, subject := range []string{"$JS.hub.API.INFO", "s.x"} {
		if _, err := impostor.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("hello")) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := impostor.FlushTimeout(soon); err != nil {
		t.Fatal(err)
	}
	fooled := newTestClient(t, Settings{Servers: lab.URLs(), Auth: Auth{User: "off", Password: "p"}}).JetStream("hub")
	checkError(t, fooled.Request(testContext(t), "INFO", nil, nil),
		"the server was asked for INFO and answered with something other than a JSON object")
	_, err = fooled.Publish(testContext(t), "S", nats.NewMsg("s.x"))
	checkError(t, err,
		"the server was asked for a publish to the stream S and answered with something other than a JSON object")
}

// The version is that of the connected server.
func TestOlderThan(t *testing.T) {
	js := newTestClient(t, Settings{Servers: natslab.Single(t).URLs()}).JetStream("")
	for version, want := range map[string]bool{MinServerVersion: false, server.VERSION: false, "1000.0.0": true} {
		if is, err := js.OlderThan(testContext(t), version); err != nil || is != want {
			t.Errorf("older than %s: %t, %v", version, is, err)
		}
	}
}
