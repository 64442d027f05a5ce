package natslab

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// hubMessages returns the number of messages in a stream of the hub's domain, as seen by a client of the leaf node.
func hubMessages(t *testing.T, h *HubLeaf, stream string, opts ...nats.Option) uint64 {
	t.Helper()
	js, err := jetstream.NewWithDomain(h.Leaf.Connect(t, opts...), HubName)
	if err != nil {
		t.Fatal(err)
	}
	return messages(t, js, stream)
}

// Every account of the hub is connected to that of the leaf node, regardless of how the servers find accounts.
func TestHubAndLeaf(t *testing.T) {
	t.Parallel()
	op, err := NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.AddAccount("first", nil); err != nil {
		t.Fatal(err)
	}
	second, err := op.AddAccount("second", nil)
	if err != nil {
		t.Fatal(err)
	}
	token, seed, err := second.user("test", nil)
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string) User { return User{Name: name, Password: name} }
	cases := map[string]struct {
		opts  []Option
		users [][]nats.Option
	}{
		"global account": {nil, [][]nats.Option{nil}},
		"users":          {[]Option{Users(user("a"))}, [][]nats.Option{nil}},
		"accounts": {
			[]Option{Accounts(Account{Name: "A", Users: []User{user("a")}}, Account{Name: "B", Users: []User{user("b")}})},
			[][]nats.Option{{nats.UserInfo("a", "a")}, {nats.UserInfo("b", "b")}},
		},
		"operator": {[]Option{OperatorMode(op)}, [][]nats.Option{nil, {nats.UserJWTAndSeed(token, seed)}}},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := HubAndLeaf(t, tt.opts...)
			for i, opts := range tt.users {
				fill(t, newJetStream(t, h.Hub.Connect(t, opts...)), "DATA", 1, 3+i)
				if got := hubMessages(t, h, "DATA", opts...); got != uint64(3+i) {
					t.Errorf("%d messages, want %d", got, 3+i)
				}
			}
		})
	}
}

// Only Restore repairs a link that was cut: the leaf node knows no other route.
func TestHubAndLeafLink(t *testing.T) {
	t.Parallel()
	h := HubAndLeaf(t)
	fill(t, newJetStream(t, h.Hub.Connect(t)), "DATA", 1, 5)
	nc := h.Leaf.Connect(t)
	ask := func() error {
		_, err := nc.Request("$JS.hub.API.INFO", nil, time.Second)
		return err
	}

	h.Link.Cut()
	eventually(t, "the hub to be gone", func() error {
		if h.Leaf.NATSServer().NumLeafNodes() > 0 || ask() == nil {
			return errors.New("not yet")
		}
		return nil
	})
	accepted := h.Link.TotalConnections()
	eventually(t, "the leaf node to try again", func() error {
		if h.Link.TotalConnections() < accepted+2 {
			return errors.New("not yet")
		}
		return nil
	})
	if ask() == nil {
		t.Error("the leaf node bypassed the link")
	}

	h.Link.Restore()
	h.AwaitReady(t)
	if got := hubMessages(t, h, "DATA"); got != 5 {
		t.Errorf("%d messages, want 5", got)
	}

	h.Hub.Restart(t)
	h.AwaitReady(t)
	if got := hubMessages(t, h, "DATA"); got != 5 {
		t.Errorf("%d messages after the hub was restarted, want 5", got)
	}
}
