package kvmirror_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Whatever happens to its source, a refresh of the mirror succeeds: it warns of the problem, and the plan is empty.
func TestAccKVMirrorSource(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.Leaf.URLs()}, nil)
	t.Cleanup(client.Close)
	hub, leaf := client.JetStream("hub"), client.JetStream("leaf")
	spec := kine.Spec{Name: "kine", History: 12, Replicas: 1}
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	config := provider + mirrorConfig(fromHub, "") + `
output "fenced" {
  value = nats_kv_mirror.test.source_fenced == null ? "unknown" : tostring(nats_kv_mirror.test.source_fenced)
}
output "diverged" {
  value = nats_kv_mirror.test.diverged == null ? "unknown" : tostring(nats_kv_mirror.test.diverged)
}
`
	w := acctest.NewWorkspace(t, config)
	w.Apply(t)

	// shows refreshes, and fails the test unless the output has these values and texts and the refresh takes no longer
	// than the query of a lost source may.
	shows := func(t *testing.T, fenced, diverged string, texts ...string) {
		t.Helper()
		watch := natslab.StartStopwatch()
		out := w.Must(t, "apply", "-refresh-only", "-auto-approve")
		if watch.Waited() > 10*time.Second {
			t.Errorf("the refresh took %s", watch)
		}
		for _, text := range texts {
			if !acctest.Text(text).MatchString(out) {
				t.Errorf("no %q in\n%s", text, out)
			}
		}
		if len(texts) == 0 && strings.Contains(out, "KV Mirror") {
			t.Errorf("there is nothing to warn of:\n%s", out)
		}
		for name, want := range map[string]string{"fenced": fenced, "diverged": diverged} {
			if got, err := w.Output(t.Context(), name); err != nil || got != want {
				t.Errorf("%s is %q (%v), not %q", name, got, err, want)
			}
		}
		w.AssertEmptyPlan(t)
	}
	t.Run("fenced", func(t *testing.T) {
		if _, err := kine.SetFence(t.Context(), hub, "kine", kine.Fence{By: "test", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		shows(t, "true", "false")
		if _, err := kine.LiftFence(t.Context(), hub, "kine", false); err != nil {
			t.Fatal(err)
		}
		shows(t, "false", "false")
	})
	t.Run("cut off", func(t *testing.T) {
		lab.Link.Cut()
		shows(t, "unknown", "unknown", "Source of KV Mirror Cannot Be Read",
			`The mirror "kine" exists, but the provider could not read its source.`)
		lab.Link.Restore()
		lab.AwaitReady(t)
	})
	t.Run("deleted", func(t *testing.T) {
		if err := kine.Delete(t.Context(), hub, "kine", true); err != nil {
			t.Fatal(err)
		}
		shows(t, "unknown", "unknown", "Source of KV Mirror No Longer Exists", "The mirror holds 5 keys in 5 messages")
	})
	t.Run("restored from the mirror", func(t *testing.T) {
		restore := mirror.Spec{Spec: kine.Spec{Name: "kine", History: 12, Replicas: 1},
			Source: mirror.Source{Bucket: "kine", Domain: "leaf"}}
		if _, err := mirror.Restore(t.Context(), hub, leaf, restore, nil); err != nil {
			t.Fatal(err)
		}
		if out := w.Must(t, "plan"); strings.Contains(out, "Diverged") {
			t.Errorf("a restored source is diverged:\n%s", out)
		}
	})
	const diverged = "KV Mirror Has Diverged"
	t.Run("created again", func(t *testing.T) {
		if err := kine.Delete(t.Context(), hub, "kine", true); err != nil {
			t.Fatal(err)
		}
		if _, err := kine.Create(t.Context(), hub, spec, nil); err != nil {
			t.Fatal(err)
		}
		put(t, lab.Hub.Connect(t), 2)
		shows(t, "false", "true", diverged,
			`The mirror "kine" is no longer a copy of its source. The last sequence of the source is 2, below the mirror's 5`,
			"from an older copy. The mirror holds",
			"set deletion_protection = false and apply that alone, then apply with -replace=ADDRESS")
		if out := w.Must(t, "plan"); !strings.Contains(out, diverged) {
			t.Errorf("the plan does not warn:\n%s", out)
		}
	})
	t.Run("replaced as instructed", func(t *testing.T) {
		w.Configure(t, strings.Replace(config, `"leaf"`, "\"leaf\"\n  "+unprotected, 1))
		w.Apply(t)
		w.Must(t, "apply", "-auto-approve", "-replace="+address)
		shows(t, "false", "false")
	})
}

// An unreachable region does not fail a plan if the provider is configured to warn.
func TestAccKVMirrorUnreachable(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	config := func(unreachable string) string {
		return acctest.ProviderConfig(lab.Leaf.URLs(), `connect_timeout = "1s"`, unreachable) + mirrorConfig(fromHub, "")
	}
	w := acctest.NewWorkspace(t, config(""))
	w.Apply(t)
	lab.Leaf.Shutdown()
	if out, err := w.Run(t.Context(), "plan"); err == nil || !acctest.Text("Unable to Read KV Mirror").MatchString(out) {
		t.Errorf("%v\n%s", err, out)
	}
	w.Configure(t, config(`unreachable = "warn"`))
	if out := w.Must(t, "plan"); !acctest.Text(`The prior state of the mirror "kine" is kept`).MatchString(out) {
		t.Errorf("no warning in\n%s", out)
	}
	w.AssertEmptyPlan(t)
}

// A mirror can also be imported with a block, by ID and by identity.
func TestAccKVMirrorImportBlock(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	imports := func(kind resource.ImportStateKind, id string) resource.TestStep {
		return resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateKind: kind, ImportStateId: id,
			ImportPlanChecks: resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address,
				plancheck.ResourceActionNoop)}},
		}
	}
	acctest.Run(t, resource.TestCase{
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{Config: provider + mirrorConfig(fromHub, "name = \"copy\"")},
			imports(resource.ImportBlockWithID, "leaf:copy"),
			imports(resource.ImportBlockWithResourceIdentity, ""),
			{
				Config:            provider + mirrorConfig(fromHub, "name = \"copy\"\n  "+unprotected),
				ConfigStateChecks: expect(map[string]knownvalue.Check{"name": knownvalue.StringExact("copy")}),
			},
		},
	})
}
