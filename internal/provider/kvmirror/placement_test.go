package kvmirror_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// In a super-cluster, which is one domain, the mirror is in a second account, and here the provider cannot query its
// source. Replicas and region change in place, and the mirror continues.
func TestAccKVMirrorPlacement(t *testing.T) {
	lab := natslab.SuperCluster(t, 2, []string{"eu", "us"}, natslab.Accounts(accounts()...))
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs(),
		Auth: natsconn.Auth{User: "origin", Password: "origin"}}, nil)
	t.Cleanup(client.Close)
	origin := lab.Connect(t, nats.UserInfo("origin", "origin"))
	edge := open(t, lab.Connect(t, nats.UserInfo("edge", "edge")))
	makeBucket(t, client.JetStream(""), origin)
	config := func(lines ...string) string {
		return acctest.ProviderConfig(lab.URLs(), "user = \"edge\"\n  password = \"edge\"") + fmt.Sprintf(`
resource "nats_kv_mirror" "test" {
  source  = { bucket = "kine", %s }
  history = 12
  deletion_protection = false
  %s
}
`, shared, strings.Join(lines, "\n  "))
	}
	at := func(cluster string, replicas int64) map[string]knownvalue.Check {
		return map[string]knownvalue.Check{
			"cluster": knownvalue.StringExact(cluster), "replicas": knownvalue.Int64Exact(replicas),
			"pending":             knownvalue.Null(),
			"contract_violations": knownvalue.ListSizeExact(0), "source_fenced": knownvalue.Null(),
			"diverged": knownvalue.Null(),
		}
	}
	const inUS, inEU = `placement = { cluster = "us" }`, `placement = { cluster = "eu" }`
	var created time.Time
	acctest.Run(t, resource.TestCase{CheckDestroy: noStream(edge, "KV_kine"), Steps: []resource.TestStep{
		{Config: config(inUS), ConfigPlanChecks: plans(plancheck.ResourceActionCreate), ConfigStateChecks: expect(at("us", 1))},
		{
			PreConfig:        func() { created = info(t, edge).Created },
			Config:           config(inUS, "replicas = 2"),
			ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), ConfigStateChecks: expect(at("us", 2)),
		},
		{Config: config(inEU, "replicas = 2"), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), ConfigStateChecks: expect(at("eu", 2))},
		{
			PreConfig: func() {
				put(t, origin, 4)
				acctest.WaitFor(t, "the mirror to follow", func() bool { return info(t, edge).State.LastSeq == 9 })
				if now := info(t, edge); !now.Created.Equal(created) || now.Config.Placement != nil {
					t.Errorf("the mirror was created at %s, not at %s, and its placement is %v", now.Created, created,
						now.Config.Placement)
				}
			},
			ResourceName: address, ImportState: true, ImportStateId: "kine", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"deletion_protection", "placement"},
		},
	}})
}

// A mirror that is not in sync before the timeout exists and is pending, and the next apply continues.
func TestAccKVMirrorPending(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	config := func(create string) string {
		return acctest.ProviderConfig(lab.Leaf.URLs()) +
			mirrorConfig(fromHub, fmt.Sprintf("%s\n  timeouts = { create = %q }", unprotected, create))
	}
	pending := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			PreConfig:        func() { lab.Link.SetLatency(300*time.Millisecond, 300*time.Millisecond) },
			Config:           config("3s"),
			ConfigPlanChecks: pending, ExpectNonEmptyPlan: true,
			ConfigStateChecks: expect(map[string]knownvalue.Check{"pending": knownvalue.NotNull(),
				"history": knownvalue.Int64Exact(12)}),
		},
		{
			PreConfig:         func() { lab.Link.SetLatency(0, 0) },
			Config:            config("3s"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expect(map[string]knownvalue.Check{"pending": knownvalue.Null()}),
		},
	}})
}
