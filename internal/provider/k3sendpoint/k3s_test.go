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
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// version returns the line with a version of k3s.
func version(k3s string) string { return fmt.Sprintf("k3s_version = %q", k3s) }

// Versions with and without a warning.
func TestAccCLIK3sVersionWarnings(t *testing.T) {
	const unknown, slow = "Unknown K3s Version", "K3s Starts Slowly on Large Buckets"
	w := acctest.NewWorkspace(t, "")
	for k3s, want := range map[string]string{
		"v1.37.1+k3s1": "", "1.36.2+k3s1": slow, "v1.35.0+k3s3": slow, "1.32.5+k3s1": slow, "latest": unknown,
		"v1.99.0+k3s1": unknown,
	} {
		w.Configure(t,
			acctest.ProviderConfig([]string{nowhere})+endpoint(servers(nowhere), literal, `verify = "none"`, version(k3s)))
		out := w.Must(t, "plan")
		for _, warning := range []string{unknown, slow} {
			if said := acctest.Text(warning).MatchString(out); said != (warning == want) {
				t.Errorf("k3s %s: the plan warns of %q: %t\n%s", k3s, warning, said, out)
			}
		}
	}
}

// kine_version is the KINE of the k3s if it is known. A bucket that only a newer KINE refuses is a warning for an older
// one.
func TestAccK3sVersion(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "old", func(config *jetstream.StreamConfig) { config.Discard = jetstream.DiscardOld })
	makeBucket(t, js, "good")
	makeBucket(t, js, "copy", mirrorOf("KV_good"))
	makeBucket(t, js, "fenced")
	fence(t, lab, "fenced")
	at := servers(lab.URLs()...)
	config := func(lines ...string) string {
		return acctest.ProviderConfig([]string{nowhere}) + endpoint(append(lines, at)...)
	}
	const (
		lenient = "1.32.5+k3s1"
		differs = `Bucket "old": KINE would not start on bucket old: discard is "old", KINE requires "new".`
	)
	fails := func(where, want string, lines ...string) contractFailure {
		return contractFailure{lab, append(lines, at), where, want}
	}
	assertFailures(t, map[string]contractFailure{
		"strict":  fails("datastore", differs, named("old"), version("1.35.0+k3s3")),
		"unknown": fails("datastore", differs, named("old"), version("1.99.0")),
		"lenient, run here": fails("verify",
			differs+" The KINE of k3s 1.32.5+k3s1 would still start on it, but the KINE of this verification, "+kine.BundledKINE+", does not.",
			named("old"), version(lenient), etcd),
		"a mirror": fails("datastore", `mirror is {"name":"KV_good"}, KINE requires unset`, named("copy"), version(lenient)),
		"a fence":  fails("datastore", "The bucket is fenced", named("fenced"), version(lenient)),
	})
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(named("old"), version(lenient)), ConfigStateChecks: []statecheck.StateCheck{
			text("kine_version", "0.13.15"), text("verified", "contract"),
		}},
		{Config: config(named("good"), version("1.37.0+k3s1")), ConfigStateChecks: []statecheck.StateCheck{text("kine_version", "0.17.0")}},
		{Config: config(named("good"), version("1.37.9+k3s1")), ConfigStateChecks: []statecheck.StateCheck{is("kine_version", knownvalue.Null())}},
		{Config: config(named("good")), ConfigStateChecks: []statecheck.StateCheck{is("kine_version", knownvalue.Null())}},
	}})

	w := acctest.NewWorkspace(t, config(named("old"), version(lenient)))
	if out, want := w.Apply(t), acctest.Text("Bucket Breaks the Next Upgrade of K3s"); !want.MatchString(out) {
		t.Errorf("an apply for an older k3s does not warn:\n%s", out)
	}
}

// withCluster writes the data that k3s keeps in a bucket for these tokens, through KINE.
func withCluster(t *testing.T, lab *natslab.Server, bucket string, tokens ...string) {
	t.Helper()
	url, err := kine.Endpoint{Servers: lab.URLs(),
		Spec: kine.Spec{Name: bucket, History: kine.DefaultHistory, Replicas: kine.DefaultReplicas},
		User: "admin", Password: "p"}.URL()
	if err != nil {
		t.Fatal(err)
	}
	k := kinelab.Run(t, url)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{k.Endpoint()}, DialTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, token := range tokens {
		hash, err := kine.TokenHash(token)
		if err != nil {
			t.Fatal(err)
		}
		key := "/bootstrap/" + hash
		answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
			"x")).Commit()
		if err != nil || !answer.Succeeded {
			t.Fatal(answer, err)
		}
	}
}

