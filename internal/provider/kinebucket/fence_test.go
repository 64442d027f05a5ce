package kinebucket_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// expectFenced checks what the state says of a fence.
func expectFenced(fenced bool) []statecheck.StateCheck {
	var reason knownvalue.Check = knownvalue.Null()
	if fenced {
		reason = knownvalue.StringExact("the bucket is fenced")
	}
	store := tfjsonpath.New("datastore")
	return []statecheck.StateCheck{
		statecheck.ExpectKnownValue(address, tfjsonpath.New("fenced"), knownvalue.Bool(fenced)),
		statecheck.ExpectKnownValue(address, store.AtMapKey("writable"), knownvalue.Bool(!fenced)),
		statecheck.ExpectKnownValue(address, store.AtMapKey("reason"), reason),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("contract_violations"), knownvalue.ListSizeExact(0)),
	}
}

// plans checks what a plan does with the bucket.
func plans(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

// A fence is set by true and lifted by false. Without either the bucket stays as it is, and nothing is planned.
func TestAccKineBucketFenced(t *testing.T) {
	lab := natslab.Single(t)
	js := api(t, lab.URLs())
	config := acctest.ProviderConfig(lab.URLs())
	spec := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	var seeded map[string]int64
	fenced := func() {
		bucket, err := kine.Read(t.Context(), js, "kine")
		if err != nil || bucket.Fence == nil {
			t.Fatalf("the bucket is %+v, %v; want it fenced", bucket, err)
		}
		if f := bucket.Fence; f.By != "terraform-provider-nats" || time.Since(f.At) > time.Hour ||
			f.LastSequence != bucket.LastSequence {
			t.Errorf("the fence is %+v, the last sequence %d", f, bucket.LastSequence)
		}
		if _, err := startKINE(t, lab, "kine"); err == nil || !strings.Contains(err.Error(), "bucket name already in use") {
			t.Errorf("KINE starts on a fenced bucket with %v", err)
		}
	}
	open := func() {
		expectAtRest(t, js, spec, "")
		running := attachKINE(t, openJetStream(t, lab.Connect(t)), lab, "kine")
		if err := etcdtest.VerifyAll(t.Context(), dialKINE(t, running), seeded); err != nil {
			t.Error(err)
		}
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	}

	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig(""), ConfigStateChecks: expectFenced(false)},
		{
			PreConfig:         func() { seeded = seed(t, lab.URLs(), spec) },
			Config:            config + bucketConfig("fenced = true"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(true),
		},
		{ // left out: it stays
			PreConfig:         fenced,
			Config:            config + bucketConfig(""),
			ConfigPlanChecks:  plans(plancheck.ResourceActionNoop),
			ConfigStateChecks: expectFenced(true),
		},
		{ // a fenced bucket can be changed, and stays fenced
			Config:            config + bucketConfig("history = 20"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(true),
		},
		{
			Config:            config + bucketConfig("fenced = true"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(true),
		},
		{
			PreConfig:         fenced,
			Config:            config + bucketConfig("fenced = false"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(false),
		},
		{ // left out: it stays open
			PreConfig:         open,
			Config:            config + bucketConfig(""),
			ConfigPlanChecks:  plans(plancheck.ResourceActionNoop),
			ConfigStateChecks: expectFenced(false),
		},
	}})
}

// A bucket can be made behind a fence, for a cluster that is not to start yet.
func TestAccKineBucketCreatedFenced(t *testing.T) {
	lab := natslab.Single(t)
	js := api(t, lab.URLs())
	config := acctest.ProviderConfig(lab.URLs())
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig("fenced = true"), ConfigStateChecks: expectFenced(true)},
		{
			PreConfig: func() {
				if _, err := startKINE(t, lab, "kine"); err == nil || !strings.Contains(err.Error(), "bucket name already in use") {
					t.Errorf("KINE starts on a fenced bucket with %v", err)
				}
			},
			Config:            config + bucketConfig("fenced = false"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(false),
		},
		{
			PreConfig: func() {
				expectAtRest(t, js, kine.Spec{Name: "kine", History: 10, Replicas: 1}, "")
				runKINE(t, lab, "kine")
			},
			RefreshState: true,
		},
	}})
}

