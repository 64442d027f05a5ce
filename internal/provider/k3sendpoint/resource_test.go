package k3sendpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The endpoint of a bucket is created with the bucket, follows it, is updated in place, and is removed without a trace.
func TestAccEndpointLifecycle(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "beside")
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	url := func(history int) string {
		return fmt.Sprintf("nats://%s?bucket=kine&noEmbed=true&replicas=1&revHistory=%d", host, history)
	}
	config := acctest.ProviderConfig(lab.URLs())
	withHistory := strings.Replace(bucket, "\n", "\n  history = 20\n", 1)
	plans := func(action plancheck.ResourceActionType, history int) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{
			PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, action),
				plancheck.ExpectKnownValue(address, tfjsonpath.New("url"), knownvalue.StringExact(url(history))),
				plancheck.ExpectKnownValue(address, tfjsonpath.New("verified"), knownvalue.StringExact("contract")),
			},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}
	}
	has := func(history int) []statecheck.StateCheck {
		return []statecheck.StateCheck{
			text("url", url(history)),
			text("url_redacted", url(history)),
			text("k3s_config", "datastore-endpoint: "+url(history)+"\n"),
			is("environment",
				knownvalue.MapExact(map[string]knownvalue.Check{"K3S_DATASTORE_ENDPOINT": knownvalue.StringExact(url(history))})),
			text("verify", "contract"),
			text("verified", "contract"),
		}
	}
	var before string
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:            config + bucket + endpoint(servers(lab.URLs()...), ofBucket),
			ConfigPlanChecks:  plans(plancheck.ResourceActionCreate, 10),
			ConfigStateChecks: has(10),
		},
		{
			Config:            config + withHistory + endpoint(servers(lab.URLs()...), ofBucket),
			ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate, 20),
			ConfigStateChecks: has(20),
		},
		{ // nothing is verified: the URL stays, and verified is null
			Config: config + withHistory + endpoint(servers(lab.URLs()...), ofBucket, `verify = "none"`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
			}},
			ConfigStateChecks: []statecheck.StateCheck{text("url", url(20)), is("verified", knownvalue.Null())},
		},
		{ // the endpoint is removed, and nothing changes on the server
			PreConfig: func() { before = contents(t, js) },
			Config:    config + withHistory,
		},
		{
			PreConfig: func() {
				if after := contents(t, js); after != before {
					t.Errorf("the server's streams have changed:\n%s", cmp.Diff(before, after))
				}
			},
			RefreshState: true,
		},
	}})
}

// Sources of a datastore.
func TestAccEndpointDatastores(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	named := func(bucket string) string {
		return "nats://" + host + "?bucket=" + bucket + "&noEmbed=true&replicas=1&revHistory=10"
	}
	buckets := func(names ...string) string {
		var config strings.Builder
		for _, name := range names {
			fmt.Fprintf(&config,
				"resource \"nats_kine_bucket\" %[1]q {\n  name = %[1]q\n  deletion_protection = false\n}\n", name)
		}
		return config.String()
	}
	const conditional = `datastore = var.failed_over ? nats_kine_bucket.b.datastore : nats_kine_bucket.a.datastore`
	variable := func(failedOver bool) string {
		return fmt.Sprintf("variable \"failed_over\" {\n  default = %t\n}\n", failedOver)
	}
	provider := acctest.ProviderConfig(lab.URLs())
	at := servers(lab.URLs()...)

	for name, steps := range map[string][]resource.TestStep{
		"a literal": {
			{Config: provider + endpoint(at, literal), ConfigStateChecks: []statecheck.StateCheck{text("url", named("kine"))}},
		},
		"a whole resource": {
			{Config: provider + buckets("whole") + endpoint(at, "datastore = nats_kine_bucket.whole"),
				ConfigStateChecks: []statecheck.StateCheck{text("url", named("whole"))}},
		},
		"a conditional": {
			{Config: provider + buckets("a", "b") + variable(false) + endpoint(at, conditional),
				ConfigStateChecks: []statecheck.StateCheck{text("url", named("a"))}},
			{Config: provider + buckets("a", "b") + variable(true) + endpoint(at, conditional),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction("nats_kine_bucket.a", plancheck.ResourceActionNoop),
				}},
				ConfigStateChecks: []statecheck.StateCheck{text("url", named("b"))}},
		},
		"unknown in the plan": {
			{Config: provider + "resource \"terraform_data\" \"name\" {\n  input = \"late\"\n}\n" +
				strings.ReplaceAll(buckets("late"), `name = "late"`, "name = terraform_data.name.output") +
				endpoint(at, "datastore = nats_kine_bucket.late.datastore"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("url")),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("k3s_config")),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("environment")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{text("url", named("late")), text("verified", "contract")}},
		},
		"a bucket that is fenced": {
			{Config: provider + buckets("fenced") + endpoint(at, "datastore = nats_kine_bucket.fenced.datastore")},
			{Config: provider + strings.Replace(buckets("fenced"), "{", "{\n  fenced = true", 1) + endpoint(at, "datastore = nats_kine_bucket.fenced.datastore"),
				ExpectError: errorAt(t, "datastore",
					"KINE could not start on this datastore: the bucket is fenced. Set datastore to the bucket that is in use")},
		},
	} {
		t.Run(name, func(t *testing.T) { acctest.Run(t, resource.TestCase{Steps: steps}) })
	}
}

