package kvmirror_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// look reads the data source of the mirror kine in the domain of the leaf node.
func look(t *testing.T, config acctest.Config) map[string]any {
	t.Helper()
	state, found := acctest.ReadDataSource(t, "nats_kv_mirror", config)
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	return state
}

// shows fails the test unless the data source has these values.
func shows(t *testing.T, what string, state, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if got := state[name]; got != value {
			t.Errorf("%s: %s is %v, want %v", what, name, got, value)
		}
	}
}

// The data source shows the state of a mirror whatever happens to its source, and never fails because of the source.
func TestAccKVMirrorDataSource(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	t.Setenv(natsconn.EnvURL, lab.Leaf.ClientURL())
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Leaf.URLs()}, nil)
	t.Cleanup(client.Close)
	hub, leaf := client.JetStream(natslab.HubName), client.JetStream(natslab.LeafName)
	spec := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	makeSource := func(messages int) {
		t.Helper()
		if _, err := kine.Create(t.Context(), hub, spec, nil); err != nil {
			t.Fatal(err)
		}
		nc := lab.Hub.Connect(t)
		for range messages {
			if _, err := nc.Request("$KV.kine.key", []byte(time.Now().String()), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	makeSource(20)
	m := mirror.Spec{Spec: kine.Spec{Name: "kine", History: 10, Replicas: 1},
		Source: mirror.Source{Bucket: "kine", Domain: natslab.HubName}}
	if _, err := mirror.Establish(t.Context(), leaf, hub, m, nil); err != nil {
		t.Fatal(err)
	}
	config := acctest.Config{"name": "kine", "jetstream_domain": natslab.LeafName}

	state := look(t, config)
	shows(t, "in sync", state, map[string]any{
		"healthy": true, "health": "healthy", "active": true, "diverged": false, "divergence": nil, "promoted": false,
		"lag":      0,
		"revision": 20, "source_revision": 20, "source_error": nil, "stream": "KV_kine", "history": 10, "replicas": 1,
		"messages": 10, "keys": 1,
	})
	source, _ := state["source"].(map[string]any)
	shows(t, "its source", source,
		map[string]any{"bucket": "kine", "jetstream_domain": "hub", "api_prefix": nil, "deliver_prefix": nil})
	if contact, err := time.Parse(time.RFC3339, state["last_contact"].(string)); err != nil ||
		time.Since(contact) > time.Minute {
		t.Errorf("the last contact was %v: %v", state["last_contact"], err)
	}

	lab.Link.Cut()
	state = look(t, config)
	shows(t, "with the link cut", state, map[string]any{"diverged": nil, "source_revision": nil, "revision": 20})
	if text, _ := state["source_error"].(string); !strings.Contains(text, `domain "hub"`) {
		t.Errorf("with the link cut: %v", state["source_error"])
	}
	deadline := time.Now().Add(time.Minute)
	for state["health"] != "contact lost" && time.Now().Before(deadline) {
		state = look(t, config)
	}
	shows(t, "after more than ten seconds of silence", state,
		map[string]any{"health": "contact lost", "healthy": false, "active": false})
	lab.Link.Restore()
	lab.AwaitReady(t)

	if err := kine.Delete(t.Context(), hub, "kine", true); err != nil {
		t.Fatal(err)
	}
	makeSource(5)
	state = look(t, config)
	shows(t, "after its source was created again", state, map[string]any{
		"healthy": false, "health": "diverged", "diverged": true, "revision": 20, "source_revision": 5,
	})
	if text, _ := state["divergence"].(string); !strings.Contains(text, "below the mirror's 20") {
		t.Errorf("divergence: %v", state["divergence"])
	}

	if _, err := mirror.Promote(t.Context(), leaf, m); err != nil {
		t.Fatal(err)
	}
	shows(t, "promoted", look(t, config),
		map[string]any{"promoted": true, "health": "promoted", "healthy": false, "source": nil, "diverged": nil})

	for what, c := range map[string]struct {
		config acctest.Config
		at     string
		want   string
	}{
		"no mirror":      {acctest.Config{"name": "nothing", "jetstream_domain": "leaf"}, "name", "Check the name, the account and the JetStream domain."},
		"no such domain": {acctest.Config{"name": "kine", "jetstream_domain": "nope"}, "name", `The JetStream domain "nope" does not respond`},
		"no key":         {acctest.Config{"name": "kine", "account": acctest.NewKey(t, natsconn.AccountKey).Public}, "name", "Set accounts.signing_key"},
		"a bad name":     {acctest.Config{"name": "a.b"}, "name", "only letters, digits"},
		"a seed for a key": {acctest.Config{"name": "kine", "source_account": acctest.NewKey(t, natsconn.AccountKey).Seed}, "source_account",
			"it is a seed, which is secret"},
	} {
		found := acctest.ValidateDataSource(t, "nats_kv_mirror", c.config)
		if len(found) == 0 {
			_, found = acctest.ReadDataSource(t, "nats_kv_mirror", c.config)
		}
		if len(found) != 1 || found[0].Path != c.at || !strings.Contains(found[0].Text, c.want) {
			t.Errorf("%s: %+v", what, found)
		}
	}
}
