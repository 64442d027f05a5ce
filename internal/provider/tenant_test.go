package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// KINE runs as a user with the permissions that kine_permissions returns, and does not if any of them is missing.
func TestAccCLIUserWithKINEPermissions(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	tenant, err := operator.AddAccount("tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	admin, err := tenant.Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	config := func(bucket string) string {
		return acctest.ProviderConfig(lab.URLs(), fmt.Sprintf("credentials = %q", admin)) + fmt.Sprintf(`
resource "nats_kine_bucket" "cluster" {
  deletion_protection = false
}

resource "nats_user" "k3s" {
  account             = %q
  name                = "k3s"
  permissions         = provider::nats::kine_permissions(%q)
  signing_key_seed_wo = %q
  revoke_on_destroy   = false
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers          = [%q]
  datastore        = nats_kine_bucket.cluster.datastore
  credentials_file = "/etc/nats/k3s.creds"
  verify           = "etcd"
  verification = {
    credentials_wo         = nats_user.k3s.credentials
    credentials_wo_version = nats_user.k3s.jwt_id
  }
}
`, tenant.PublicKey(), bucket, tenant.SigningKeySeed(), lab.ClientURL())
	}
	w := acctest.NewWorkspace(t, config("kine"))
	w.Apply(t)
	w.AssertEmptyPlan(t)

	w.Configure(t, config("another"))
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	if err == nil || !strings.Contains(out, "Grant these permissions to the user") ||
		!strings.Contains(out, "$KV.kine.>") {
		t.Errorf("with the permissions for another bucket: %v\n%s", err, out)
	}
	w.Configure(t, config("kine"))
	w.Must(t, "destroy", "-auto-approve")
}