// The exact outputs for each form of an endpoint.
func TestAccEndpointOutputs(t *testing.T) {
	const params = "?bucket=kine&noEmbed=true&replicas=1&revHistory=10"
	cases := map[string]struct {
		lines []string
		// url is the endpoint, and redacted its redacted form if it differs.
		url, redacted string
		// files contains the TLS settings of k3s with their names in config.yaml.
		files map[string]string
	}{
		"plain":           {lines: []string{servers("nats://host")}, url: "nats://host" + params},
		"several_servers": {lines: []string{servers("nats://a:4222", "nats://b:4223", "nats://[::1]")}, url: "nats://a:4222" + params + ",nats://b:4223,nats://[::1]"},
		"user": {lines: []string{servers("nats://a", "nats://b"), `user = "k3s"`, `password = "a-b_c.d~e$f&g+h;i=j"`},
			url: "nats://k3s:a-b_c.d~e$f&g+h;i=j@a" + params + ",nats://b", redacted: "nats://xxxxx@a" + params + ",nats://b"},
		"token": {lines: []string{servers("nats://a"), `token = "t0k=n"`}, url: "nats://t0k=n@a" + params, redacted: "nats://xxxxx@a" + params},
		"credentials_file": {lines: []string{servers("nats://a"), `credentials_file = "/etc/a+b c&d.creds"`},
			url: "nats://a?bucket=kine&credsFile=%2Fetc%2Fa%2Bb%20c%26d.creds&noEmbed=true&replicas=1&revHistory=10"},
		"context_file": {lines: []string{`context_file = "/etc/nats/k3s.json"`},
			url: "nats://?bucket=kine&contextFile=%2Fetc%2Fnats%2Fk3s.json&noEmbed=true&replicas=1&revHistory=10"},
		"slow_method": {lines: []string{servers("nats://a"), `slow_method = "90s"`}, url: "nats://a" + params + "&slowMethod=1m30s"},
		"tls": {lines: []string{servers("nats://a"), "tls = {\n    ca_file = \"/etc/ca.pem\"\n    cert_file = \"/etc/c.pem\"\n    key_file = \"/etc/k.pem\"\n  }"},
			url: "nats://a" + params, files: map[string]string{"datastore-cafile": "/etc/ca.pem",
				"datastore-certfile": "/etc/c.pem", "datastore-keyfile": "/etc/k.pem"}},
		"ca": {lines: []string{servers("nats://a"), `tls = { ca_file = "/etc/ca: x.pem" }`}, url: "nats://a" + params,
			files: map[string]string{"datastore-cafile": "'/etc/ca: x.pem'"}},
	}
	var config strings.Builder
	var checks []statecheck.StateCheck
	for name, c := range cases {
		config.WriteString(strings.Replace(endpoint(append(c.lines, literal, `verify = "none"`)...), `"test"`,
			fmt.Sprintf("%q", name), 1))
		at := func(attribute string, value knownvalue.Check) {
			checks = append(checks,
				statecheck.ExpectKnownValue("nats_k3s_datastore_endpoint."+name, tfjsonpath.New(attribute), value))
		}
		environment := map[string]knownvalue.Check{"K3S_DATASTORE_ENDPOINT": knownvalue.StringExact(c.url)}
		var yaml strings.Builder
		for _, key := range []string{"datastore-cafile", "datastore-certfile", "datastore-endpoint", "datastore-keyfile"} {
			if value, ok := c.files[key]; ok {
				yaml.WriteString(key + ": " + value + "\n")
				environment["K3S_"+strings.ToUpper(strings.ReplaceAll(key, "-",
					"_"))] = knownvalue.StringExact(strings.Trim(value, "'"))
			} else if key == "datastore-endpoint" {
				yaml.WriteString(key + ": " + c.url + "\n")
			}
		}
		redacted := c.redacted
		if redacted == "" {
			redacted = c.url
		}
		at("url", knownvalue.StringExact(c.url))
		at("url_redacted", knownvalue.StringExact(redacted))
		at("k3s_config", knownvalue.StringExact(yaml.String()))
		at("environment", knownvalue.MapExact(environment))
		at("verified", knownvalue.Null())
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:            acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + config.String(),
		ConfigStateChecks: checks,
	}}})
}
