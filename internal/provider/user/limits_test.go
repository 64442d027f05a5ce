package user_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A plan warns of the limits of KINE's user that are less than KINE needs, and of no other user's.
func TestAccUserLimitsBelowKINE(t *testing.T) {
	p := acctest.NewProvider(t,
		acctest.Config{"accounts": acctest.Config{"signing_key": acctest.NewKey(t, natsconn.AccountKey).Seed}})
	publish, _ := kine.Permissions("kine")
	allowed := make([]any, len(publish))
	for i, subject := range publish {
		allowed[i] = subject
	}
	mine := acctest.Config{"publish": acctest.Config{"allow": allowed}}
	for name, c := range map[string]struct {
		permissions acctest.Config
		limit       string
		value       any
		warns       bool
	}{
		"KINE's, enough":         {mine, "subscriptions", 5, false},
		"KINE's, subscriptions":  {mine, "subscriptions", 4, true},
		"KINE's, payload":        {mine, "payload", "512KiB", true},
		"another, subscriptions": {acctest.Config{"publish": acctest.Config{"allow": []any{"orders.>"}}}, "subscriptions", 2, false},
	} {
		config := acctest.Config{"account": acctest.NewKey(t, natsconn.AccountKey).Public, "name": "k3s",
			"revoke_on_destroy": false,
			"permissions":       c.permissions, c.limit: c.value}
		_, found := p.Plan(t, "nats_user", acctest.State{}, config)
		warned := false
		for _, d := range found {
			if !d.Warning {
				t.Errorf("%s: the plan fails: %v", name, d)
			}
			warned = warned || d.Path == c.limit
		}
		if warned != c.warns {
			t.Errorf("%s: the plan says %v", name, found)
		}
	}
}
