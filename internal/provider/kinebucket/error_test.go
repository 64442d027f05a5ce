package kinebucket_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// noAttribute is what the CLI quotes of the configuration for an error of the bucket as a whole.
const noAttribute = `resource "nats_kine_bucket" "test" {`

// failure matches an error that the CLI shows on that line of the configuration, and so on that attribute.
func failure(action, line, detail string) *regexp.Regexp {
	summary := acctest.Text("Error: Unable to " + action + " Kine Bucket")
	return regexp.MustCompile(summary.String() + `[\s\S]*?\d+:\s+` + regexp.QuoteMeta(line) + `[\s\S]*?` +
		acctest.Text(detail).String())
}

// Whatever keeps a bucket from being made has a text of its own, with the step to take.
func TestAccKineBucketCreateErrors(t *testing.T) {
	single, cluster, off := natslab.Single(t), natslab.Cluster(t, 3), natslab.Single(t, natslab.NoJetStream())
	hub := natslab.Single(t, natslab.Domain("hub"))
	account := func(name string, limits *natslab.JetStreamLimits) natslab.Account {
		return natslab.Account{Name: name, Users: []natslab.User{{Name: name, Password: name}}, JetStream: limits}
	}
	disabled := account("disabled", nil)
	disabled.NoJetStream = true
	limited := natslab.Single(t, natslab.Accounts(disabled,
		account("few", &natslab.JetStreamLimits{MaxStreams: new(int64(1))}),
		account("bytes", &natslab.JetStreamLimits{MaxStore: new(int64(1 << 30)), MaxBytesRequired: true}),
	))
	few := api(t, limited.URLs(), "few")
	if _, err := kine.Create(t.Context(), few, kine.Spec{Name: "first", History: 10, Replicas: 1}, nil); err != nil {
		t.Fatal(err)
	}
	tiered, tieredCredentials := tieredLab(t)

	// What stands in the way of a bucket of that name.
	admin := single.Connect(t)
	create := func(config acctest.RawStream) {
		acctest.StreamAPI(t, admin, "STREAM.CREATE."+config["name"].(string), config)
	}
	contract := func(bucket string, more ...string) acctest.RawStream {
		config := acctest.RawStream{"name": "KV_" + bucket, "subjects": []string{"$KV." + bucket + ".>"},
			"retention": "limits",
			"storage":   "file", "num_replicas": 1, "discard": "new", "max_msgs_per_subject": 10, "max_bytes": -1,
			"duplicate_window": 2 * time.Minute, "allow_direct": true, "deny_delete": true, "allow_rollup_hdrs": true,
			"description": "Holds kine key/values"}
		for _, field := range more {
			delete(config, field)
		}
		return config
	}
	create(contract("taken"))
	if _, err := admin.Request("$KV.taken.key", []byte("value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	create(contract("different", "description"))
	create(acctest.RawStream{"name": "KV_copy", "retention": "limits", "storage": "file", "num_replicas": 1,
		"mirror": acctest.RawStream{"name": "KV_taken"}})
	if _, err := kine.Create(t.Context(), api(t, hub.URLs()), kine.Spec{Name: "kine", History: 20, Replicas: 1},
		nil); err != nil {
		t.Fatal(err)
	}

	user := func(name string) string { return fmt.Sprintf("user = %[1]q\n  password = %[1]q", name) }
	const importIt = "To manage the existing one, import it: terraform import ADDRESS "
	cases := map[string]struct {
		servers         []string
		provider, lines string
		// line is the attribute that the error is about.
		line, detail string
	}{
		"no connection": {[]string{"nats://127.0.0.1:1"}, "", `timeouts = { create = "1s" }`, noAttribute,
			"No connection to nats://127.0.0.1:1: nats: no servers available for connection. Check that the servers are up"},
		"refused credentials": {limited.URLs(), "user = \"few\"\n  password = \"wrong\"", "", noAttribute,
			`nats: Authorization Violation. The provider used the user "few", from user. Check the credentials in the provider's configuration`},
		"no JetStream": {off.URLs(), "", "", noAttribute,
			"The JetStream API does not respond. Enable JetStream on the server (jetstream { ... } in its configuration)"},
		"no JetStream for the account": {limited.URLs(), user("disabled"), "", noAttribute,
			"JetStream is not enabled for the account. Give the account JetStream limits"},
		"not empty": {single.URLs(), "", `name = "taken"`, `name = "taken"`,
			"The bucket taken already exists: 1 keys in 1 messages (48 bytes), last revision 1. " + importIt + "'taken'"},
		"different": {single.URLs(), "", `name = "different"`, `name = "different"`,
			`A stream KV_different already exists and is not a bucket that KINE accepts: description is unset, KINE requires "Holds kine
			key/values". ` + importIt + "'different'"},
		"another history": {hub.URLs(), "", "name = \"kine\"\n  jetstream_domain = \"hub\"", `name = "kine"`,
			"max_msgs_per_subject is 20, KINE requires 10. " + importIt + "'hub:kine'"},
		"a mirror": {single.URLs(), "", `name = "copy"`, `name = "copy"`, `mirror is {"name":"KV_taken"}, KINE requires unset`},
		"replicas on a single server": {single.URLs(), "", "replicas = 3", "replicas = 3",
			"Replicas > 1 not supported in non-clustered mode (error code 10074). The server is not part of a cluster"},
		"more replicas than servers": {cluster.URLs(), "", "replicas = 5", "replicas = 5",
			"The cluster has fewer servers than the requested replicas"},
		"too many streams": {limited.URLs(), user("few"), "", noAttribute,
			"Maximum number of streams reached (error code 10027). The account has reached its maximum number of streams. " +
				"Raise the limit, or delete unused streams."},
		"max_bytes required": {limited.URLs(), user("bytes"), "", noAttribute,
			"The account requires max_bytes for every stream (max_bytes_required). KINE does not set it, so k3s could not " +
				"start."},
		"no tier for the replicas": {tiered.URLs(), fmt.Sprintf("credentials = %q", tieredCredentials), "replicas = 1", "replicas = 1",
			"(error code 10120). The account has JetStream limits for other numbers of replicas, but none for this number. " +
				"Add a tier"},
		"another domain": {hub.URLs(), "", `jetstream_domain = "nope"`, `jetstream_domain = "nope"`,
			`The JetStream domain "nope" does not respond. Check jetstream_domain, and that the leaf node connection`},
	}
	names := slices.Sorted(maps.Keys(cases))
	var config strings.Builder
	for i, name := range names {
		c := cases[name]
		config.WriteString(acctest.ProviderConfig(c.servers, fmt.Sprintf("alias = \"p%d\"", i), c.provider))
		config.WriteString(strings.Replace(bucketConfig(fmt.Sprintf("provider = nats.p%d\n  %s", i, c.lines)), `"test"`,
			fmt.Sprintf("\"b%d\"", i), 1))
	}
	w := acctest.NewWorkspace(t, config.String())
	watch := natslab.StartStopwatch()
	found := w.ApplyErrors(t)
	if watch.Waited() > 20*time.Second {
		t.Errorf("it took %s", watch)
	}
	for i, name := range names {
		c := cases[name]
		// A line is name = value; no line is the resource as a whole.
		attribute, _, _ := strings.Cut(c.line, " ")
		want := "Unable to Create Kine Bucket"
		if c.line != noAttribute {
			want = attribute + ": " + want
		}
		said := found[instance(fmt.Sprintf("b%d", i))]
		if len(said) != 1 || !strings.HasPrefix(said[0], want) || !acctest.Text(c.detail).MatchString(said[0]) {
			t.Errorf("%s: %s and %s are to be said, and not\n%s", name, want, c.detail, strings.Join(said, "\n"))
		}
	}
}

// tieredLab is a server with an account that has limits for three replicas alone, and the credentials of its user.
func tieredLab(t *testing.T) (*natslab.Server, string) {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("tiered", func(claims *jwt.AccountClaims) {
		limits := claims.Limits.JetStreamLimits
		claims.Limits.JetStreamLimits = jwt.JetStreamLimits{}
		claims.Limits.JetStreamTieredLimits = jwt.JetStreamTieredLimits{"R3": limits}
	})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	return natslab.Single(t, natslab.OperatorMode(operator)), credentials
}

// A limit of storage keeps no bucket from being made, since KINE's has no size of its own; it ends KINE's writes later.
func TestAccKineBucketStorageLimit(t *testing.T) {
	lab := natslab.Single(t,
		natslab.Accounts(natslab.Account{Name: "small", Users: []natslab.User{{Name: "small", Password: "small"}},
			JetStream: &natslab.JetStreamLimits{MaxStore: new(int64(1 << 10))}}))
	config := acctest.ProviderConfig(lab.URLs(), "user = \"small\"\n  password = \"small\"") + bucketConfig("")
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{
			PreConfig: func() {
				nc := lab.Connect(t)
				msg := acctest.DeleteMarker(t, "kine", "/registry/pods/default/web", 2<<10)
				acctest.WaitFor(t, "a write beyond the limit", func() bool {
					answer, err := nc.RequestMsg(msg, time.Minute)
					return err == nil && strings.Contains(string(answer.Data), "resource limits exceeded for account")
				})
			},
			Config:           config,
			ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
		},
	}})
}

