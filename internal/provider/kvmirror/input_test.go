package kvmirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// What cannot work is found before any server is asked, and says what to do.
func TestAccKVMirrorBadInput(t *testing.T) {
	a, b := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey)
	const (
		bothWays = `Another domain: set source.jetstream_domain to that of the source, and jetstream_domain to another one. Another account: set
			account, and source.account or`
		prefixes = `api_prefix = "JS.a.API", deliver_prefix = "d.a"`
	)
	cases := map[string]struct{ source, lines, want string }{
		"nothing but a bucket":      {`bucket = "kine"`, "", bothWays},
		"the mirror's own domain":   {`bucket = "kine", jetstream_domain = "leaf"`, "", bothWays},
		"of another name, even so":  {`bucket = "kine"`, `name = "copy"`, bothWays},
		"the mirror's own API":      {`bucket = "kine", api_prefix = "$JS.API"`, "history = 10", "in the account and JetStream domain of the mirror"},
		"own account, in words":     {fmt.Sprintf(`bucket = "kine", account = %q`, a.Public), fmt.Sprintf("account = %q", a.Public), bothWays},
		"no bucket":                 {`bucket = ""`, "", "a bucket needs a name"},
		"bad name":                  {fromHub, `name = "a.b"`, "only letters, digits, dashes"},
		"bad domain":                {`bucket = "kine", jetstream_domain = "a.b"`, "", "one of . * >"},
		"no account":                {`bucket = "kine", account = "x"`, "", "it is not an nkey"},
		"a wildcard":                {`bucket = "kine", api_prefix = "JS.*.API", deliver_prefix = "d"`, "history = 10", "is no subject without wildcards"},
		"a wildcard to deliver to":  {`bucket = "kine", api_prefix = "JS.a.API", deliver_prefix = "d.>"`, "history = 10", "is no subject without wildcards"},
		"no history":                {`bucket = "kine", ` + prefixes, "", "Set history to what the source has, or source.account."},
		"a domain for nobody":       {`bucket = "kine", jetstream_domain = "hub", ` + prefixes, "history = 10", "jetstream_domain only counts together with account"},
		"nobody to deliver to":      {fmt.Sprintf(`bucket = "kine", account = %q`, b.Public), "", "Set account to its public key, or deliver_prefix."},
		"no key to work there with": {fmt.Sprintf(`bucket = "kine", account = %q`, b.Public), fmt.Sprintf("account = %q", a.Public), "Set accounts.signing_key"},
		"history":                   {fromHub, "history = 1", "between 2 and 64"},
		"replicas":                  {fromHub, "replicas = 6", "between 1 and 5"},
		"an empty placement":        {fromHub, "placement = {}", "cluster, tags or both"},
		"no time":                   {fromHub, `timeouts = { create = "0s" }`, "give a duration above zero"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				// Port 1 is never listened on: all of this is found without a server.
				Config:      acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + mirrorConfig(c.source, c.lines),
				PlanOnly:    true,
				ExpectError: acctest.Text(c.want),
			}}})
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
