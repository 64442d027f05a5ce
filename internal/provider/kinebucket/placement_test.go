package kinebucket_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// placed is a bucket with a placement, in the words of the configuration.
func placed(spec kine.Spec, placement string, more ...string) string {
	return bucketConfig(fmt.Sprintf("name = %q\n  history = %d\n  replicas = %d\n  placement = { %s }\n  %s",
		spec.Name, spec.History, spec.Replicas, placement, strings.Join(more, "\n  ")))
}

const (
	inEU, inUS         = `cluster = "eu"`, `cluster = "us"`
	taggedEU, taggedUS = `tags = ["region:eu"]`, `tags = ["region:us"]`
)

// expectSettled checks that nothing is pending and that the bucket is in that cluster.
func expectSettled(cluster string) []statecheck.StateCheck {
	return []statecheck.StateCheck{
		statecheck.ExpectKnownValue(address, tfjsonpath.New("cluster"), knownvalue.StringExact(cluster)),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("contract_violations"), knownvalue.ListSizeExact(0)),
	}
}

// updates checks that a plan updates the bucket in place: it is not tainted, nor replaced.
func updates(more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply: append(more, plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)),
	}
}

// Where a bucket is, in a super-cluster of two regions.
func TestAccKineBucketPlacement(t *testing.T) {
	lab := natslab.SuperCluster(t, 3, []string{"eu", "us"})
	regions := map[string][]string{}
	for _, region := range lab.ClusterNames() {
		for _, server := range lab.Region(region) {
			regions[region] = append(regions[region], server.ClientURL())
		}
	}
	for name, test := range map[string]func(*testing.T, *natslab.Topology, map[string][]string){
		"live move":         testLiveMove,
		"tags":              testMoveByTags,
		"drift":             testPlacementDrift,
		"with replicas":     testMoveWithReplicas,
		"no such region":    testNoSuchRegion,
		"unfinished create": testUnfinishedCreate,
		"unfinished move":   testUnfinishedMove,
		"unfinished resize": testUnfinishedResize,
		"placement removed": testPlacementRemoved,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			test(t, lab, regions)
		})
	}
}

// startsInEveryRegion fails the test unless KINE starts on a bucket from the servers of each region, and has the keys.
func startsInEveryRegion(t *testing.T, regions map[string][]string, spec kine.Spec, keys map[string]int64) {
	t.Helper()
	for region, servers := range regions {
		k := kinelab.Run(t, acctest.EndpointURL(t, servers, spec))
		if err := etcdtest.VerifyAll(t.Context(), dialKINE(t, k), keys); err != nil {
			t.Errorf("KINE in %s: %v", region, err)
		}
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// A bucket is made in the other region than the one that the provider is connected to, and moves under a KINE that
// writes and watches.
func testLiveMove(t *testing.T, lab *natslab.Topology, regions map[string][]string) {
	js := api(t, lab.URLs())
	spec := kine.Spec{Name: "live", History: 10, Replicas: 3}
	config := acctest.ProviderConfig(regions["eu"])
	var (
		running *kinelab.Kine
		writer  *liveWriter
		seeded  map[string]int64
	)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(spec, inUS), ConfigStateChecks: expectSettled("us")},
		{
			PreConfig: func() {
				expectAtRest(t, js, spec, "us")
				startsInEveryRegion(t, regions, spec, nil)
				running = kinelab.Run(t, acctest.EndpointURL(t, regions["us"], spec))
				client := dialKINE(t, running)
				var err error
				if seeded, err = etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 1000); err != nil {
					t.Fatal(err)
				}
				writer = startWriter(t, client)
				acctest.WaitFor(t, "writes before the move", func() bool { return writer.Acknowledged() > 10 })
			},
			Config:            config + placed(spec, inEU),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("eu"),
		},
		{
			PreConfig: func() {
				at := writer.Acknowledged()
				acctest.WaitFor(t, "writes after the move", func() bool { return writer.Acknowledged() > at+10 })
				report := writer.finish(t, "the move")
				if err := running.Stop(); err != nil {
					t.Error(err)
				}
				expectAtRest(t, js, spec, "eu")
				startsInEveryRegion(t, regions, spec, seeded)
				restarted := kinelab.Run(t, acctest.EndpointURL(t, regions["eu"], spec))
				writer.verify(t, dialKINE(t, restarted), report)
				if err := restarted.Stop(); err != nil {
					t.Error(err)
				}
			},
			RefreshState: true,
		},
	}})
}