// With the permissions for its calls, and no others, the resource does everything. Without one of them the error names
// it, at once.
func TestAccKineBucketPermissions(t *testing.T) {
	const (
		inbox      = "_INBOX.>"
		streamCall = "$JS.API.STREAM."
		fence      = "$KV.kine.nats-k3s-fence"
		list       = "$JS.API.CONSUMER.LIST.KV_kine"
	)
	publish := []string{streamCall + "INFO.KV_kine", streamCall + "CREATE.KV_kine", streamCall + "UPDATE.KV_kine",
		streamCall + "DELETE.KV_kine", list, fence}
	users := []natslab.User{{Name: "admin", Password: "admin"}}
	for _, without := range append([]string{"nothing", inbox}, publish...) {
		user := natslab.User{Name: without, Password: "limited", Permissions: &natslab.Permissions{
			Publish: natslab.SubjectPermission{Allow: slices.DeleteFunc(slices.Clone(publish),
				func(s string) bool { return s == without })},
			Subscribe: natslab.SubjectPermission{Allow: []string{inbox}},
		}}
		if without == inbox {
			user.Permissions.Subscribe.Allow = []string{"nothing"} // an empty list would allow everything
		}
		users = append(users, user)
	}
	lab := natslab.Single(t, natslab.Users(users...))
	admin := openJetStream(t, lab.Connect(t))
	as := func(user string) string {
		password := "limited"
		if user == "admin" {
			password = user
		}
		return acctest.ProviderConfig(lab.URLs(), fmt.Sprintf("user = %q\n  password = %q", user, password))
	}
	grant := func(subject string) string {
		return fmt.Sprintf("user has no permission to publish to %[1]q. Grant the user permission to publish to %[1]q.",
			subject)
	}
	endpoint, err := kine.Endpoint{Servers: lab.URLs(), User: "admin", Password: "admin",
		Spec: kine.Spec{Name: "kine", History: 10, Replicas: 1}}.URL()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("all", func(t *testing.T) {
		acctest.Run(t, resource.TestCase{CheckDestroy: noStream(admin, "KV_kine"), Steps: []resource.TestStep{
			{Config: as("nothing") + bucketConfig("")},
			{Config: as("nothing") + bucketConfig("history = 20\n  fenced = true")},
			{Config: as("nothing") + bucketConfig("fenced = false")},
			{PreConfig: func() { leaveConsumers(t, endpoint) }, Config: as("nothing")},
		}})
		for _, line := range lab.Log() {
			if strings.Contains(line, "Violation") {
				t.Errorf("the server refused: %s", line)
			}
		}
	})

	created := resource.TestStep{Config: as("admin") + bucketConfig("")}
	cases := map[string]struct {
		steps []resource.TestStep
		// config is that of the step that fails.
		config, action, line, detail string
	}{
		streamCall + "CREATE.KV_kine": {nil, bucketConfig(""), "Create", noAttribute, grant(streamCall + "CREATE.KV_kine")},
		inbox: {nil, bucketConfig(""), "Create", noAttribute,
			`Grant the user permission to subscribe to "_INBOX.>": the provider receives responses there.`},
		streamCall + "INFO.KV_kine": {[]resource.TestStep{created}, bucketConfig(""), "Read", noAttribute,
			grant(streamCall + "INFO.KV_kine")},
		streamCall + "UPDATE.KV_kine": {[]resource.TestStep{created}, bucketConfig("history = 20"), "Update", noAttribute,
			grant(streamCall + "UPDATE.KV_kine")},
		fence: {[]resource.TestStep{created}, bucketConfig("fenced = true"), "Update", noAttribute,
			grant(fence)},
		streamCall + "DELETE.KV_kine": {[]resource.TestStep{created}, "", "Delete", "", grant(streamCall + "DELETE.KV_kine")},
		list:                          {[]resource.TestStep{created}, "", "Delete", "", grant(list)},
	}
	for subject, c := range cases {
		t.Run("without "+subject, func(t *testing.T) {
			var watch natslab.Stopwatch
			failing := resource.TestStep{
				PreConfig: func() {
					if subject == list {
						leaveConsumers(t, endpoint)
					}
					watch = natslab.StartStopwatch()
				},
				Config:      as(subject) + c.config,
				ExpectError: failure(c.action, c.line, c.detail),
			}
			if c.line == "" { // what is not in the configuration any more has no line in it
				failing.ExpectError = acctest.Text("Unable to " + c.action + " Kine Bucket Bucket \"kine\": The " + c.detail)
			}
			mended := resource.TestStep{
				PreConfig: func() {
					if watch.Waited() > 5*time.Second {
						t.Errorf("it took %s to tell", watch)
					}
				},
				Config: as("admin") + bucketConfig(""),
			}
			acctest.Run(t, resource.TestCase{CheckDestroy: noStream(admin, "KV_kine"), Steps: append(c.steps, failing, mended)})
		})
	}
}

