package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// In an account that is managed elsewhere, the provider works without an operator once the owner has added its key.
// Until then the error explains how.
func TestAccCLIAccountManagedElsewhere(t *testing.T) {
	t.Parallel()
	key := acctest.NewKey(t, natsconn.AccountKey)
	operator := newOperator(t)
	open, err := operator.AddAccount("open", func(c *jwt.AccountClaims) { c.SigningKeys.Add(key.Public) })
	if err != nil {
		t.Fatal(err)
	}
	closed, err := operator.AddAccount("closed", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	config := func(accounts, account string) string {
		return acctest.ProviderConfig(lab.URLs(), accounts) + fmt.Sprintf(`
resource "nats_kine_bucket" "cluster" {
  account             = %[1]q
  deletion_protection = false
}

resource "nats_user" "k3s" {
  account           = %[1]q
  name              = "k3s"
  permissions       = provider::nats::kine_permissions(nats_kine_bucket.cluster.name)
  revoke_on_destroy = false
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers          = [%[2]q]
  datastore        = nats_kine_bucket.cluster.datastore
  credentials_file = "/etc/nats/k3s.creds"
  verify           = "etcd"
  verification = {
    credentials_wo         = nats_user.k3s.credentials
    credentials_wo_version = nats_user.k3s.jwt_id
  }
}
`, account, lab.ClientURL())
	}
	withKey := fmt.Sprintf("accounts = {\n    signing_key = %q\n  }", key.Seed)
	w := acctest.NewWorkspace(t, config(withKey, open.PublicKey()))
	w.Apply(t)
	w.AssertEmptyPlan(t)

	// The same bucket by its account's name: the import id has it in front.
	w.Must(t, "state", "rm", "nats_kine_bucket.cluster")
	w.Must(t, "import", "nats_kine_bucket.cluster", open.PublicKey()+"/kine")
	w.Apply(t) // an imported bucket is protected
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")

	for _, c := range []struct{ what, accounts, account, want string }{
		{"without the key", withKey, closed.PublicKey(), "nsc edit account --name NAME --sk " + key.Public},
		{"with an unknown account", withKey, acctest.NewKey(t, natsconn.AccountKey).Public, "Check that these servers have the account"},
		{"without a key at all", "", open.PublicKey(), "Set accounts.signing_key in the provider's configuration, or NATS_ACCOUNT_SIGNING_KEY"},
	} {
		w.Configure(t, config(c.accounts, c.account))
		out, err := w.Run(t.Context(), "apply", "-auto-approve")
		if err == nil || !acctest.Text(c.want).MatchString(out) {
			t.Errorf("%s: %v\n%s", c.what, err, out)
		}
		if strings.Contains(out, key.Seed) {
			t.Errorf("%s: the seed is in the output", c.what)
		}
	}
}
