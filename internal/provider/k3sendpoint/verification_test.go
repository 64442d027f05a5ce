package k3sendpoint_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// nowhere is a server that never answers.
const nowhere = "nats://127.0.0.1:1"

// verification returns a verification block with credentials and further lines.
func verification(credentials, version string, lines ...string) string {
	return fmt.Sprintf("verification = {\n    credentials_wo = <<EOT\n%sEOT\n    credentials_wo_version = %q\n    %s\n  }",
		credentials, version, strings.Join(lines, "\n    "))
}

// ran checks the number of requests since the last check.
func ran(counted *natslab.Requests, want bool) statecheck.StateCheck {
	return requestCheck{counted, want}
}

type requestCheck struct {
	counted *natslab.Requests
	want    bool
}

func (c requestCheck) CheckState(
	_ context.Context, _ statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse,
) {
	if n := c.counted.Total(); c.want != (n > 0) {
		resp.Error = fmt.Errorf("%d requests were made, where verified is %t: %v", n, c.want, c.counted.Snapshot())
	}
	c.counted.Reset()
}

// The verification runs when the URL, the datastore, the files or the verification block change, and not in other
// applies.
func TestAccVerificationRuns(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	counted := lab.Requests(t)
	at := servers(lab.URLs()...)
	const writable = `datastore = { name = "kine", history = 10, replicas = 1, writable = true }`
	const slow, slowToo = `slow_method = "1s"`, `slow_method = "1000ms"`
	ca := fmt.Sprintf("tls = { ca_file = %q }", "/etc/ca.pem")
	elsewhere := fmt.Sprintf("verification = { %s }", at)

	steps := []struct {
		name  string
		lines []string
		runs  bool
		// unchanged is true if the plan is empty.
		unchanged bool
		verified  knownvalue.Check
	}{
		{name: "created", lines: []string{at, literal}, runs: true},
		{name: "nothing", lines: []string{at, literal}, unchanged: true},
		{name: "timeouts", lines: []string{at, literal, `timeouts = { update = "30s" }`}},
		{name: "the URL", lines: []string{at, literal, slow}, runs: true},
		{name: "the same URL, written in another way", lines: []string{at, literal, slowToo}},
		{name: "the datastore", lines: []string{at, writable, slowToo}, runs: true},
		{name: "a verification", lines: []string{at, writable, slowToo, elsewhere}, runs: true},
		{name: "servers", lines: []string{servers(nowhere), writable, elsewhere}, runs: true},
		{name: "no verification", lines: []string{servers(nowhere), writable, `verify = "none"`}, verified: knownvalue.Null()},
		{name: "another URL without one", lines: []string{servers(nowhere), literal, `verify = "none"`}, verified: knownvalue.Null()},
		{name: "a verification again", lines: []string{at, literal}, runs: true},
		{name: "nothing again", lines: []string{at, literal, `verify = "contract"`}, unchanged: true},
	}
	var c resource.TestCase
	for _, s := range steps {
		action := plancheck.ResourceActionUpdate
		switch {
		case s.name == "created":
			action = plancheck.ResourceActionCreate
		case s.unchanged:
			action = plancheck.ResourceActionNoop
		}
		if s.verified == nil {
			s.verified = knownvalue.StringExact("contract")
		}
		c.Steps = append(c.Steps, resource.TestStep{
			PreConfig: func() { t.Logf("step: %s", s.name) },
			Config:    acctest.ProviderConfig([]string{nowhere}) + endpoint(s.lines...),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{ran(counted, s.runs), is("verified", s.verified)},
		})
	}
	// A new file of the endpoint changes what KINE does, so the verification runs.
	c.Steps = append(c.Steps, resource.TestStep{
		Config:      acctest.ProviderConfig([]string{nowhere}) + endpoint(at, literal, ca),
		ExpectError: errorAt(t, "tls", "The files of tls are on the node."),
	})
	acctest.Run(t, c)
}

