package kvmirror_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const reason = "it is a mirror of the bucket kine and was not promoted; k3s must use that bucket until the mirror is " +
	"promoted to replace it"

// plans checks the action of a plan on the mirror, and that the next plan is empty.
func plans(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             append(more, plancheck.ExpectResourceAction(address, action)),
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

// expect checks attributes of the mirror in the state.
func expect(values map[string]knownvalue.Check) []statecheck.StateCheck {
	var checks []statecheck.StateCheck
	for name, value := range values {
		checks = append(checks, statecheck.ExpectKnownValue(address, tfjsonpath.New(name), value))
	}
	return checks
}

// In two domains that are joined by a leaf node, a mirror is created while KINE writes, has the revisions of KINE, is
// changed in place, imported, and created again after its stream was deleted.
func TestAccKVMirrorLifecycle(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	leaf := open(t, lab.Leaf.Connect(t))
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	bucket := `
resource "nats_kine_bucket" "hub" {
  jetstream_domain    = "hub"
  history             = %d
  deletion_protection = false
  force_destroy       = true
}
`
	const source = `bucket = nats_kine_bucket.hub.name, jetstream_domain = nats_kine_bucket.hub.jetstream_domain`
	config := func(history int, lines string) string {
		return provider + fmt.Sprintf(bucket, history) + mirrorConfig(source, unprotected+"\n"+lines)
	}
	datastore := func(history int64) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"name": knownvalue.StringExact("kine"), "history": knownvalue.Int64Exact(history),
			"replicas": knownvalue.Int64Exact(1),
			"account":  knownvalue.Null(), "jetstream_domain": knownvalue.StringExact("leaf"),
			"writable": knownvalue.Bool(false),
			"reason":   knownvalue.StringExact(reason),
		})
	}
	var writer *etcdtest.Writer
	var k *kinelab.Kine

	acctest.Run(t, resource.TestCase{
		// Terraform stores identities in the state since 1.12.
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		CheckDestroy:           noStream(leaf, "KV_kine", "KV_copy"),
		Steps: []resource.TestStep{
			{Config: provider + fmt.Sprintf(bucket, 20)},
			{
				PreConfig: func() {
					k = kinelab.Run(t, acctest.EndpointURL(t, lab.Hub.URLs(), kine.Spec{Name: "kine", History: 20, Replicas: 1}))
					client, err := etcdtest.Dial(t.Context(), k.Endpoint())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = client.Close() })
					if writer, err = etcdtest.StartWriter(t.Context(), client, etcdtest.NewPrefix(), 0); err != nil {
						t.Fatal(err)
					}
					acctest.WaitFor(t, "writes before the mirror", func() bool { return writer.Acknowledged() > 10 })
				},
				Config: config(20, ""),
				ConfigPlanChecks: plans(plancheck.ResourceActionCreate,
					plancheck.ExpectKnownValue(address, tfjsonpath.New("name"), knownvalue.StringExact("kine")),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("writable"), knownvalue.Bool(false)),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("reason"),
						knownvalue.StringExact(reason))),
				ConfigStateChecks: append(expect(map[string]knownvalue.Check{
					"name": knownvalue.StringExact("kine"), "stream": knownvalue.StringExact("KV_kine"),
					"history":  knownvalue.Int64Exact(20),
					"replicas": knownvalue.Int64Exact(1), "cluster": knownvalue.StringExact("leaf"),
					"source_fenced": knownvalue.Bool(false),
					"diverged":      knownvalue.Bool(false), "pending": knownvalue.Null(),
					"contract_violations": knownvalue.ListSizeExact(0),
					"account":             knownvalue.Null(), "datastore": datastore(20),
					"source": knownvalue.ObjectExact(map[string]knownvalue.Check{
						"bucket": knownvalue.StringExact("kine"), "jetstream_domain": knownvalue.StringExact("hub"),
						"account":    knownvalue.Null(),
						"api_prefix": knownvalue.Null(), "deliver_prefix": knownvalue.Null(),
					}),
				}), statecheck.ExpectIdentity(address, map[string]knownvalue.Check{
					"name": knownvalue.StringExact("kine"), "account": knownvalue.Null(),
					"jetstream_domain": knownvalue.StringExact("leaf"),
				})),
			},
			{
				Config: config(20, "") + fmt.Sprintf("resource \"nats_k3s_datastore_endpoint\" \"test\" {\n  servers = [%q]\n"+
					"  datastore = %s.datastore\n}\n",
					lab.Leaf.ClientURL(), address),
				PlanOnly:    true,
				ExpectError: acctest.Text("KINE could not start on this datastore: " + reason),
			},
			{ // a new history of the source reaches the mirror with the second apply, after the first has found it
				PreConfig: func() { expectRevision(t, lab, writer, k) },
				Config:    config(30, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address,
						plancheck.ResourceActionUpdate)},
				},
				ExpectNonEmptyPlan: true,
			},
			{
				Config: config(30, "timeouts = { update = \"1m\" }"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate,
					plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore"), datastore(30))),
				ConfigStateChecks: expect(map[string]knownvalue.Check{"history": knownvalue.Int64Exact(30),
					"datastore": datastore(30)}),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "leaf:kine", ImportStateVerify: true,
				ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"deletion_protection", "timeouts"},
			},
			{ // deleted outside Terraform
				PreConfig: func() {
					if err := leaf.DeleteStream(t.Context(), "KV_kine"); err != nil {
						t.Fatal(err)
					}
				},
				Config:           config(30, ""),
				ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
			},
			{Config: provider + fmt.Sprintf(bucket, 30), Check: noStream(leaf, "KV_kine")},
			{ // under another name, the keys are renamed
				Config:           config(30, `name = "copy"`),
				ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
				ConfigStateChecks: expect(map[string]knownvalue.Check{"name": knownvalue.StringExact("copy"),
					"stream": knownvalue.StringExact("KV_copy")}),
			},
		},
	})
}

// expectRevision stops the writes of KINE and waits until the mirror has its last revision.
func expectRevision(t *testing.T, lab *natslab.HubLeaf, writer *etcdtest.Writer, k *kinelab.Kine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := writer.Stop(ctx)
	if err != nil {
		t.Errorf("KINE's watch: %v", err)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
	hub, leaf := open(t, lab.Hub.Connect(t)), open(t, lab.Leaf.Connect(t))
	last := info(t, hub).State.LastSeq
	if len(report.Written) == 0 || int64(last) < report.LastRevision {
		t.Errorf("the source has revision %d, KINE %d after %d writes", last, report.LastRevision, len(report.Written))
	}
	acctest.WaitFor(t, fmt.Sprintf("revision %d in the mirror", last),
		func() bool { return info(t, leaf).State.LastSeq == last })
}