func testMoveByTags(t *testing.T, lab *natslab.Topology, regions map[string][]string) {
	js := api(t, lab.URLs())
	spec := kine.Spec{Name: "tags", History: 10, Replicas: 1}
	config := acctest.ProviderConfig(regions["eu"])
	var seeded map[string]int64
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(spec, taggedUS), ConfigStateChecks: expectSettled("us")},
		{
			PreConfig: func() {
				expectAtRest(t, js, spec, "us")
				seeded = seed(t, regions["us"], spec)
			},
			Config:            config + placed(spec, taggedEU),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("eu"),
		},
		{ // the tags are in the order of their names: no change
			PreConfig: func() {
				expectAtRest(t, js, spec, "eu")
				startsInEveryRegion(t, regions, spec, seeded)
			},
			Config:            config + placed(spec, `cluster = "eu", tags = ["region:eu"]`),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("eu"),
		},
	}})
}

// seed writes keys through a KINE that is gone afterwards.
func seed(t *testing.T, servers []string, spec kine.Spec) map[string]int64 {
	t.Helper()
	k := kinelab.Run(t, acctest.EndpointURL(t, servers, spec))
	seeded, err := etcdtest.Seed(t.Context(), dialKINE(t, k), etcdtest.NewPrefix(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	return seeded
}

// A bucket that was moved behind Terraform's back shows in the plan, and moves back.
func testPlacementDrift(t *testing.T, lab *natslab.Topology, _ map[string][]string) {
	js := api(t, lab.URLs())
	spec := kine.Spec{Name: "drift", History: 10, Replicas: 1}
	config := acctest.ProviderConfig(lab.URLs())
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(spec, inEU), ConfigStateChecks: expectSettled("eu")},
		{
			PreConfig: func() {
				if _, err := kine.Update(t.Context(), js, spec, &kine.Placement{Cluster: "us"}, true); err != nil {
					t.Fatal(err)
				}
			},
			Config:            config + placed(spec, inEU),
			ConfigPlanChecks:  updates(placementChange{"us", "eu"}),
			ConfigStateChecks: expectSettled("eu"),
		},
		{
			PreConfig:    func() { expectAtRest(t, js, spec, "eu") },
			RefreshState: true,
		},
	}})
}

// placementChange checks that a plan moves the bucket from one cluster to another.
type placementChange struct{ from, to string }

func (c placementChange) CheckPlan(
	_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse,
) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != address {
			continue
		}
		cluster := tfjsonpath.New("placement").AtMapKey("cluster")
		for what, side := range map[string]struct {
			value any
			want  string
		}{"before": {change.Change.Before, c.from}, "after": {change.Change.After, c.to}} {
			if got, err := tfjsonpath.Traverse(side.value, cluster); err != nil || got != side.want {
				resp.Error = fmt.Errorf("placement.cluster %s the change is %v, %w; want %q", what, got, err, side.want)
			}
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", address)
}

func testMoveWithReplicas(t *testing.T, lab *natslab.Topology, regions map[string][]string) {
	js := api(t, lab.URLs())
	one, three := kine.Spec{Name: "both", History: 10, Replicas: 1}, kine.Spec{Name: "both", History: 20, Replicas: 3}
	config := acctest.ProviderConfig(regions["eu"])
	var seeded map[string]int64
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(one, inUS), ConfigStateChecks: expectSettled("us")},
		{
			PreConfig:         func() { seeded = seed(t, regions["us"], one) },
			Config:            config + placed(three, inEU),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("eu"),
		},
		{
			PreConfig: func() {
				expectAtRest(t, js, three, "eu")
				startsInEveryRegion(t, regions, three, seeded)
			},
			Config:            config + placed(one, taggedUS),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("us"),
		},
		{
			PreConfig: func() {
				expectAtRest(t, js, one, "us")
				startsInEveryRegion(t, regions, one, seeded)
			},
			RefreshState: true,
		},
	}})
}

