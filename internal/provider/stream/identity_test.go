package stream

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/nats-io/nkeys"
)

// What an id says is what it is made of again; what is none is told in the user's words.
func TestImportID(t *testing.T) {
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	account, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]Identity{
		"kine":            {Name: types.StringValue("kine")},
		"hub:kine":        {Name: types.StringValue("kine"), JetStreamDomain: types.StringValue("hub")},
		account + "/kine": {Name: types.StringValue("kine"), Account: types.StringValue(account)},
		account + "/hub:edge-berlin": {types.StringValue("edge-berlin"), types.StringValue(account),
			types.StringValue("hub")},
	}
	for id, want := range good {
		got, err := parseImportID(id)
		if err != nil || got != want || got.ImportID() != id {
			t.Errorf("%q is %+v (%v) and back %q, want %+v", id, got, err, got.ImportID(), want)
		}
	}
	bad := map[string]string{
		"":           "the name of a bucket must not be empty",
		"KV_kine":    "without the KV_ prefix of its stream",
		"hub:":       "the name of a bucket must not be empty",
		":kine":      "invalid JetStream domain",
		"/kine":      "invalid account",
		"hub:kine:x": "only letters, digits",
	}
	for id, want := range bad {
		if got, err := parseImportID(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v; want an error with %q", id, got, err, want)
		}
	}
}

// An identity that Terraform stored has empty strings where there is nothing.
func TestNullEmpty(t *testing.T) {
	m := Identity{Name: types.StringValue("kine"), Account: types.StringValue(""), JetStreamDomain: types.StringValue("")}
	m.nullEmpty()
	if !m.Account.IsNull() || !m.JetStreamDomain.IsNull() || m.check() != nil {
		t.Errorf("%+v: %v", m, m.check())
	}
	m.JetStreamDomain = types.StringValue("a.b")
	if err := m.check(); err == nil || !strings.Contains(err.Error(), "JetStream domain") {
		t.Errorf("a.b: %v", err)
	}
}
