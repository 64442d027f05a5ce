package k3sendpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A handwritten URL is imported if KINE reads all of it, and becomes the URL that this provider writes.
func TestImportOfHandWrittenURLs(t *testing.T) {
	const params = "?bucket=kine&noEmbed=true&replicas=1&revHistory=10"
	store := func(name string, history, replicas int) map[string]any {
		return map[string]any{"name": name, "history": history, "replicas": replicas, "account": nil, "jetstream_domain": nil,
			"writable": nil, "reason": nil}
	}
	for id, want := range map[string]map[string]any{
		"nats://host": {"servers": list("nats://host"), "datastore": store("kine", 10, 1), "url": "nats://host" + params},
		"nats://a:4222?bucket=prod&replicas=3&revHistory=20,nats://b:4222": {"servers": list("nats://a:4222", "nats://b:4222"),
			"datastore": store("prod", 20, 3),
			"url":       "nats://a:4222?bucket=prod&noEmbed=true&replicas=3&revHistory=20,nats://b:4222"},
		"nats://u:s3cr3t@host?noEmbed": {"servers": list("nats://host"), "datastore": store("kine", 10, 1), "user": "u", "password": "s3cr3t",
			"url": "nats://u:s3cr3t@host" + params},
		"nats://s3cr3t@host": {"servers": list("nats://host"), "datastore": store("kine", 10, 1), "token": "s3cr3t", "url": "nats://s3cr3t@host" + params},
		"nats://host?credsFile=/etc/a%2Bb.creds&slowMethod=60s": {"servers": list("nats://host"), "datastore": store("kine", 10, 1),
			"credentials_file": "/etc/a+b.creds", "slow_method": "1m0s",
			"url": "nats://host?bucket=kine&credsFile=%2Fetc%2Fa%2Bb.creds&noEmbed=true&replicas=1&revHistory=10&slowMethod=1m0s"},
		"nats://?contextFile=/etc/k3s.json": {"datastore": store("kine", 10, 1), "context_file": "/etc/k3s.json",
			"url": "nats://?bucket=kine&contextFile=%2Fetc%2Fk3s.json&noEmbed=true&replicas=1&revHistory=10"},
		"nats://xxxxx@host" +
			params: {"servers": list("nats://host"), "datastore": store("kine", 10, 1), "url": "nats://host" + params},
	} {
		t.Run(id, func(t *testing.T) {
			got, found := acctest.ImportResource(t, resourceType, id)
			if len(found) > 0 {
				t.Fatalf("%+v", found)
			}
			for attribute, value := range got {
				if expected, ok := want[attribute]; ok {
					if diff := cmp.Diff(expected, value); diff != "" {
						t.Errorf("%s: wanted -, got +\n%s", attribute, diff)
					}
					continue
				}
				switch attribute {
				case "url_redacted", "k3s_config", "environment":
				default:
					if value != nil {
						t.Errorf("%s is %v", attribute, value)
					}
				}
			}
		})
	}
}

