package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// limited starts a server with an account whose only user is k3s, with these limits.
func limited(t *testing.T, limits natslab.AccountLimits, stream natslab.JetStreamLimits) *natslab.Server {
	t.Helper()
	return natslab.Single(t, natslab.Accounts(natslab.Account{
		Name: "k3s", Users: []natslab.User{{Name: "k3s", Password: "k3s"}}, Limits: &limits, JetStream: &stream,
	}))
}

// worksOn starts KINE and does what k3s does: watch, create, read and delete. The error is the failed call or KINE's
// log line.
func worksOn(ctx context.Context, url string) error {
	ctx, cancel := natslab.WithPatience(ctx, 10*time.Second)
	defer cancel()
	starting, started := natslab.WithPatience(ctx, time.Second)
	defer started()
	k, err := kinelab.Start(starting, kinelab.Config{Endpoint: url, StartTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer func() { _ = k.Stop() }()
	client, err := etcdtest.Dial(ctx, k.Endpoint())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	const key = "/registry/key"
	watch := client.Watch(ctx, key)
	created, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
		"value")).Commit()
	if err != nil {
		return err
	}
	if _, err := client.Get(ctx, key); err != nil {
		return err
	}
	complaint := func() error {
		if i := slices.IndexFunc(k.Logs(), isComplaint); i >= 0 {
			return fmt.Errorf("KINE logs %s", k.Logs()[i])
		}
		return nil
	}
	for seen := false; !seen; {
		select {
		case event := <-watch:
			seen = true
			if event.Err() != nil {
				return event.Err()
			}
		case <-time.After(20 * time.Millisecond):
			if err := complaint(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err = client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", created.Header.Revision)).
		Then(clientv3.OpDelete(key)).Else(clientv3.OpGet(key)).Commit()
	if complaint := complaint(); complaint != nil {
		return complaint
	}
	return err
}

// isComplaint reports whether a line of KINE's log is about a limit.
func isComplaint(line string) bool { return ParseLimit(line) != nil }

// KINE works with the minimum of each limit and not below it, and VerifyContract agrees. A newer KINE that needs more
// fails this test.
func TestLimitsOfKINE(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		least, below int64
		limits       func(n *int64) (natslab.AccountLimits, natslab.JetStreamLimits)
		// caution is true if the minimum suffices but deserves a warning.
		caution bool
	}{
		LimitConsumers: {MinConsumers, MinConsumers - 1, func(n *int64) (l natslab.AccountLimits, s natslab.JetStreamLimits) {
			s.MaxConsumers = n
			return l, s
		}, true},
		LimitSubscriptions: {MinSubscriptions, MinSubscriptions - 1, func(n *int64) (l natslab.AccountLimits, s natslab.JetStreamLimits) {
			l.MaxSubscriptions = n
			return l, s
		}, false},
		LimitPayload: {MinPayload, 300, func(n *int64) (l natslab.AccountLimits, s natslab.JetStreamLimits) {
			l.MaxPayload = n
			return l, s
		}, true},
		LimitStorage: {MinStorage, 100, func(n *int64) (l natslab.AccountLimits, s natslab.JetStreamLimits) {
			s.MaxStore = n
			return l, s
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int64{c.least, c.below} {
				lab := limited(t, first(c.limits(&n)), second(c.limits(&n)))
				client := newClient(t, lab.URLs(), natsconn.Auth{User: "k3s", Password: "k3s"})
				if name != LimitPayload || n == c.least { // otherwise the bucket cannot be created either
					call(t, client.JetStream(""), "STREAM.CREATE."+StreamName("kine"), contractForm(testSpec).Config, nil)
				}
				watch := natslab.StartStopwatch()
				found := VerifyContract(t.Context(), client, testSpec, "", true)
				waited := watch.Waited()
				client.Close()
				works := worksOn(t.Context(), limitedURL(t, lab, "k3s", testSpec))
				t.Logf("%s = %d: VerifyContract finds %v in %s; KINE: %v", name, n, found, waited, works)
				if (works == nil) != (n == c.least) {
					t.Errorf("with %s = %d, KINE says %v", name, n, works)
				}
				if stops(found) != (works != nil) {
					t.Errorf("with %s = %d, VerifyContract found %v", name, n, found)
				}
				limit, ok := asLimit(found)
				if want := n == c.below || c.caution; ok != want || ok && limit.Limit != name {
					t.Errorf("with %s = %d, VerifyContract found %v", name, n, found)
				}
				if waited > 2*time.Second {
					t.Errorf("VerifyContract waited for %s", waited)
				}
			}
		})
	}
}

func first[A, B any](a A, _ B) A  { return a }
func second[A, B any](_ A, b B) B { return b }

// asLimit returns the first limit among the findings.
func asLimit(found []error) (*LimitError, bool) {
	return errors.AsType[*LimitError](errors.Join(found...))
}

// Used-up limits and a missing tier of an account count, and KINE agrees.
func TestVerifyContractLimitsUsed(t *testing.T) {
	t.Parallel()
	lab := limited(t, natslab.AccountLimits{},
		natslab.JetStreamLimits{MaxConsumers: new(int64(8)), MaxStore: new(int64(16 << 10))})
	client := newClient(t, lab.URLs(), natsconn.Auth{User: "k3s", Password: "k3s"})
	js := client.JetStream("")
	mustCreate(t, js, testSpec)
	if found := VerifyContract(t.Context(), client, testSpec, "", true); len(found) > 0 {
		t.Fatalf("found %v", found)
	}
	for i := range 5 {
		consumer := map[string]any{"stream_name": StreamName("kine"),
			"config": map[string]any{"name": fmt.Sprint("other", i), "ack_policy": "explicit"}}
		call(t, js, fmt.Sprintf("CONSUMER.CREATE.%s.other%d", StreamName("kine"), i), consumer, nil)
	}
	expectLimit(t, VerifyContract(t.Context(), client, testSpec, "", true), LimitConsumers, "has 5 of at most 8 consumers")
	if err := worksOn(t.Context(), limitedURL(t, lab, "k3s", testSpec)); err == nil || ParseLimit(err.Error()) == nil {
		t.Errorf("KINE says %v", err)
	}
	for i := range 5 {
		call(t, js, fmt.Sprintf("CONSUMER.DELETE.%s.other%d", StreamName("kine"), i), nil, nil)
	}
	call(t, js, "STREAM.CREATE.filler",
		map[string]any{"name": "filler", "subjects": []string{"filler"}, "storage": "file", "num_replicas": 1}, nil)
	nc := lab.Connect(t)
	if _, err := nc.Request("filler", make([]byte, 14<<10), time.Minute); err != nil {
		t.Fatal(err)
	}
	found := VerifyContract(t.Context(), client, testSpec, "", true)
	if i := slices.IndexFunc(found, func(err error) bool {
		return as[*LimitError](err) && strings.Contains(err.Error(), "KINE cannot write")
	}); i < 0 {
		t.Errorf("found %v", found)
	}
}

// expectLimit fails the test unless this limit is among the findings.
func expectLimit(t *testing.T, found []error, name, text string) {
	t.Helper()
	if limit, ok := asLimit(found); !ok || limit.Limit != name || !strings.Contains(limit.Text, text) {
		t.Errorf("found %v, want a limit of %s that says %q", found, name, text)
	}
}

// An error that is not about a limit is no finding, and each limit has its own name.
func TestLimitsCheck(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	for text, l := range map[string]Limits{
		"":                             {},
		" ":                            {Consumers: n(-1), Subscriptions: n(-1), Payload: n(-1), Storage: n(-1), Streams: n(-1), Connections: n(-1)},
		"streams":                      {Streams: n(0)},
		"consumers":                    {Consumers: n(2), Subscriptions: n(MinSubscriptions)},
		"caution consumers":            {Consumers: n(MinConsumers)},
		"caution connections":          {Connections: n(1)},
		"connections":                  {Connections: n(0)},
		"payload":                      {Payload: n(10)},
		"caution payload":              {Payload: n(CommonPayload - 1), Consumers: n(RestartConsumers)},
		"disk_storage":                 {Storage: n(0)},
		"consumers, subscriptions":     {Consumers: n(0), Subscriptions: n(2)},
		"streams, caution connections": {Streams: n(0), Connections: n(1)},
	} {
		var got []string
		for _, err := range l.Check() {
			limit, _ := asLimit([]error{err})
			name := limit.Limit
			if as[*CautionError](err) {
				name = "caution " + name
			}
			got = append(got, name)
		}
		if got := strings.Join(got, ", "); got != strings.TrimSpace(text) {
			t.Errorf("%+v: found %q, want %q", l, got, text)
		}
	}
}
