package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// verifiedConfig is an account with a bucket, and an endpoint that is verified as an ephemeral user with additional
// lines.
func verifiedConfig(server string, lines ...string) string {
	return fmt.Sprintf(`
resource "nats_account" "edge" {
  name                = "edge"
  jetstream           = { disk_storage = "1GiB" }
  deletion_protection = false
}

resource "nats_kine_bucket" "edge" {
  account             = nats_account.edge.public_key
  deletion_protection = false
}

ephemeral "nats_user_credentials" "check" {
  account     = nats_account.edge.public_key
  name        = "check"
  permissions = provider::nats::kine_permissions(nats_kine_bucket.edge.name)
  %s
}

resource "nats_k3s_datastore_endpoint" "edge" {
  servers          = [%q]
  datastore        = nats_kine_bucket.edge.datastore
  credentials_file = "/etc/nats/k3s.creds"
  verify           = "etcd"
  verification = {
    credentials_wo         = ephemeral.nats_user_credentials.check.credentials
    credentials_wo_version = "1"
  }
}
`, strings.Join(lines, "\n  "), server)
}

// With the provider's signing key and an account of the same apply, an endpoint is verified as a user that leaves no
// trace: no seed is in the state, the plan, the output or the log, and the account does not contain the user. The first
// plan cannot open the credentials, but the second does.
func TestAccCLIUserCredentials(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	s := newSystem(t, operator, lab.URLs())
	file := filepath.Join(t.TempDir(), "system.creds")
	if err := os.WriteFile(file, []byte(s.credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	output := "output \"account\" {\n  value = nats_account.edge.public_key\n}\n"
	r := &traces{w: acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+verifiedConfig(lab.ClientURL())+output)}
	// From the environment, so that the configuration, which is part of a plan, has none of them.
	r.w.Env = append(r.w.Env, connection.EnvSystemCredentials+"="+file,
		connection.EnvSigningKey+"="+operator.SigningKeySeed(),
		connection.EnvAccountSigningKey+"="+s.key.Seed)
	printed := func(args ...string) string {
		t.Helper()
		before := len(r.printed)
		r.trace(t, false, args...)
		return r.printed[before:]
	}
	const opening = "ephemeral.nats_user_credentials.check: Opening..."
	if out := printed("plan", "-out=saved"); strings.Contains(out, opening) {
		t.Errorf("the plan opens what depends on its apply:\n%s", out)
	}
	saved := filepath.Join(r.w.Dir, "saved")
	r.stored += acctest.Unzip(t, saved)
	r.trace(t, false, "show", "-json", "saved")
	if out := printed("apply", "-auto-approve", "saved"); !strings.Contains(out, opening) {
		t.Errorf("the apply does not open the credentials:\n%s", out)
	}
	stored := func() string {
		t.Helper()
		public, err := r.w.Output(t.Context(), "account")
		if err != nil {
			t.Fatal(err)
		}
		client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs(),
			Auth: natsconn.Auth{Credentials: s.credentials}}, nil)
		t.Cleanup(client.Close)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		found, err := resolver.New(client, claims.SystemClock{}).Lookup(ctx, public)
		if err != nil {
			t.Fatal(err)
		}
		return found.Token
	}
	before := stored()
	out := printed("plan", "-out=saved", "-detailed-exitcode")
	if !strings.Contains(out, opening) {
		t.Errorf("the plan does not open what is known:\n%s", out)
	}
	r.stored += acctest.Unzip(t, saved)
	if stored() != before {
		t.Error("the account changed")
	}
	for place, text := range map[string]string{"output": r.printed, "log": r.logged, "state": r.stored} {
		if found := seedsIn(text); len(found) > 0 {
			t.Errorf("%d seeds are in the %s", len(found), place)
		}
		if strings.Contains(text, "USER JWT") {
			t.Errorf("credentials are in the %s", place)
		}
	}
	// That the search can find something is shown by what is known to be there.
	if !strings.Contains(r.logged, "signed user of an ephemeral resource") ||
		!strings.Contains(r.stored, "credentials_wo_version") {
		t.Error("there is nothing to be searched")
	}
	r.trace(t, false, "destroy", "-auto-approve")
}

// untilExpired is a provisioner that runs until the credentials have expired.
const untilExpired = `
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command     = "for i in $(seq 600); do [ $(date -u +%Y-%m-%dT%H:%M:%SZ) \\> $AT ] && exit; sleep 0.1; done; exit 1"
    environment = { AT = ephemeral.nats_user_credentials.check.expires_at }
  }
}
`