func testNoSuchRegion(t *testing.T, lab *natslab.Topology, _ map[string][]string) {
	js := api(t, lab.URLs())
	spec := kine.Spec{Name: "nowhere", History: 10, Replicas: 1}
	config := acctest.ProviderConfig(lab.URLs())
	nothing := func() {
		if bucket, err := kine.Read(t.Context(), js, spec.Name); err == nil {
			t.Errorf("a bucket was made: %+v", bucket)
		}
	}
	const want = "no server matches the placement"
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(spec, `cluster = "mars"`), ExpectError: acctest.Text(want)},
		{PreConfig: nothing, Config: config + placed(spec, `tags = ["region:mars"]`), ExpectError: acctest.Text(want)},
		{PreConfig: nothing, Config: config + placed(spec, inUS), ConfigStateChecks: expectSettled("us")},
		{Config: config + placed(spec, `cluster = "mars"`), ExpectError: acctest.Text(want)},
		{
			PreConfig:         func() { expectAtRest(t, js, spec, "us") },
			Config:            config + placed(spec, inUS),
			ConfigStateChecks: expectSettled("us"),
		},
	}})
}

// A placement that is taken away leaves the bucket where it is.
func testPlacementRemoved(t *testing.T, lab *natslab.Topology, regions map[string][]string) {
	js := api(t, lab.URLs())
	spec := kine.Spec{Name: "removed", History: 10, Replicas: 1}
	config := acctest.ProviderConfig(regions["eu"])
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + placed(spec, inUS), ConfigStateChecks: expectSettled("us")},
		{
			Config:            config + bucketConfig(`name = "removed"`),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled("us"),
		},
		{
			PreConfig:    func() { expectAtRest(t, js, spec, "us") },
			RefreshState: true,
		},
	}})
}

// afterFirst matches the look at a stream that follows a call for it.
func afterFirst(call, stream string) func(string) bool {
	called := false
	return func(subject string) bool {
		called = called || subject == "$JS.API."+call+"."+stream
		return called && subject == "$JS.API.STREAM.INFO."+stream
	}
}

// unfinished runs a change whose timeout ends while the provider looks at how far the servers are: it is a warning,
// noted as pending, and the next apply finishes it. Nothing is tainted.
func unfinished(t *testing.T, lab *natslab.Topology, first string, spec kine.Spec, place, call, cluster string) {
	t.Helper()
	proxy := natslab.NewProxy(t, lab.URLs()[0])
	js := api(t, lab.URLs())
	config := acctest.ProviderConfig([]string{proxy.ClientURL()})
	var hold *natslab.Hold
	var steps []resource.TestStep
	if first != "" {
		steps = append(steps, resource.TestStep{Config: config + first})
	}
	steps = append(steps,
		resource.TestStep{
			PreConfig: func() { hold = proxy.HoldRequest(1, afterFirst(call, kine.StreamName(spec.Name))) },
			Config:    config + placed(spec, place, `timeouts = { create = "2s", update = "2s" }`),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.StringFunc(func(text string) error {
					if !strings.HasPrefix(text, "placement: ") {
						return fmt.Errorf("pending is %q", text)
					}
					return nil
				})),
			},
			ExpectNonEmptyPlan: true,
		},
		resource.TestStep{
			PreConfig: func() {
				select {
				case <-hold.Held():
					hold.Drop()
				default:
					t.Error("no look at the stream was held, so the test shows nothing")
				}
			},
			Config:            config + placed(spec, place),
			ConfigPlanChecks:  updates(),
			ConfigStateChecks: expectSettled(cluster),
		},
		resource.TestStep{
			PreConfig:    func() { expectAtRest(t, js, spec, cluster) },
			RefreshState: true,
		})
	acctest.Run(t, resource.TestCase{Steps: steps})
}

func testUnfinishedCreate(t *testing.T, lab *natslab.Topology, _ map[string][]string) {
	spec := kine.Spec{Name: "unfinished-create", History: 10, Replicas: 3}
	unfinished(t, lab, "", spec, inUS, "STREAM.CREATE", "us")
}

func testUnfinishedMove(t *testing.T, lab *natslab.Topology, _ map[string][]string) {
	spec := kine.Spec{Name: "unfinished-move", History: 10, Replicas: 1}
	unfinished(t, lab, placed(spec, inUS), spec, inEU, "STREAM.UPDATE", "eu")
}

func testUnfinishedResize(t *testing.T, lab *natslab.Topology, _ map[string][]string) {
	spec := kine.Spec{Name: "unfinished-resize", History: 10, Replicas: 1}
	more := spec
	more.Replicas = 3
	unfinished(t, lab, placed(spec, inUS), more, inUS, "STREAM.UPDATE", "us")
}
