package kinebucket_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const address = "nats_kine_bucket.test"

// bucketConfig is a bucket that can be destroyed at the end of a test, with these lines in it.
func bucketConfig(lines string) string {
	return fmt.Sprintf("resource \"nats_kine_bucket\" \"test\" {\n  deletion_protection = false\n  %s\n}\n", lines)
}

// openJetStream connects to the lab beside the provider.
func openJetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// noStream is a check at the end of a test: the stream is gone.
func noStream(js jetstream.JetStream, names ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, name := range names {
			switch _, err := js.Stream(context.Background(), name); {
			case err == nil:
				return fmt.Errorf("stream %s is still there after the destroy", name)
			case !errors.Is(err, jetstream.ErrStreamNotFound):
				return fmt.Errorf("stream %s after the destroy: %w", name, err)
			}
		}
		return nil
	}
}

func TestAccKineBucketLifecycle(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	config := acctest.ProviderConfig(lab.URLs())

	acctest.Run(t, resource.TestCase{
		CheckDestroy: noStream(js, "KV_kine"),
		Steps: []resource.TestStep{
			{
				Config: config + bucketConfig(""),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("name"), knownvalue.StringExact("kine")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("stream"), knownvalue.StringExact("KV_kine")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("history"), knownvalue.Int64Exact(10)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("replicas"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("jetstream_domain"), knownvalue.Null()),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("cluster"), knownvalue.Null()),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("fenced"), knownvalue.Bool(false)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("contract_violations"), knownvalue.ListSizeExact(0)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("datastore"), knownvalue.ObjectExact(map[string]knownvalue.Check{
						"name": knownvalue.StringExact("kine"), "history": knownvalue.Int64Exact(10),
						"replicas": knownvalue.Int64Exact(1),
						"account":  knownvalue.Null(), "jetstream_domain": knownvalue.Null(), "writable": knownvalue.Bool(true),
						"reason": knownvalue.Null(),
					})),
				},
			},
			{
				PreConfig: func() {
					url := acctest.EndpointURL(t, lab.URLs(), kine.Spec{Name: "kine", History: 10, Replicas: 1})
					k := kinelab.Run(t, url)
					etcdtest.Run(t, k.Endpoint())
					if err := k.Stop(); err != nil { // or it attaches to the bucket that a later step makes
						t.Error(err)
					}
				},
				Config:       config + bucketConfig("history = 20"),
				ResourceName: address,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("history"), knownvalue.Int64Exact(20)),
				}},
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "kine", ImportStateVerify: true,
				ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"deletion_protection"},
			},
			{ // deleted behind Terraform's back
				PreConfig: func() {
					if err := js.DeleteStream(t.Context(), "KV_kine"); err != nil {
						t.Fatal(err)
					}
				},
				Config: config + bucketConfig("history = 20"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
				}},
			},
			{ // a name is an identity: without protection too, no other bucket takes its place
				Config:      config + bucketConfig(`name = "other"`),
				PlanOnly:    true,
				ExpectError: acctest.Text("Kine Bucket Is Never Replaced"),
			},
		},
	})
}

func TestAccKineBucketBadInput(t *testing.T) {
	cases := map[string]struct{ lines, want string }{
		"empty name":        {`name = ""`, `is an empty string`},
		"dot in the name":   {`name = "a.b"`, `only letters, digits, dashes`},
		"long name":         {fmt.Sprintf(`name = %q`, longName), `at most 252 characters`},
		"history too small": {`history = 1`, `between 2 and 64`},
		"history too big":   {`history = 65`, `between 2 and 64`},
		"no replicas":       {`replicas = 0`, `between 1 and 5`},
		"too many replicas": {`replicas = 6`, `between 1 and 5`},
		"empty placement":   {`placement = {}`, `cluster, tags or both`},
		"empty tags":        {`placement = { tags = [] }`, `at least 1 elements`},
		"empty tag":         {`placement = { tags = [""] }`, `is an empty string`},
		"empty cluster":     {`placement = { cluster = "" }`, `is an empty string`},
		"empty domain":      {`jetstream_domain = ""`, `leave it out`},
		"domain with a dot": {`jetstream_domain = "a.b"`, `one of . * >`},
		"forced for nothing": {`force_unfence = true`,
			`has an effect only together with fenced = false`},
		"forced while fencing": {"fenced = true\n  force_unfence = true", `has an effect only together with fenced = false`},
		"unit in a timeout":    {`timeouts = { create = "5" }`, `"5" must be a string`},
		"no time":              {`timeouts = { update = "0s" }`, `must be above zero`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				// Port 1 is never listened on: all of this is found without a server.
				Config:      acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + bucketConfig(c.lines),
				PlanOnly:    true,
				ExpectError: acctest.Text(c.want),
			}}})
		})
	}
}
