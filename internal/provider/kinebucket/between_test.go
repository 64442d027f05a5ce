package kinebucket_test

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A fence that another tool sets between the plan and its apply is left alone, told, and no bug of the provider.
func TestAccKineBucketFencedBetweenPlanAndApply(t *testing.T) {
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+bucketConfig(""))
	w.Apply(t)

	w.Configure(t, acctest.ProviderConfig(lab.URLs())+bucketConfig("history = 12"))
	w.Must(t, "plan", "-out=saved")
	change{set: acctest.RawStream{"subjects": []string{kine.FenceSubject("kine")}}}.apply(t, nc, "KV_kine")
	if out := w.Must(t, "apply", "saved"); !acctest.Text("Bucket Was Fenced After the Plan").MatchString(out) {
		t.Errorf("the apply does not tell:\n%s", out)
	}

	config := acctest.StreamAPI(t, nc, "STREAM.INFO.KV_kine", nil)
	if subjects, ok := config["subjects"].([]any); !ok || len(subjects) != 1 || subjects[0] != kine.FenceSubject("kine") {
		t.Errorf("the fence was not left alone: %v", config["subjects"])
	}
	if config["max_msgs_per_subject"] != 12.0 {
		t.Errorf("the history is %v", config["max_msgs_per_subject"])
	}
	w.AssertEmptyPlan(t)
}

// The way out of a stream that cannot be repaired, as its error tells it.
func TestAccKineBucketUnrepairableLetGo(t *testing.T) {
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	provider := acctest.ProviderConfig(lab.URLs())
	w := acctest.NewWorkspace(t, provider+protected("kine", true, ""))
	w.Apply(t)
	change{set: acctest.RawStream{"allow_msg_ttl": true}}.apply(t, nc, "KV_kine")

	out, err := w.Run(t.Context(), "plan")
	if err == nil || !acctest.Text("Stream Cannot Be Repaired").MatchString(out) {
		t.Fatalf("the plan is not refused: %v\n%s", err, out)
	}
	w.Configure(t, provider+protected("kine", false, ""))
	if out := w.Apply(t); !acctest.Text("Stream Is Left Unchanged").MatchString(out) {
		t.Errorf("the apply does not tell that the stream stays as it is:\n%s", out)
	}
	if acctest.StreamAPI(t, nc, "STREAM.INFO.KV_kine", nil)["allow_msg_ttl"] != true {
		t.Error("the stream was touched")
	}
	w.Configure(t, provider)
	w.Apply(t)
	if err := noStream(openJetStream(t, nc), "KV_kine")(nil); err != nil {
		t.Error(err)
	}
}

// A placement that no server can ever satisfy is refused before anything is made.
func TestAccKineBucketPlacementWithoutCluster(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	config := acctest.ProviderConfig(lab.URLs())
	const refusal = "Remove placement, or connect to a cluster."
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config + bucketConfig(`placement = { cluster = "eu" }`), ExpectError: acctest.Text(refusal)},
		{
			PreConfig: func() {
				if err := noStream(js, "KV_kine")(nil); err != nil {
					t.Error(err)
				}
			},
			Config: config + bucketConfig(""),
		},
		{Config: config + bucketConfig(`placement = { tags = ["disk:ssd"] }`), ExpectError: acctest.Text(refusal)},
	}})
}

// An empty bucket that a lost creation left in another place is taken over and moved to where it should be.
func TestAccKineBucketTakenOverElsewhere(t *testing.T) {
	lab := natslab.SuperCluster(t, 1, []string{"eu", "us"})
	nc := lab.Connect(t)
	spec := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	text, err := json.Marshal(kine.Contract(spec))
	if err != nil {
		t.Fatal(err)
	}
	var left acctest.RawStream
	if err := json.Unmarshal(text, &left); err != nil {
		t.Fatal(err)
	}
	left["placement"] = map[string]string{"cluster": "eu"}
	acctest.StreamAPI(t, nc, "STREAM.CREATE.KV_kine", left)

	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:            acctest.ProviderConfig(lab.URLs()) + bucketConfig(`placement = { tags = ["region:us"] }`),
		ConfigStateChecks: expectSettled("us"),
	}}})
}
