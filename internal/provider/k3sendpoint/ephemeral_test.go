package k3sendpoint_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// ephemeralEndpoint is an ephemeral endpoint with these lines, whose values the echo provider stores in the state.
func ephemeralEndpoint(lines ...string) string {
	return fmt.Sprintf(`
ephemeral "nats_k3s_datastore_endpoint" "test" {
  %s
}

provider "echo" {
  data = ephemeral.nats_k3s_datastore_endpoint.test
}

resource "echo" "test" {}
`, strings.Join(lines, "\n  "))
}

// The ephemeral resource returns the same values as the resource, and refuses the same configurations.
func TestAccEphemeral(t *testing.T) {
	lab := natslab.Single(t, natslab.UserPassword("k3s", "s3cr3t"))
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	user := []string{servers(lab.URLs()...), literal, `user = "k3s"`}
	password := append(slices.Clone(user), `password = "s3cr3t"`)
	with := func(lines []string, more ...string) string {
		return acctest.ProviderConfig([]string{nowhere}) + ephemeralEndpoint(append(slices.Clone(lines), more...)...)
	}
	url := strings.Replace(lab.ClientURL(), "nats://", "nats://k3s:s3cr3t@", 1) +
		"?bucket=kine&noEmbed=true&replicas=1&revHistory=10"
	is := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("echo.test", tfjsonpath.New("data").AtMapKey(attribute), value)
	}
	step := func(config string, checks ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{Config: config, ConfigStateChecks: checks}
	}
	// An echo is created once and keeps its values.
	gone := resource.TestStep{Config: acctest.ProviderConfig([]string{nowhere})}
	fails := func(config, at, want string) resource.TestStep {
		return resource.TestStep{Config: config, ExpectError: errorAt(t, at, want)}
	}
	factories := maps.Clone(acctest.Factories)
	factories["echo"] = echoprovider.NewProviderServer()
	acctest.Run(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		fails(with(append(user, `password = "wrong"`), `verify = "contract"`), "verify",
			"The credentials were refused by "+lab.ClientURL()),
		fails(with([]string{servers(lab.URLs()...), named("none"), `user = "k3s"`, `password = "s3cr3t"`}, `verify = "etcd"`),
			"datastore", "The bucket does not exist"),
		fails(with(append(user, `password = "p@ss"`)), "password",
			"the password has characters that KINE sends percent-encoded"),
		fails(with(password, `k3s_token = "x"`), "k3s_token",
			`With verify = "none" the token is not compared with the bucket.`),
		fails(with([]string{servers(lab.URLs()...), literal, `credentials_file = "/c"`}, etcd), "verify",
			"Set verification.credentials to the content of that file, or set"),
		step(with(append(user, `password = "wrong"`)), is("verify", knownvalue.Null())), // which is not verified
		gone,
		step(with(password, `verify = "contract"`, version("1.37.0+k3s1"), `k3s_token = "anything"`),
			is("url", knownvalue.StringExact(url)),
			is("url_redacted", knownvalue.StringExact(strings.Replace(url, "k3s:s3cr3t", "xxxxx", 1))),
			is("k3s_config", knownvalue.StringExact("datastore-endpoint: "+url+"\n")),
			is("environment",
				knownvalue.MapExact(map[string]knownvalue.Check{"K3S_DATASTORE_ENDPOINT": knownvalue.StringExact(url)})),
			is("kine_version", knownvalue.StringExact("0.17.0"))),
		gone,
		step(with(password, etcd), is("url", knownvalue.StringExact(url))),
	}})
}

// The endpoint is in no plan and no state, even if the same apply creates the bucket.
func TestAccCLIEphemeralLeavesNoTrace(t *testing.T) {
	const secret = "s3cr3t-of-the-endpoint"
	lab := natslab.Single(t, natslab.UserPassword("k3s", secret))
	w := acctest.NewWorkspace(t, "variable \"password\" {\n  type = string\n  ephemeral = true\n}\n"+
		acctest.ProviderConfig(lab.URLs(), "user = \"k3s\"\n  password = var.password")+bucket+
		"ephemeral \"nats_k3s_datastore_endpoint\" \"test\" {\n  "+servers(lab.URLs()...)+"\n  "+ofBucket+
		"\n  user = \"k3s\"\n  password = var.password\n}\n"+
		"resource \"terraform_data\" \"node\" {\n  provisioner \"local-exec\" {\n"+
		"    command = \"printf '%s' \\\"$K3S_DATASTORE_ENDPOINT\\\" > endpoint\"\n"+
		"    environment = ephemeral.nats_k3s_datastore_endpoint.test.environment\n  }\n}\n")
	w.Env = append(w.Env, "TF_VAR_password="+secret)
	out := w.Apply(t)
	if got := readFile(t, filepath.Join(w.Dir, "endpoint")); !strings.Contains(got, "nats://k3s:"+secret+"@") {
		t.Errorf("the node got %q", got)
	}
	for what, where := range map[string]string{"the output": out,
		"the state": readFile(t, filepath.Join(w.Dir, "terraform.tfstate"))} {
		if strings.Contains(where, secret) {
			t.Errorf("the password is in %s", what)
		}
	}
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// The resource and the ephemeral resource have the same attributes, except those that need a state.
func TestEphemeralTwin(t *testing.T) {
	schemas := acctest.Schemas(t)
	names := func(schema *tfprotov6.Schema, parent string) []string {
		attributes := schema.Block.Attributes
		for _, a := range schema.Block.Attributes {
			if a.Name == parent {
				attributes = a.NestedType.Attributes
			}
		}
		var found []string
		for _, a := range attributes {
			// A write-only attribute is a normal one in the ephemeral resource, and needs no version.
			if !strings.HasSuffix(a.Name, "_wo_version") && a.Name != "verified" {
				found = append(found, strings.TrimSuffix(a.Name, "_wo"))
			}
		}
		slices.Sort(found)
		return found
	}
	for _, parent := range []string{"", "datastore", "tls", "verification"} {
		of, twin := names(schemas.ResourceSchemas[resourceType],
			parent), names(schemas.EphemeralResourceSchemas[resourceType], parent)
		if len(of) == 0 || !slices.Equal(of, twin) {
			t.Errorf("attributes of %q differ:\n%s", parent, cmp.Diff(of, twin))
		}
	}
}
