package kvmirror_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// inputCase is the configuration of a mirror that cannot work.
type inputCase struct{ source, lines, want string }

// refused fails the test unless each case has exactly one error, which contains the expected text.
func refused(t *testing.T, cases map[string]inputCase, check func(*acctest.Workspace) acctest.Errors) {
	t.Helper()
	// Nothing listens on port 1: the errors are found without a server.
	config := acctest.ProviderConfig([]string{"nats://127.0.0.1:1"})
	for name, c := range cases {
		mirror := mirrorConfig(c.source, c.lines)
		config += strings.Replace(mirror, `"test"`, fmt.Sprintf("%q", strings.ReplaceAll(name, " ", "_")), 1)
	}
	found := check(acctest.NewWorkspace(t, config))
	for name, c := range cases {
		texts := found["nats_kv_mirror."+strings.ReplaceAll(name, " ", "_")]
		if len(texts) != 1 || !acctest.Text(c.want).MatchString(texts[0]) {
			t.Errorf("%s: no %q in %q", name, c.want, texts)
		}
	}
	if len(found) != len(cases) {
		t.Errorf("%d objects have errors, want %d", len(found), len(cases))
	}
}

// Invalid attribute values are found by validate.
func TestAccKVMirrorBadInput(t *testing.T) {
	t.Parallel()
	refused(t, map[string]inputCase{
		"no bucket":                {`bucket = ""`, "", "is an empty string"},
		"bad name":                 {fromHub, `name = "a.b"`, "only letters, digits, dashes"},
		"bad domain":               {`bucket = "kine", jetstream_domain = "a.b"`, "", "one of . * >"},
		"no account":               {`bucket = "kine", account = "x"`, "", "it is not an nkey"},
		"own api":                  {`bucket = "kine", api_prefix = "$JS.API"`, "history = 10", "in the same account and JetStream domain as the mirror"},
		"a wildcard":               {`bucket = "kine", api_prefix = "JS.*.API", deliver_prefix = "d"`, "history = 10", "is not a subject without wildcards"},
		"a wildcard to deliver to": {`bucket = "kine", api_prefix = "JS.a.API", deliver_prefix = "d.>"`, "history = 10", "is not a subject without wildcards"},
		"history":                  {fromHub, "history = 1", "between 2 and 64"},
		"replicas":                 {fromHub, "replicas = 6", "between 1 and 5"},
		"an empty placement":       {fromHub, "placement = {}", "cluster, tags or both"},
		"no time":                  {fromHub, `timeouts = { create = "0s" }`, "must be above zero"},
	}, func(w *acctest.Workspace) acctest.Errors { return w.ValidateErrors(t) })
}

// A combination that cannot work is an error of the plan, before any request to a server, with the next step.
func TestAccKVMirrorNoWay(t *testing.T) {
	t.Parallel()
	a, b := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey)
	const (
		bothWays = `For a source in another domain, set source.jetstream_domain to its domain, and jetstream_domain to a
			different one. For a source in another account, set account, and either source.account or`
		prefixes = `api_prefix = "JS.a.API", deliver_prefix = "d.a"`
	)
	in := func(account string) string { return fmt.Sprintf("account = %q", account) }
	refused(t, map[string]inputCase{
		"nothing but a bucket":      {`bucket = "kine"`, "", bothWays},
		"own domain":                {`bucket = "kine", jetstream_domain = "leaf"`, "", bothWays},
		"another name":              {`bucket = "kine"`, `name = "copy"`, bothWays},
		"no history":                {`bucket = "kine", ` + prefixes, "", "Set history to the history of the source, or set source.account."},
		"a domain alone":            {`bucket = "kine", jetstream_domain = "hub", ` + prefixes, "history = 10", "source.jetstream_domain has an effect only together with source.account"},
		"no key to work there with": {`bucket = "kine", ` + in(b.Public), in(a.Public), "Set accounts.signing_key"},
	}, func(w *acctest.Workspace) acctest.Errors { return w.PlanErrors(t) })

	// With a signing key, the accounts themselves are checked.
	key := acctest.NewKey(t, natsconn.AccountKey)
	refused(t, map[string]inputCase{
		"own account":          {`bucket = "kine", ` + in(a.Public), in(a.Public), bothWays},
		"nobody to deliver to": {`bucket = "kine", ` + in(b.Public), "", "Set account to the public key of that account, or set source.deliver_prefix."},
	}, func(w *acctest.Workspace) acctest.Errors {
		w.Env = append(w.Env, "NATS_ACCOUNT_SIGNING_KEY="+key.Seed)
		return w.PlanErrors(t)
	})
}
