package kine

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// is returns a check that an error is this error.
func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

// as returns a check that an error has this type.
func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// Everything that keeps KINE from starting is reported, and verification changes nothing.
func TestVerifyContract(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	client := newClient(t, lab.URLs(), natsconn.Auth{})
	spec := func(name string) Spec { return Spec{Name: name, History: 10, Replicas: 1} }

	cases := map[string]struct {
		// spoil changes the bucket.
		spoil func(bucket string)
		// spec is the spec to verify, or nil for the one of the bucket.
		spec func(Spec) Spec
		// want is a check for each error.
		want []func(error) bool
		text string
	}{
		"as it should be": {},
		"another history": {spec: func(s Spec) Spec { s.History = 20; return s }, want: []func(error) bool{as[*MismatchError]},
			text: "KINE would not start on bucket another-history: max_msgs_per_subject is 10, KINE requires 20"},
		"other replicas": {spec: func(s Spec) Spec { s.Replicas = 3; return s }, want: []func(error) bool{as[*MismatchError]},
			text: "KINE would not start on bucket other-replicas: num_replicas is 1, KINE requires 3"},
		"another name": {spec: func(s Spec) Spec { s.Name = "nothing"; return s }, want: []func(error) bool{is(ErrMissing)},
			text: ErrMissing.Error()},
		"a quota": {spoil: func(b string) { alter(t, nc, b, map[string]any{"max_bytes": 1 << 20, "max_age": time.Hour}) },
			want: []func(error) bool{as[*MismatchError]},
			text: "KINE would not start on bucket a-quota: max_age is 3600000000000, KINE requires 0; max_bytes is 1048576, " +
				"KINE requires -1"},
		"a fence": {spoil: func(b string) {
			if _, err := SetFence(t.Context(), js, b, Fence{By: "me"}); err != nil {
				t.Fatal(err)
			}
		}, want: []func(error) bool{is(ErrFenced)}, text: ErrFenced.Error()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			verified := spec(slug(name))
			mustCreate(t, js, verified)
			if c.spoil != nil {
				c.spoil(verified.Name)
			}
			before, err := Read(t.Context(), js, verified.Name)
			if err != nil {
				t.Fatal(err)
			}
			if c.spec != nil {
				verified = c.spec(verified)
			}
			for _, asKINE := range []bool{false, true} {
				found := VerifyContract(t.Context(), client, verified, "", asKINE)
				expectErrors(t, found, c.want)
				if len(found) == 1 && found[0].Error() != c.text {
					t.Errorf("the error is %q, want %q", found[0], c.text)
				}
			}
			after, err := Read(t.Context(), js, before.Name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("verifying changed the bucket:\n%s", diff)
			}
			// KINE agrees: it starts exactly if nothing was found, and if the bucket does not exist.
			if err := startsKINE(t, lab.URLs(), verified); (err == nil) != (c.want == nil || c.text == ErrMissing.Error()) {
				t.Errorf("KINE starts with %v, VerifyContract found %d errors", err, len(c.want))
			}
		})
	}
}

// slug returns the name of a bucket for the name of a test.
func slug(name string) string {
	text := []byte(name)
	for i, b := range text {
		if b == ' ' {
			text[i] = '-'
		}
	}
	return string(text)
}

func expectErrors(t *testing.T, found []error, want []func(error) bool) {
	t.Helper()
	if len(found) != len(want) {
		t.Fatalf("found %v, want %d errors", found, len(want))
	}
	for i, check := range want {
		if !check(found[i]) {
			t.Errorf("error %d is %T: %v", i, found[i], found[i])
		}
	}
}

// Problems of servers, accounts and domains are reported as well.
func TestVerifyContractSurroundings(t *testing.T) {
	t.Parallel()
	accounts := natslab.Single(t, natslab.Accounts(
		natslab.Account{Name: "off", Users: []natslab.User{{Name: "off", Password: "off"}}, NoJetStream: true},
		natslab.Account{Name: "bytes", Users: []natslab.User{{Name: "bytes", Password: "bytes"}},
			JetStream: &natslab.JetStreamLimits{MaxStore: new(int64(1 << 30)), MaxBytesRequired: true}},
		natslab.Account{Name: "bounded", Users: []natslab.User{{Name: "bounded", Password: "bounded"}},
			JetStream: &natslab.JetStreamLimits{MaxStore: new(int64(1 << 30)), StoreMaxStreamBytes: new(int64(1 << 29))}},
	))
	hub := natslab.Single(t, natslab.Domain("hub"))
	mustCreate(t, openAPI(t, hub.URLs()), testSpec)
	bounded := natsconn.Auth{User: "bounded", Password: "bounded"}
	mustCreate(t, newClient(t, accounts.URLs(), bounded).JetStream(""), testSpec)
	off := natslab.Single(t, natslab.NoJetStream())

	cases := map[string]struct {
		servers []string
		auth    natsconn.Auth
		domain  string
		asKINE  bool
		want    []func(error) bool
	}{
		"nothing listens": {[]string{"nats://127.0.0.1:1"}, natsconn.Auth{}, "", true, []func(error) bool{as[*natsconn.UnreachableError]}},
		"a wrong password": {accounts.URLs(), natsconn.Auth{User: "off", Password: "on"}, "", true,
			[]func(error) bool{as[*natsconn.AuthError]}},
		"no JetStream": {off.URLs(), natsconn.Auth{}, "", false, []func(error) bool{as[*natsconn.NoJetStreamError]}},
		"no JetStream for the account": {accounts.URLs(), natsconn.Auth{User: "off", Password: "off"}, "", true,
			[]func(error) bool{as[*natsconn.NoJetStreamError]}},
		"max_bytes required": {accounts.URLs(), natsconn.Auth{User: "bytes", Password: "bytes"}, "", true,
			[]func(error) bool{is(ErrMaxBytesRequired), is(ErrMissing)}},
		"bounded streams":       {accounts.URLs(), bounded, "", true, nil},
		"the server's domain":   {hub.URLs(), natsconn.Auth{}, "hub", true, nil},
		"no domain":             {hub.URLs(), natsconn.Auth{}, "", true, nil},
		"the domain of others":  {hub.URLs(), natsconn.Auth{}, "hub", false, nil},
		"another domain":        {hub.URLs(), natsconn.Auth{}, "edge", true, []func(error) bool{as[*DomainError]}},
		"another domain, apart": {hub.URLs(), natsconn.Auth{}, "edge", false, []func(error) bool{as[*natsconn.NoJetStreamError]}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			expectErrors(t, VerifyContract(t.Context(), newClient(t, c.servers, c.auth), testSpec, c.domain, c.asKINE), c.want)
		})
	}
}