func TestImportOfBadURLs(t *testing.T) {
	for id, want := range map[string]string{
		"kine":                                 "does not begin with nats://",
		"tls://host":                           "does not begin with nats://",
		"NATS://host":                          "does not begin with nats://",
		"jetstream://nats://host":              "does not begin with nats://",
		"http://host:2379":                     "does not begin with nats://",
		"nats://":                              "the endpoint has no server",
		"nats://a,b":                           "URL 2 of the endpoint",
		"nats://a,nats://b?bucket=kine":        "which KINE only reads from the first URL",
		"nats://a,nats://u:s3cr3t@b":           "which KINE only reads from the first URL",
		"nats://u:s3/cr3t@a":                   "percent-encoded",
		"nats://u:s3%40cr3t@a":                 "characters that KINE sends percent-encoded",
		"nats://host/kine":                     "a path or a fragment, which KINE ignores",
		"nats://host#kine":                     "a path or a fragment, which KINE ignores",
		"nats://host?Bucket=kine":              "parameter Bucket",
		"nats://host?foo=bar":                  "parameter foo",
		"nats://host?bucket=a&bucket=b":        "KINE reads only the first",
		"nats://host?bucket=":                  "the parameter bucket is empty",
		"nats://host?bucket=a.b":               "only letters, digits, dashes",
		"nats://host?replicas=three":           "so KINE would use its default",
		"nats://host?replicas=-1":              "so KINE would use its default",
		"nats://host?replicas=3.0":             "so KINE would use its default",
		"nats://host?replicas=300":             "so KINE would use its default",
		"nats://host?replicas=0":               "KINE accepts 1 to 5 replicas",
		"nats://host?replicas=6":               "KINE accepts 1 to 5 replicas",
		"nats://host?revHistory=x":             "so KINE would use its default",
		"nats://host?revHistory=256":           "so KINE would use its default",
		"nats://host?revHistory=1":             "KINE accepts a history from 2 to 64",
		"nats://host?revHistory=65":            "KINE accepts a history from 2 to 64",
		"nats://host?slowMethod=1":             "slowMethod",
		"nats://host?credsFile=/a+b.creds":     "which KINE reads as a space",
		"nats://host?credsFile=~/c":            "does not expand the ~",
		"nats://host?contextFile=/c":           "KINE refuses servers in addition to a context file",
		"nats://?contextFile=/c&credsFile=/d":  "more than one way to authenticate",
		"nats://u:s3cr3t@host?credsFile=/c":    "more than one way to authenticate",
		"nats://host?noEmbed=false":            "noEmbed",
		"nats://host?serverConfig=/etc/n.conf": "serverConfig",
		"nats://host:0":                        "port 0 is not between",
		"nats://host:99999":                    "port 99999 is not between",
		"nats://::1":                           "brackets",
	} {
		t.Run(id, func(t *testing.T) {
			attributes, found := acctest.ImportResource(t, resourceType, id)
			if attributes != nil || len(found) != 1 ||
				!strings.HasPrefix(found[0].Text, "Invalid Import ID\nThe ID must be a datastore endpoint of k3s") ||
				!acctest.Text(want).MatchString(found[0].Text) {
				t.Fatalf("no error with %q: %+v, %v", want, found, attributes)
			}
			if strings.Contains(found[0].Text, "cr3t") {
				t.Errorf("the error shows a secret: %s", found[0].Text)
			}
		})
	}
}

// The next apply verifies an imported endpoint, which then equals a created one.
func TestAccEndpointImport(t *testing.T) {
	lab := natslab.Single(t, natslab.UserPassword("k3s", "s3cr3t"))
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	config := acctest.ProviderConfig([]string{nowhere}) +
		endpoint(servers(lab.URLs()...), `user = "k3s"`, `password = "s3cr3t"`, literal)
	url := fmt.Sprintf("nats://k3s:s3cr3t@%s?bucket=kine&noEmbed=true&replicas=1&revHistory=10", host)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config, ResourceName: address, ImportState: true, ImportStateId: "nats://k3s:s3cr3t@" + host,
			ImportStatePersist: true,
		},
		{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address,
					plancheck.ResourceActionUpdate)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{text("url", url), text("verified", "contract")},
		},
		{
			ResourceName: address, ImportState: true, ImportStateId: "nats://k3s:s3cr3t@" + host,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "url",
			ImportStateVerifyIgnore: []string{"verify", "verified"},
		},
	}})
}

// An import block accepts the endpoint as its ID or, if the CLI supports identities in import blocks (OpenTofu and
// Terraform since 1.12), its identity, which contains no secret.
func TestAccCLIEndpointImportBlock(t *testing.T) {
	lab := natslab.Single(t, natslab.UserPassword("k3s", "s3cr3t"))
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	config := acctest.ProviderConfig([]string{nowhere}) +
		endpoint(servers(lab.URLs()...), `user = "k3s"`, `password = "s3cr3t"`, literal)
	block := func(how string) string { return fmt.Sprintf("import {\n  to = %s\n  %s\n}\n", address, how) }

	blocks := map[string]string{"id": block(fmt.Sprintf("id = %q", "nats://k3s:s3cr3t@"+host))}
	w := acctest.NewWorkspace(t, config)
	version, err := w.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(version, "Terraform v1.11.") {
		blocks["identity"] = block(fmt.Sprintf("identity = {\n    url_redacted = %q\n  }",
			"nats://xxxxx@"+host+"?bucket=kine&noEmbed=true&replicas=1&revHistory=10"))
	}
	for name, imported := range blocks {
		t.Run(name, func(t *testing.T) {
			w := w.Another(t, imported+config)
			if out := w.Apply(t); !acctest.Text("Apply complete! Resources: 1 imported, 0 added, 1 changed, 0 destroyed.").MatchString(out) {
				t.Errorf("nothing was imported:\n%s", out)
			}
			w.AssertEmptyPlan(t)
			if state := readFile(t, w.Dir+"/terraform.tfstate"); !strings.Contains(state, `"verified": "contract"`) ||
				!strings.Contains(state, "s3cr3t") {
				t.Errorf("the endpoint was not verified:\n%s", state)
			}
		})
	}
}