// A fence that was set behind Terraform's back is left alone unless the configuration says something else.
func TestAccKineBucketFencedBehind(t *testing.T) {
	lab := natslab.Single(t)
	js := api(t, lab.URLs())
	config := acctest.ProviderConfig(lab.URLs())
	fence := func() {
		if _, err := kine.SetFence(t.Context(), js, "kine", kine.Fence{By: "operator", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig("")},
		{
			PreConfig:         fence,
			Config:            config + bucketConfig(""),
			ConfigPlanChecks:  plans(plancheck.ResourceActionNoop),
			ConfigStateChecks: expectFenced(true),
		},
		{
			Config:            config + bucketConfig("fenced = false"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(false),
		},
		{ // said to be open: the plan shows it, and the apply lifts it
			PreConfig:         fence,
			Config:            config + bucketConfig("fenced = false"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(false),
		},
		{
			PreConfig:         fence,
			Config:            config + bucketConfig("fenced = true"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionNoop), // the refresh has seen it
			ConfigStateChecks: expectFenced(true),
		},
		{
			PreConfig: func() {
				if bucket, err := kine.Read(t.Context(), js, "kine"); err != nil || bucket.Fence == nil ||
					bucket.Fence.By != "operator" {
					t.Errorf("the fence of somebody else was replaced: %+v, %v", bucket, err)
				}
			},
			RefreshState: true,
		},
	}})
}

// An endpoint on a fenced bucket is refused, from the bucket's datastore and by looking at the server.
func TestAccKineBucketFencedEndpoint(t *testing.T) {
	lab := natslab.Single(t)
	config := acctest.ProviderConfig(lab.URLs())
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig("") + endpointConfig(lab.URLs())},
		{
			Config:      config + bucketConfig("fenced = true") + endpointConfig(lab.URLs()),
			ExpectError: acctest.Text("the bucket is fenced"),
		},
		{Config: config + bucketConfig("fenced = true"), ConfigStateChecks: expectFenced(true)},
		{
			Config: config + bucketConfig("fenced = true") + strings.Replace(endpointConfig(lab.URLs()),
				"nats_kine_bucket.test.datastore", `{ name = "kine", history = 10, replicas = 1 }`, 1),
			ExpectError: acctest.Text("The bucket is fenced: KINE does not start on it."),
		},
		{
			Config:            config + bucketConfig("fenced = false") + endpointConfig(lab.URLs()),
			ConfigStateChecks: expectFenced(false),
		},
	}})
}

// While a promoted successor is known, lifting the fence is refused in the plan, and only force_unfence lifts it.
func TestAccKineBucketFencedSuccessor(t *testing.T) {
	lab := natslab.Single(t)
	js := api(t, lab.URLs())
	config := acctest.ProviderConfig(lab.URLs())
	const refusal = "The bucket was fenced because \"bucket kine in hub\" was promoted to replace it."
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig("")},
		{
			PreConfig: func() {
				f := kine.Fence{By: "operator", At: time.Now(), Successor: "bucket kine in hub"}
				if _, err := kine.SetFence(t.Context(), js, "kine", f); err != nil {
					t.Fatal(err)
				}
			},
			Config:      config + bucketConfig("fenced = false"),
			PlanOnly:    true,
			ExpectError: acctest.Text(refusal),
		},
		{Config: config + bucketConfig("fenced = false"), ExpectError: acctest.Text(refusal + " Lifting the fence would leave")},
		{Config: config + bucketConfig(""), ConfigStateChecks: expectFenced(true)},
		{
			Config:            config + bucketConfig("fenced = false\n  force_unfence = true"),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
			ConfigStateChecks: expectFenced(false),
		},
		{
			PreConfig:         func() { runKINE(t, lab, "kine") },
			Config:            config + bucketConfig("fenced = false"),
			ConfigStateChecks: expectFenced(false),
		},
	}})
}