func TestAccVerifyNoneNeverConnects(t *testing.T) {
	lab := natslab.Single(t)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: acctest.ProviderConfig(lab.URLs()) + endpoint(servers(lab.URLs()...), literal, `verify = "none"`),
		ConfigStateChecks: []statecheck.StateCheck{
			is("verified", knownvalue.Null()),
			text("verify", "none"),
		},
	}}})
	if n := lab.TotalConnections(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// The verification accepts the credentials of a file on the node, and runs again when their version changes.
func TestAccVerificationCredentials(t *testing.T) {
	lab := newOperatorLab(t)
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	counted := lab.Requests(t)
	good, _ := lab.credentials(t, "k3s.creds")
	strangers := newCredentials(t)
	limited, err := lab.account.Credentials("limited", func(claims *jwt.UserClaims) {
		claims.Pub.Deny.Add("$JS.FC.>")
	})
	if err != nil {
		t.Fatal(err)
	}
	config := func(credentials, version string) string {
		return acctest.ProviderConfig([]string{nowhere}) +
			endpoint(servers(lab.URLs()...), `credentials_file = "/etc/k3s.creds"`, literal,
				verification(credentials, version))
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:      config(limited, "1"),
			ExpectError: acctest.Text("to publish to $JS.FC.KV_kine.>, which the user does not have"),
		},
		{
			PreConfig: counted.Reset,
			Config:    config(good, "1"),
			ConfigStateChecks: []statecheck.StateCheck{
				ran(counted, true), text("verified", "contract"),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("verification").AtMapKey("credentials_wo"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("verification").AtMapKey("credentials_wo_version"),
					knownvalue.StringExact("1")),
			},
		},
		{ // write-only values are not compared: without a new version, the plan is empty
			Config: config(strangers, "1"),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{ran(counted, false)},
		},
		{
			Config: config(strangers, "2"),
			ExpectError: acctest.Text("The credentials were refused by " + lab.ClientURL() +
				": nats: Authorization Violation. " +
				"The servers would also refuse k3s"),
		},
		{
			PreConfig: counted.Reset,
			Config:    config(good, "2"),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				ran(counted, true),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("verification").AtMapKey("credentials_wo_version"),
					knownvalue.StringExact("2")),
			},
		},
	}})
}

// The machine that runs Terraform can use other addresses for the servers and other files than the node.
func TestAccVerificationWhereItDiffers(t *testing.T) {
	mutual := natslab.Single(t, natslab.VerifyClients())
	first := natslab.Single(t, natslab.HandshakeFirst())
	for _, lab := range []*natslab.Server{mutual, first} {
		makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	}
	files := mutual.TLSFiles()
	const node = "tls = {\n    ca_file = \"/etc/ca.pem\"\n    cert_file = \"/etc/c.pem\"\n" +
		"    key_file = \"/etc/k.pem\"\n  }"
	here := func(lab *natslab.Server, lines ...string) string {
		return fmt.Sprintf("verification = {\n    %s\n    tls = {\n      %s\n    }\n  }", servers(lab.URLs()...),
			strings.Join(lines, "\n      "))
	}
	pem := func(name, file string) string { return fmt.Sprintf("%s = <<EOT\n%sEOT", name, readFile(t, file)) }
	path := func(name, file string) string { return fmt.Sprintf("%s = %q", name, file) }

	for name, c := range map[string]string{
		"files": here(mutual, path("ca_file", files.CA), path("cert_file", files.ClientCert),
			path("key_file", files.ClientKey)),
		"texts": here(mutual, pem("ca_pem", files.CA), pem("cert_pem", files.ClientCert),
			pem("key_pem_wo", files.ClientKey), `key_pem_wo_version = "1"`),
		"handshake first": here(first, path("ca_file", first.CAFile()), "handshake_first = true"),
		"server name": here(first, path("ca_file", first.CAFile()), "handshake_first = true",
			`server_name = "localhost"`),
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: acctest.ProviderConfig([]string{nowhere}) +
					endpoint(servers("nats://k3s.invalid:4222"), literal, node, c),
				ConfigStateChecks: []statecheck.StateCheck{text("verified", "contract")},
			}}})
		})
	}
	t.Run("which errors distinguish", func(t *testing.T) {
		steps := make([]resource.TestStep, 0, 2)
		for lines, want := range map[string]string{
			here(mutual, path("ca_file",
				first.CAFile())): "Correct verification.tls: set ca_file or ca_pem to the certificate authority of the servers",
			`verification = { servers = ["` + nowhere + `"] }`: "No connection to " + nowhere,
		} {
			steps = append(steps, resource.TestStep{
				Config: acctest.ProviderConfig([]string{nowhere}) +
					endpoint(servers("nats://k3s.invalid:4222"), literal, lines),
				ExpectError: errorAt(t, "verification", want),
			})
		}
		acctest.Run(t, resource.TestCase{Steps: steps})
	})
}