// An apply that outlives its credentials reports it: by a warning if it succeeded without them, and by the
// verification's error if it needed them.
func TestAccCLIUserCredentialsExpire(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	s := newSystem(t, operator, lab.URLs())
	w := acctest.NewWorkspace(t, s.provider()+verifiedConfig(lab.ClientURL()))
	w.Apply(t)

	short := s.provider() + verifiedConfig(lab.ClientURL(), `expires_in = "2s"`)
	w.Configure(t, short+untilExpired)
	if out := w.Apply(t); !acctest.Text(`The credentials of the user "check" expired at`).MatchString(out) ||
		!strings.Contains(out, "Increase expires_in") {
		t.Errorf("there is no warning:\n%s", out)
	}
	w.Configure(t,
		strings.NewReplacer(`verify           = "etcd"`, "depends_on = [terraform_data.again]\n  verify = \"contract\"",
			`credentials_wo_version = "1"`,
			`credentials_wo_version = "2"`).Replace(short)+strings.Replace(untilExpired, `"slow"`, `"again"`, 1))
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	if want := acctest.Text("The credentials in verification.credentials_wo expired at"); err == nil ||
		!want.MatchString(out) {
		t.Errorf("verified as a user that has expired: %v\n%s", err, out)
	}
	w.Configure(t, s.provider()+verifiedConfig(lab.ClientURL()))
	if out := w.Must(t, "destroy", "-auto-approve"); strings.Contains(out, "expired") {
		t.Errorf("credentials that last are said to have expired:\n%s", out)
	}
}

// While the provider's signing key is unknown, credentials that need it return an error with the remedy. With the same
// key in their own configuration, they wait for the apply.
func TestAccCLIUserCredentialsUnknownKey(t *testing.T) {
	t.Parallel()
	tenant := acctest.NewKey(t, natsconn.AccountKey)
	config := func(line string) string {
		return fmt.Sprintf(`
resource "nats_nkey" "signing" {
  type = "account"
}

provider "nats" {}

provider "nats" {
  alias    = "late"
  accounts = { signing_key = nats_nkey.signing.seed }
}

ephemeral "nats_user_credentials" "check" {
  provider = nats.late
  account  = %q
  name     = "check"
  %s
}

resource "terraform_data" "issuer" {
  provisioner "local-exec" {
    command     = "printf %%s \"$ISSUER\" > issuer"
    environment = { ISSUER = ephemeral.nats_user_credentials.check.issuer }
  }
}

output "signing" {
  value = nats_nkey.signing.public_key
}
`, tenant.Public, line)
	}
	w := acctest.NewWorkspace(t, config(""))
	out, err := w.Run(t.Context(), "plan")
	if want := acctest.Text("Alternatively, set signing_key_seed to the same seed here"); err == nil ||
		!want.MatchString(out) {
		t.Errorf("signed with a key that is not known: %v\n%s", err, out)
	}
	w.Configure(t, config("signing_key_seed = nats_nkey.signing.seed"))
	w.Apply(t)
	signing, err := w.Output(t.Context(), "signing")
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, filepath.Join(w.Dir, "issuer")); got != signing {
		t.Errorf("signed by %q, not %q", got, signing)
	}
	w.Configure(t, config("")) // the key is known now
	w.AssertEmptyPlan(t)

	// Without any key, the plan has an error.
	w.Configure(t, strings.Replace(config(""), "accounts = { signing_key = nats_nkey.signing.seed }", "", 1))
	out, err = w.Run(t.Context(), "plan")
	if want := acctest.Text("Neither signing_key_seed nor the provider's accounts.signing_key is set"); err == nil ||
		!want.MatchString(out) {
		t.Errorf("signed without a key: %v\n%s", err, out)
	}
}

// The example verifies an endpoint on an existing bucket.
func TestAccCLIUserCredentialsExample(t *testing.T) {
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
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs(), fmt.Sprintf("credentials = %q", admin))+
		"resource \"nats_kine_bucket\" \"edge\" {\n  name                = \"edge-berlin\"\n  deletion_protection = false\n"+
		"}\n")
	w.Apply(t)

	example := text(t,
		filepath.Join("..", "..", "examples", "ephemeral-resources", "nats_user_credentials", "ephemeral-resource.tf"))
	verified := w.Another(t, "provider \"nats\" {}\n"+
		strings.NewReplacer("nats://nats-1.example.com:4222", lab.ClientURL(), "replicas = 3",
			"replicas = 1").Replace(example))
	verified.Env = append(verified.Env, "TF_VAR_account="+tenant.PublicKey(),
		"TF_VAR_signing_key_seed="+tenant.SigningKeySeed())
	verified.Apply(t)
	verified.AssertEmptyPlan(t)
}
