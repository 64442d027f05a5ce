package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// twoAccounts are the servers of two JetStream domains in operator mode, with two accounts.
type twoAccounts struct {
	*natslab.HubLeaf
	tenant, other *natslab.OperatorAccount
}

func newTwoAccounts(t *testing.T) twoAccounts {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := operator.AddAccount("tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := operator.AddAccount("other", nil)
	if err != nil {
		t.Fatal(err)
	}
	return twoAccounts{natslab.HubAndLeaf(t, natslab.OperatorMode(operator)), tenant, other}
}

// onLeaf configures a provider with credentials of an account on the server of the domain leaf.
func (l twoAccounts) onLeaf(t *testing.T, account *natslab.OperatorAccount, lines ...string) string {
	t.Helper()
	credentials, err := account.Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	return acctest.ProviderConfig(l.Leaf.URLs(), append(lines, fmt.Sprintf("credentials = %q", credentials))...)
}

// A bucket and a mirror record the account of the provider's credentials, in which they exist: naming it is no change,
// an import finds it, and the state of an earlier provider version is upgraded. With credentials of another account,
// they are read in their own account or not at all.
func TestAccCLIOwnAccount(t *testing.T) {
	t.Parallel()
	lab := newTwoAccounts(t)
	const bucket, mirror, data = "nats_kine_bucket.test", "nats_kv_mirror.test", "data.nats_kv_mirror.test"
	resources := func(lines, source string) string {
		return fmt.Sprintf(`
resource "nats_kine_bucket" "test" {
  jetstream_domain = "hub"
  %[1]s
}
resource "nats_kv_mirror" "test" {
  source = {
    bucket           = nats_kine_bucket.test.name
    jetstream_domain = nats_kine_bucket.test.jetstream_domain
    %[2]s
  }
  %[1]s
}
resource "nats_kine_bucket" "restored" {
  name         = "restored"
  restore_from = {
    bucket           = nats_kine_bucket.test.name
    jetstream_domain = "hub"
    %[2]s
  }
  %[1]s
}
data "nats_kv_mirror" "test" {
  name = nats_kv_mirror.test.name
}
`, lines, source)
	}
	own := lab.onLeaf(t, lab.tenant)
	named := "account = " + fmt.Sprintf("%q", lab.tenant.PublicKey())
	w := acctest.NewInProcess(t, own+resources("", ""))
	known := func(when string) {
		t.Helper()
		for _, address := range []string{bucket, mirror, "nats_kine_bucket.restored", data} {
			stored := w.Stored(t, address)
			if account := stored.Text("account"); account != lab.tenant.PublicKey() {
				t.Errorf("%s, %s is in the account %q", when, address, account)
			}
			if datastore, ok := stored["datastore"].(map[string]any); ok && datastore["account"] != lab.tenant.PublicKey() {
				t.Errorf("%s, the datastore of %s is in the account %v", when, address, datastore["account"])
			}
		}
		if domain := w.Stored(t, data).Text("jetstream_domain"); domain != "leaf" {
			t.Errorf("%s, the data source is in the domain %q", when, domain)
		}
	}
	w.Apply(t)
	known("after the apply")
	w.AssertConverged(t)
	w.Configure(t, own+resources(named, named)) // the source is in the same account
	w.AssertConverged(t)
	w.Configure(t, own+resources(fmt.Sprintf("account = %q", lab.other.PublicKey()), ""))
	w.Refused(t, fmt.Sprintf("account is %q and cannot become %q", lab.tenant.PublicKey(), lab.other.PublicKey()), "plan")

	// The state of an earlier version has no account, in neither the attributes nor the identity.
	forget(t, w, "account", lab.tenant.PublicKey())
	w.Configure(t, own+resources("", ""))
	w.Must(t, "plan", "-refresh=false")
	w.AssertEmptyPlan(t)
	w.Configure(t, own+resources(named, named))
	w.AssertEmptyPlan(t)
	w.Apply(t)
	known("after a refresh")
	w.AssertConverged(t)

	w.Must(t, "state", "rm", bucket, mirror, data)
	w.Must(t, "import", bucket, "hub:kine")
	w.Must(t, "import", mirror, lab.tenant.PublicKey()+"/leaf:kine")
	w.Apply(t)
	known("after an import")
	w.AssertConverged(t)

	// The provider gets credentials of another account.
	w.Configure(t, lab.onLeaf(t, lab.other)+resources("", ""))
	w.Refused(t, fmt.Sprintf("The account is %s, the provider's own credentials belong to the account %s, and no "+
		"account signing key is configured.",
		lab.tenant.PublicKey(), lab.other.PublicKey()), "plan")
	w.Configure(t, lab.onLeaf(t, lab.other, fmt.Sprintf("accounts = { signing_key = %q }", lab.tenant.SigningKeySeed()))+
		resources("", named))
	w.Must(t, "plan", "-target="+bucket, "-target="+mirror, "-detailed-exitcode")
}

// The source of a restored bucket can be written with its effective values without a change. Other values are a change.
func TestRestoreFromWrittenOut(t *testing.T) {
	own, other := acctest.NewKey(t, natsconn.AccountKey).Public, acctest.NewKey(t, natsconn.AccountKey).Public
	provider := acctest.Config{
		"servers":  []any{"nats://127.0.0.1:1"},
		"accounts": acctest.Config{"signing_key": acctest.NewKey(t, natsconn.AccountKey).Seed},
	}
	bucket := func(from acctest.Config) acctest.Config {
		from["bucket"] = "kine"
		return acctest.Config{
			"name": "kine", "account": own, "jetstream_domain": "leaf", "history": 10, "replicas": 1,
			"deletion_protection": true, "stream": "KV_kine",
			"contract_violations": []any{}, "fenced": false, "force_unfence": false, "force_destroy": false,
			"restore_from": from,
		}
	}
	for name, c := range map[string]struct {
		was, is acctest.Config
		refused bool
	}{
		"own account":     {acctest.Config{"jetstream_domain": "hub"}, acctest.Config{"jetstream_domain": "hub", "account": own}, false},
		"its domain":      {acctest.Config{"account": other}, acctest.Config{"account": other, "jetstream_domain": "leaf"}, false},
		"its prefix":      {acctest.Config{"account": other}, acctest.Config{"account": other, "api_prefix": mirror.APIPrefix(other)}, false},
		"another account": {acctest.Config{"jetstream_domain": "hub"}, acctest.Config{"jetstream_domain": "hub", "account": other}, true},
		"another domain":  {acctest.Config{"account": other}, acctest.Config{"account": other, "jetstream_domain": "hub"}, true},
	} {
		_, found := acctest.PlanResource(t, provider, "nats_kine_bucket", bucket(c.was), bucket(c.is))
		if failures := acctest.Failures(found); (len(failures) > 0) != c.refused ||
			c.refused && !strings.Contains(failures[0].Text, "Bucket Already Exists") {
			t.Errorf("%s: %v", name, found)
		}
	}
}