// Without the credentials of the node, the bucket is verified over the provider's connection, and a warning describes
// what was not verified.
func TestAccVerificationOverTheProvidersConnection(t *testing.T) {
	lab := natslab.Single(t, natslab.UserPassword("admin", "p"))
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	counted := lab.Requests(t)
	config := func(provider, datastore string) string {
		return provider + endpoint(servers(nowhere), `credentials_file = "/etc/k3s.creds"`, `verify = "contract"`, datastore)
	}
	right := acctest.ProviderConfig(lab.URLs(), `user = "admin"`, `password = "p"`)
	w := acctest.NewWorkspace(t, config(right, literal))
	out := w.Apply(t)
	const warning = "Verified With the Provider's Connection"
	if !acctest.Text(warning).MatchString(out) ||
		!acctest.Text("To verify that too, set verification.credentials_wo to the credentials.").MatchString(out) {
		t.Errorf("the apply does not warn:\n%s", out)
	}
	for subject := range counted.Snapshot() {
		if subject != "$JS.API.INFO" && subject != "$JS.API.STREAM.INFO.KV_kine" {
			t.Errorf("the verification sends a request to %s, which is not a permission of KINE", subject)
		}
	}
	if counted.Total() == 0 {
		t.Error("nothing was verified")
	}
	w.AssertEmptyPlan(t)

	for _, c := range []struct{ provider, datastore, want string }{
		{right, strings.Replace(literal, "10", "20", 1), "max_msgs_per_subject is 10, KINE requires 20"},
		{acctest.ProviderConfig(lab.URLs(), `user = "admin"`, `password = "guess"`), named("kine2"), "Check the credentials in the provider's configuration"},
		{acctest.ProviderConfig([]string{nowhere}), named("kine2"), "No connection to " + nowhere},
	} {
		w.Configure(t, config(c.provider, c.datastore))
		out, err := w.Run(t.Context(), "apply", "-auto-approve")
		if err == nil || !acctest.Text(c.want).MatchString(out) {
			t.Errorf("no error with %q: %v\n%s", c.want, err, out)
		}
		if acctest.Text(warning).MatchString(out) {
			t.Errorf("verified is set although nothing was verified:\n%s", out)
		}
	}

	// The servers of the provider can be unknown until the apply.
	late := w.Another(t, fmt.Sprintf("resource \"terraform_data\" \"url\" {\n  input = %q\n}\n", lab.ClientURL())+
		config("provider \"nats\" {\n  servers = [terraform_data.url.output]\n  user = \"admin\"\n  password = \"p\"\n}\n",
			literal))
	if out := late.Apply(t); !acctest.Text(warning).MatchString(out) {
		t.Errorf("the apply does not warn:\n%s", out)
	}
}

// The verification waits for an answer until the request_timeout of the provider expires.
func TestAccVerificationTimeout(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	proxy := natslab.NewProxy(t, lab.ClientURL())
	watch := natslab.StartStopwatch()
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		PreConfig: func() { proxy.HoldReply(1, func(subject string) bool { return subject == "$JS.API.INFO" }) },
		Config: acctest.ProviderConfig([]string{nowhere}, `request_timeout = "200ms"`) +
			endpoint(servers(proxy.ClientURL()), literal),
		ExpectError: acctest.Text(`The request to "$JS.API.INFO" timed out`),
	}}})
	if watch.Waited() > natsconn.DefaultRequestTimeout-2*time.Second {
		t.Errorf("it took %s", watch)
	}
}

// A refresh, a plan and a destroy need no server.
func TestAccReadWhileTheServerIsDown(t *testing.T) {
	lab := natslab.Single(t)
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+endpoint(servers(lab.URLs()...), literal))
	w.Apply(t)
	lab.Shutdown()
	w.AssertEmptyPlan(t)
	w.Must(t, "apply", "-refresh-only", "-auto-approve")
	w.Must(t, "destroy", "-auto-approve")
}
