package provider_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
)

// The answer to the upgrade of a stored state is the one that the framework gives.
func TestUpgradeAsTheFramework(t *testing.T) {
	t.Parallel()
	server, err := provider.NewServer("test")()
	if err != nil {
		t.Fatal(err)
	}
	framework := providerserver.NewProtocol6(provider.New("test")())()
	for name, c := range map[string]struct {
		resource string
		version  int64
		state    *tfprotov6.RawState
	}{
		"a bucket": {"nats_kine_bucket", 0, raw(`{"name": "kine", "history": 10, "contract_violations": [], "datastore": null}`)},
		"nested": {"nats_account", 0, raw(`{"name": "a", "jetstream": {"disk_storage": "1GiB"}, "tags": ["b"],
			"revocations": {"*": "2030-01-01T00:00:00Z"}}`)},
		"a removed attribute":        {"nats_account", 0, raw(`{"name": "a", "shade": "blue", "limits": {"shade": "blue"}}`)},
		"a value of another type":    {"nats_account", 0, raw(`{"name": {}}`)},
		"not a state":                {"nats_account", 0, raw(`[]`)},
		"null":                       {"nats_account", 0, raw(`null`)},
		"a state of old":             {"nats_account", 0, &tfprotov6.RawState{Flatmap: map[string]string{"name": "a"}}},
		"nothing":                    {"nats_account", 0, nil},
		"a later version":            {"nats_account", 1, raw(`{"name": "a"}`)},
		"a resource that is unknown": {"nats_nothing", 0, raw(`{"name": "a"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := &tfprotov6.UpgradeResourceStateRequest{TypeName: c.resource, Version: c.version, RawState: c.state}
			got, err := server.UpgradeResourceState(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			want, err := framework.UpgradeResourceState(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("not the answer of the framework:\n%s", diff)
			}
		})
	}
}

func raw(state string) *tfprotov6.RawState { return &tfprotov6.RawState{JSON: []byte(state)} }
