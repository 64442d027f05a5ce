package preflight_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A limit that KINE reaches ends the verification within seconds and is part of the error. KINE itself would retry
// until the timeout.
func TestMeetsLimit(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	for limit, account := range map[string]natslab.Account{
		kine.LimitConsumers:     {JetStream: &natslab.JetStreamLimits{MaxConsumers: n(1)}},
		kine.LimitSubscriptions: {Limits: &natslab.AccountLimits{MaxSubscriptions: n(2)}},
		kine.LimitPayload:       {Limits: &natslab.AccountLimits{MaxPayload: n(200)}},
		kine.LimitStorage:       {JetStream: &natslab.JetStreamLimits{MaxStore: n(10)}},
		kine.LimitConnections:   {Limits: &natslab.AccountLimits{MaxConnections: n(1)}},
	} {
		t.Run(limit, func(t *testing.T) {
			account.Name, account.Users = "k3s", []natslab.User{{Name: "k3s", Password: "k3s"}}
			lab := natslab.Single(t, natslab.Accounts(account))
			if limit == kine.LimitConnections {
				nc, err := nats.Connect(lab.ClientURL(), nats.UserInfo("k3s", "k3s"))
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
			}
			if limit == kine.LimitConsumers {
				makeBucket(t, as(t, lab), spec)
			}
			target := on(lab.URLs())
			target.Endpoint.User, target.Endpoint.Password = "k3s", "k3s"
			watch := natslab.StartStopwatch()
			err := run(t, target)
			failure, ok := errors.AsType[*preflight.Error](err)
			if !ok || failure.Limit == nil || failure.Limit.Limit != limit || failure.Late {
				t.Errorf("the error is %v", err)
			}
			if watch.Waited() > 10*time.Second {
				t.Errorf("it took %s", watch)
			}
		})
	}
}

// as returns the JetStream API of the lab for its only user.
func as(t *testing.T, lab *natslab.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(lab.ClientURL(), nats.UserInfo("k3s", "k3s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