// The token of another cluster is an error that does not show the token. The token of the cluster in the bucket, or a
// bucket without a cluster, is no error. The user of KINE has the permissions that this requires.
func TestAccK3sToken(t *testing.T) {
	lab := natslab.Single(t,
		natslab.Users(natslab.User{Name: "admin", Password: "p"}, natslab.User{Name: "k3s", Password: "p",
			Permissions: &natslab.Permissions{Publish: natslab.SubjectPermission{Allow: granted},
				Subscribe: natslab.SubjectPermission{Allow: []string{"_INBOX.>"}}}}))
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "kine")
	const mine, theirs = "s3cr3t-mine", "s3cr3t-theirs"
	const at = "k3s_token_wo"
	config := func(token, version string, lines ...string) string {
		lines = append(lines, servers(lab.URLs()...), literal, fmt.Sprintf("k3s_token_wo = %q", token),
			fmt.Sprintf("k3s_token_wo_version = %q", version))
		return acctest.ProviderConfig(lab.URLs(), "user = \"admin\"\n  password = \"p\"") + endpoint(lines...)
	}
	asK3s := []string{`user = "k3s"`, `password = "p"`}
	onNode := []string{`credentials_file = "/node/creds"`}
	const mismatch = `Bucket "kine": Bucket kine holds the data of a k3s that was started with another token (hash `
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(mine, "1", asK3s...), ConfigStateChecks: []statecheck.StateCheck{is(at, knownvalue.Null()), text("k3s_token_wo_version", "1")}},
		{PreConfig: func() { withCluster(t, lab, "kine", theirs) }, Config: config(mine, "1", asK3s...),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
		{Config: config(mine, "2", asK3s...), ExpectError: errorAt(t, at, mismatch)},
		{Config: config(mine, "2", append(asK3s, etcd)...), ExpectError: errorAt(t, at, mismatch)},
		{Config: config(mine, "2", onNode...), ExpectError: errorAt(t, at, mismatch)},
		{Config: config(theirs, "2", asK3s...)},
		{Config: config(theirs, "3", onNode...)},
		{Config: config("K10"+strings.Repeat("0", 64)+"::server:"+theirs, "4", append(asK3s, etcd)...)},
	}})
}

// The token is only in the configuration.
func TestAccCLIK3sTokenIsSecret(t *testing.T) {
	const token = "s3cr3t-of-the-cluster"
	lab := natslab.Single(t, natslab.UserPassword("admin", "p"))
	makeBucket(t, openJetStream(t, lab.Connect(t)), "kine")
	withCluster(t, lab, "kine", "another")
	config := func(verify string) string {
		return "variable \"token\" {\n  type = string\n  ephemeral = true\n}\n" + acctest.ProviderConfig([]string{nowhere}) +
			endpoint(servers(lab.URLs()...), `user = "admin"`, `password = "p"`, literal, "k3s_token_wo = var.token",
				`k3s_token_wo_version = "1"`, verify)
	}
	w := acctest.NewWorkspace(t, config(etcd))
	w.Env = append(w.Env, "TF_VAR_token="+token, "TF_LOG=TRACE")
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	if want := acctest.Text("holds the data of a k3s that was started with another token"); err == nil ||
		!want.MatchString(out) {
		t.Errorf("no error for another token: %v\n%s", err, out)
	}
	withCluster(t, lab, "kine", token)
	applied, err := w.Run(t.Context(), "apply", "-auto-approve")
	if err != nil {
		t.Errorf("with the token of the cluster: %v\n%s", err, applied)
	}
	if !strings.Contains(applied, "KINE: bucket initialized: kine") {
		t.Error("the log of the CLI does not contain the log of KINE, so the search for the token proves nothing")
	}
	for what, where := range map[string]string{
		"the error": out, "the log": applied, "the state": readFile(t, w.Dir+"/terraform.tfstate"),
	} {
		if strings.Contains(where, token) {
			t.Errorf("the token is in %s", what)
		}
	}
}

// Results of the functions in a configuration.
func TestAccCLIFunctions(t *testing.T) {
	w := acctest.NewWorkspace(t, `
output "hash" {
  value = provider::nats::k3s_token_hash("password")
}

locals {
  parsed = provider::nats::datastore_endpoint_parse("nats://k3s:s3cr3t@a,nats://b?bucket=x")
}

output "parsed" {
  value = "${local.parsed.bucket} ${local.parsed.user} ${join(" ", local.parsed.servers)} ${local.parsed.url_redacted} ${local.parsed.embedded.no_embed}"
}

output "warnings" {
  value = length(local.parsed.warnings)
}
`)
	w.Apply(t)
	for name, want := range map[string]string{
		"hash":     "5e884898da28", // echo -n password | sha256sum
		"parsed":   "kine k3s nats://a nats://b nats://xxxxx@a,nats://b?bucket=x false",
		"warnings": "2",
	} {
		if got, err := w.Output(t.Context(), name); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
	w.Configure(t, "output \"hash\" {\n  value = provider::nats::k3s_token_hash(\"abcdef.0123456789abcdef\")\n}\n")
	out, err := w.Run(t.Context(), "plan")
	if want := acctest.Text("The k3s token is invalid: it is a bootstrap token, which only agents can use"); err == nil ||
		!want.MatchString(out) {
		t.Errorf("a bootstrap token: %v\n%s", err, out)
	}
}