// leaveConsumers runs KINE on an endpoint for a moment: its consumers stay on the bucket.
func leaveConsumers(t *testing.T, endpoint string) {
	t.Helper()
	k := kinelab.Run(t, endpoint)
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
}

// The domain of the resource is the one that is asked, also in an import by command.
func TestAccKineBucketDomain(t *testing.T) {
	lab := natslab.Single(t, natslab.Domain("hub"))
	config := acctest.ProviderConfig(lab.URLs())
	hub := bucketConfig(`jetstream_domain = "hub"`)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config + hub,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("jetstream_domain"), knownvalue.StringExact("hub")),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("datastore").AtMapKey("jetstream_domain"),
					knownvalue.StringExact("hub")),
				statecheck.ExpectIdentity(address, map[string]knownvalue.Check{
					"name": knownvalue.StringExact("kine"), "account": knownvalue.Null(),
					"jetstream_domain": knownvalue.StringExact("hub"),
				}),
			},
		},
		{
			ResourceName: address, ImportState: true, ImportStateId: "hub:kine", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"deletion_protection"},
		},
		{
			ResourceName: address, ImportState: true, ImportStateId: "nope:kine",
			ExpectError: acctest.Text(`The JetStream domain "nope" does not respond.`),
		},
	}})
}

// What is no import id is refused with the form that one has, and what does not exist is not imported.
func TestAccCLIKineBucketImportErrors(t *testing.T) {
	lab := natslab.Single(t)
	config := acctest.ProviderConfig(lab.URLs())
	steps := []resource.TestStep{
		{Config: config + bucketConfig("")},
		{
			ResourceName: address, ImportState: true, ImportStateId: "nothing",
			ExpectError: acctest.Text("Cannot import non-existent remote object"),
		},
	}
	for id, want := range map[string]string{
		"KV_kine":    "use the name of the bucket, without the KV_ prefix of its stream",
		"a.b":        "only letters, digits, dashes and underscores",
		"hub:":       "the name of a bucket must not be empty",
		":kine":      "invalid JetStream domain: it is empty",
		"a.b:kine":   `invalid JetStream domain: "a.b" contains`,
		"/kine":      "invalid account: it is empty: the public key of an account is needed, which starts with A",
		"A/hub:kine": "invalid account: it is not an nkey: the public key of an account is needed, which starts with A",
		"hub:kine:x": "only letters, digits, dashes and underscores",
		longName:     "a bucket can have at most 252 characters, not 253",
	} {
		steps = append(steps, resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateId: id,
			ExpectError: regexp.MustCompile(acctest.Text("Invalid Import ID").String() + `[\s\S]*` +
				acctest.Text("is not of the form [<account>/][<jetstream_domain>:]<bucket>:").String() + `[\s\S]*` +
				acctest.Text(want).String()),
		})
	}
	acctest.Run(t, resource.TestCase{Steps: steps})
}

