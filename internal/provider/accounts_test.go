package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// system is servers in operator mode, and what a provider needs to manage accounts on them and to work in these.
type system struct {
	operator *natslab.Operator
	urls     []string
	// credentials are those of a user of the system account.
	credentials string
	// key is the signing key that the provider works in accounts with.
	key acctest.Key
}

// newSystem returns the system of servers of the operator.
func newSystem(t *testing.T, operator *natslab.Operator, urls []string) *system {
	t.Helper()
	credentials, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &system{operator: operator, urls: urls, credentials: credentials, key: acctest.NewKey(t, natsconn.AccountKey)}
}

// provider is the provider's configuration with an operator and a key for accounts, with further lines in the latter.
func (s *system) provider(lines ...string) string {
	return acctest.ProviderConfig(s.urls,
		fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }", s.operator.SigningKeySeed(), s.credentials),
		fmt.Sprintf("accounts = {\n    signing_key = %q\n    %s\n  }", s.key.Seed, strings.Join(lines, "\n    ")))
}

// tenantConfig is all that a k3s cluster needs, in an account of its own.
func (s *system) tenantConfig(name string) string {
	return fmt.Sprintf(`
resource "nats_account" %[1]q {
  name                = %[1]q
  jetstream           = { disk_storage = "1GiB" }
  deletion_protection = false
}

resource "nats_kine_bucket" %[1]q {
  account             = nats_account.%[1]s.public_key
  deletion_protection = false
}

resource "nats_user" %[1]q {
  account     = nats_account.%[1]s.public_key
  name        = "k3s"
  permissions = provider::nats::kine_permissions(nats_kine_bucket.%[1]s.name)
}

resource "nats_k3s_datastore_endpoint" %[1]q {
  servers          = [%[2]q]
  datastore        = nats_kine_bucket.%[1]s.datastore
  credentials_file = "/etc/nats/k3s.creds"
  verify           = "etcd"
  verification = {
    credentials_wo         = nats_user.%[1]s.credentials
    credentials_wo_version = nats_user.%[1]s.public_key
  }
}
`, name, s.urls[0])
}

func newOperator(t *testing.T) *natslab.Operator {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

// From nothing to a tenant that k3s can start on, in one apply.
func TestAccCLITenant(t *testing.T) {
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator), natslab.Client())
	s := newSystem(t, operator, lab.URLs())
	w := acctest.NewWorkspace(t, s.provider()+s.tenantConfig("edge"))
	w.Apply(t)
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}
