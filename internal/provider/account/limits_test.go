package account_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A plan warns of each limit of an account with JetStream that is less than KINE needs, where it stands, and of nothing
// else.
func TestAccAccountLimitsBelowKINE(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	p := acctest.NewProvider(t, object{"operator": object{"signing_key": operator.SigningKeySeed()}})
	const disk = "1GiB"
	for name, c := range map[string]struct {
		set object
		// want is each path with a part of the text.
		want map[string]string
	}{
		"none":           {object{"jetstream": object{"disk_storage": disk}}, nil},
		"enough":         {object{"jetstream": object{"disk_storage": disk, "consumers": 7, "streams": 1}, "limits": object{"subscriptions": 5, "connections": 2, "payload": "1MiB"}}, nil},
		"no JetStream":   {object{"limits": object{"subscriptions": 2, "connections": 1, "payload": "1KiB"}}, nil},
		"none on disk":   {object{"jetstream": object{"memory_storage": disk, "disk_storage": "0", "consumers": 2}, "limits": object{"subscriptions": 2}}, nil},
		"flat consumers": {object{"jetstream": object{"disk_storage": disk, "consumers": 2}}, map[string]string{"jetstream.consumers": "A stream may have 2 consumers, but KINE needs at least 4"}},
		"tight consumers": {object{"jetstream": object{"disk_storage": disk, "consumers": 5}},
			map[string]string{"jetstream.consumers": "A Limit Is Tight for KINE Account \"a\": A stream may have 5 consumers, " +
				"but a restarted KINE needs 7"}},
		"a tier's": {object{"jetstream": object{"tiers": object{"R1": object{"disk_storage": disk, "streams": 1, "consumers": 2}}}},
			map[string]string{`jetstream.tiers["R1"].consumers`: "KINE Does Not Work Within a Limit"}},
		"streams":       {object{"jetstream": object{"disk_storage": disk, "streams": 0}}, map[string]string{"jetstream.streams": "may have 0 streams"}},
		"storage":       {object{"jetstream": object{"disk_storage": "1KiB"}}, map[string]string{"jetstream.disk_storage": "KINE's first writes need 2048"}},
		"subscriptions": {object{"jetstream": object{"disk_storage": disk}, "limits": object{"subscriptions": 2}}, map[string]string{"limits.subscriptions": "KINE needs at least 5"}},
		"connections":   {object{"jetstream": object{"disk_storage": disk}, "limits": object{"connections": 1}}, map[string]string{"limits.connections": "the provider needs another one"}},
		"payload": {object{"jetstream": object{"disk_storage": disk}, "limits": object{"payload": "512KiB"}},
			map[string]string{"limits.payload": "writes of Kubernetes objects larger than about three quarters of the limit " +
				"fail"}},
		"max_bytes_required": {object{"jetstream": object{"disk_storage": disk, "max_bytes_required": true}},
			map[string]string{"jetstream.max_bytes_required": "KINE Does Not Start With max_bytes_required"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := object{"name": "a", "push": false}
			maps.Copy(config, c.set)
			_, found := p.Plan(t, "nats_account", acctest.State{}, config)
			got := map[string]string{}
			for _, d := range found {
				if !d.Warning {
					t.Errorf("the plan fails: %v", d)
				}
				got[d.Path] = strings.Join(strings.Fields(d.Text), " ")
			}
			if a, b := fmt.Sprint(slices.Sorted(maps.Keys(got))), fmt.Sprint(slices.Sorted(maps.Keys(c.want))); a != b {
				t.Errorf("the plan warns at %s, not at %s", a, b)
			}
			for path, text := range c.want {
				if !strings.Contains(got[path], text) {
					t.Errorf("at %s the plan says %q, without %q", path, got[path], text)
				}
			}
		})
	}
}