// testImportBlock imports a bucket by a block, which must plan nothing else.
func testImportBlock(t *testing.T, checks []tfversion.TerraformVersionCheck, step resource.TestStep) {
	t.Helper()
	lab := natslab.Single(t, natslab.Domain("hub"))
	config := acctest.ProviderConfig(lab.URLs())
	// An imported bucket is protected.
	protected := strings.Replace(bucketConfig(`jetstream_domain = "hub"`), "= false", "= true", 1)
	step.ResourceName, step.ImportState = address, true
	step.ImportPlanChecks.PreApply = []plancheck.PlanCheck{
		plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop),
		plancheck.ExpectKnownValue(address, tfjsonpath.New("jetstream_domain"), knownvalue.StringExact("hub")),
	}
	acctest.Run(t, resource.TestCase{TerraformVersionChecks: checks, Steps: []resource.TestStep{
		{Config: config + protected},
		step,
		{Config: config + bucketConfig(`jetstream_domain = "hub"`)},
	}})
}

func TestAccCLIKineBucketImportBlock(t *testing.T) {
	testImportBlock(t, nil, resource.TestStep{ImportStateKind: resource.ImportBlockWithID, ImportStateId: "hub:kine"})
}

// Import blocks take an identity from version 1.12 on, in both CLIs: this is not for the set that runs on Terraform
// 1.11 too.
func TestAccKineBucketImportIdentity(t *testing.T) {
	testImportBlock(t, []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		resource.TestStep{ImportStateKind: resource.ImportBlockWithResourceIdentity})
}
