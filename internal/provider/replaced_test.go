package provider_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// No attribute change replaces a resource with data. A change of an identifying attribute is refused, even without
// protection.
func TestNothingWithDataIsReplaced(t *testing.T) {
	key, other := acctest.NewKey(t, natsconn.AccountKey).Public, acctest.NewKey(t, natsconn.AccountKey).Public
	stream := func(more acctest.Config) acctest.Config {
		state := acctest.Config{
			"name": "kine", "account": key, "jetstream_domain": "leaf", "history": 10, "replicas": 1,
			"deletion_protection": false, "stream": "KV_kine",
			"contract_violations": []any{},
			"datastore": acctest.Config{
				"name": "kine", "history": 10, "replicas": 1, "account": key, "jetstream_domain": "leaf", "writable": true,
			},
		}
		maps.Copy(state, more)
		return state
	}
	states := map[string]acctest.Config{
		"nats_account":     {"name": "a", "public_key": key, "deletion_protection": false, "push": true, "force_destroy": false},
		"nats_kine_bucket": stream(acctest.Config{"fenced": false, "force_unfence": false, "force_destroy": false}),
		"nats_kv_mirror": stream(acctest.Config{"source": acctest.Config{
			"bucket": "kine", "account": other, "jetstream_domain": "hub", "api_prefix": "a", "deliver_prefix": "b",
		}}),
	}
	identifying := map[string]string{
		"nats_account.public_key": other, "nats_kine_bucket.name": "x", "nats_kine_bucket.account": other,
		"nats_kine_bucket.jetstream_domain": "x",
		"nats_kv_mirror.name":               "x", "nats_kv_mirror.account": other, "nats_kv_mirror.jetstream_domain": "x",
		"nats_kv_mirror.source.bucket":  "x",
		"nats_kv_mirror.source.account": key, "nats_kv_mirror.source.jetstream_domain": "x",
		"nats_kv_mirror.source.api_prefix":     "x",
		"nats_kv_mirror.source.deliver_prefix": "x",
	}
	provider := acctest.Config{
		"servers":  []any{"nats://127.0.0.1:1"},
		"accounts": acctest.Config{"signing_key": acctest.NewKey(t, natsconn.AccountKey).Seed},
	}
	refused := 0
	for _, served := range acctest.Everything(t) {
		state, ok := states[served.Name]
		if !ok || served.Kind != acctest.Resource {
			continue
		}
		for _, place := range served.Places() {
			if !place.Configurable || place.Key || !place.IsText() {
				continue
			}
			name := served.Name + "." + place.String()
			value, identifies := identifying[name]
			if !identifies {
				value = "x"
			}
			replaces, found := acctest.PlanResource(t, provider, served.Name, state, place.In(state, value))
			if len(replaces) > 0 {
				t.Errorf("%s is replaced because of %v", name, replaces)
			}
			if !identifies {
				continue
			}
			refused++
			var said []string
			for _, d := range found {
				said = append(said, d.Path+": "+d.Text)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, place.String()+": ") ||
				!strings.Contains(all, "Is Never Replaced") ||
				!strings.Contains(all, "moved block") || !strings.Contains(all, "removed block") {
				t.Errorf("a change of %s is not refused:\n%s", name, all)
			}
		}
	}
	if len(states) != len(protectedTypes) || refused != len(identifying) {
		t.Errorf("%d resources and %d of %d attributes were tried", len(states), refused, len(identifying))
	}
}
