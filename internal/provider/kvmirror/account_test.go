package kvmirror_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// accountsConfig is a bucket in the account origin and its mirror in the account standby, with additional lines in the
// mirror and its source.
const accountsConfig = `
locals {
  exports = provider::nats::kine_mirror_exports("kine")
}

resource "nats_nkey" "standby" {
  type = "account"
}

resource "nats_account" "origin" {
  name                = "origin"
  deletion_protection = false
  jetstream           = { disk_storage = "64MiB", streams = 10, consumers = 1000 }
  exports             = local.exports
}

resource "nats_activation" "mirror" {
  for_each       = { for e in local.exports : e.subject => e.type }
  account        = nats_account.origin.public_key
  import_account = nats_nkey.standby.public_key
  subject        = replace(each.key, "*", nats_nkey.standby.public_key)
  type           = each.value
}

resource "nats_account" "standby" {
  name                = "standby"
  public_key          = nats_nkey.standby.public_key
  deletion_protection = false
  jetstream           = { disk_storage = "64MiB", streams = 10, consumers = 1000 }
  imports = provider::nats::kine_mirror_imports("kine", nats_account.origin.public_key, {
    for subject, activation in nats_activation.mirror : subject => activation.jwt
  })
}

resource "nats_kine_bucket" "origin" {
  account             = nats_account.origin.public_key
  history             = %s
  deletion_protection = false
}

resource "nats_kv_mirror" "test" {
  account = nats_account.standby.public_key
  source = {
    bucket  = nats_kine_bucket.origin.name
    account = nats_account.origin.public_key
  }
  %s
}

output "mirror" {
  value = jsonencode([nats_kv_mirror.test.source.api_prefix, nats_kv_mirror.test.source.deliver_prefix, nats_kv_mirror.test.source_fenced,
    nats_kv_mirror.test.diverged, nats_kv_mirror.test.history])
}

output "standby" {
  value = nats_account.standby.public_key
}

output "origin" {
  value = nats_account.origin.public_key
}
`

// One apply creates a bucket in one account and its mirror in another account of the system. The configuration contains
// no prefixes.
func TestAccKVMirrorAccounts(t *testing.T) {
	t.Parallel()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator), natslab.Domain(natslab.HubName))
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	key := acctest.NewKey(t, natsconn.AccountKey)
	history := "15"
	config := func(lines string) string {
		return acctest.ProviderConfig(lab.URLs(),
			fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }",
				operator.SigningKeySeed(), system),
			fmt.Sprintf("accounts = { signing_key = %q }", key.Seed)) + fmt.Sprintf(accountsConfig, history, lines)
	}
	w := acctest.NewWorkspace(t, config(unprotected))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	output := func(name string) string {
		value, err := w.Output(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	from, to := output("origin"), output("standby")
	want := fmt.Sprintf(`[%q,%q,false,false,15]`, mirror.APIPrefix(from), mirror.DeliverPrefix("kine", to, from))
	if got := output("mirror"); got != want {
		t.Errorf("the mirror is %s, not %s", got, want)
	}

	t.Run("written out", func(t *testing.T) {
		// The source is in the domain of the same server.
		const account = "    account = nats_account.origin.public_key\n  }\n  "
		named := strings.Replace(config(unprotected), account, "    jetstream_domain = \"hub\"\n"+account, 1)
		if !strings.Contains(named, "jetstream_domain") {
			t.Fatalf("the configuration does not name the domain:\n%s", named)
		}
		w.Configure(t, named)
		w.AssertConverged(t)
		w.Configure(t, config(unprotected))
	})
	t.Run("in place", func(t *testing.T) {
		history = "9"
		w.Configure(t, config(unprotected))
		w.Apply(t)
		if out := w.Apply(t); !acctest.Text(`The mirror "kine" will keep 9 revisions of each key instead of 15, as its source does.`).MatchString(out) {
			t.Errorf("the history of the source is not followed:\n%s", out)
		}
		w.AssertEmptyPlan(t)
	})
	t.Run("import", func(t *testing.T) {
		w.Must(t, "state", "rm", address)
		w.Must(t, "import", address, to+"/kine")
		if out := w.Must(t, "plan"); !acctest.Text("0 to add, 1 to change, 0 to destroy").MatchString(out) {
			t.Errorf("an imported mirror is not updated in place:\n%s", out)
		}
		w.Apply(t)
		w.AssertEmptyPlan(t)
	})
	t.Run("another name", func(t *testing.T) {
		w.Must(t, "destroy", "-auto-approve", "-target="+address)
		w.Configure(t, config(unprotected+"\n  name = \"copy\""))
		w.Apply(t)
		w.AssertEmptyPlan(t)
	})
	w.Must(t, "destroy", "-auto-approve")
}
