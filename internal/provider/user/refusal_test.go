package user_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A user whom servers would refuse is an error: of the plan where that settles the account, and else of the apply,
// before anything is signed. A user who was signed already is a warning.
func TestAccCLIUserCannotConnect(t *testing.T) {
	other := newPair(t, natsconn.AccountKey)
	b := newBench(t, 1, func(claims *jwt.AccountClaims) { claims.Limits.DisallowBearer = true })
	managed := newPair(t, natsconn.AccountKey)
	signing := newPair(t, natsconn.AccountKey)
	account := func(limits string) string {
		return fmt.Sprintf(`
resource "nats_account" "a" {
  name                = "managed"
  public_key          = %q
  signing_keys        = [{ public_key = %q }]
  limits              = { %s }
  deletion_protection = false
}
`, managed.public, signing.public, limits)
	}
	user := func(lines string) string {
		return "resource \"nats_user\" \"test\" {\n  name = \"k3s\"\n  account = nats_account.a.public_key\n  " +
			lines + "\n}\n"
	}
	signed := fmt.Sprintf("signing_key_seed_wo = %q\n  ", signing.seed)
	w := acctest.NewInProcess(t, "")

	// The plan knows what becomes of the account.
	w.Configure(t, b.providerConfig()+account("disallow_bearer = true")+user(signed+"bearer_token = true"))
	w.Refused(t, "forbid bearer tokens", "plan")
	w.Configure(t, b.providerConfig()+account("")+user(fmt.Sprintf("signing_key_seed_wo = %q", other.seed)))
	w.Refused(t, "is not one of the account's signing keys", "plan")
	w.Configure(t, b.providerConfig()+account("")+user(signed+"scoped = true"))
	w.Refused(t, "The key is a plain signing key of the account", "plan")

	// Who is signed already is warned of.
	apply(t, w, b.providerConfig()+account("")+user(signed+"bearer_token = true"), created)
	w.Configure(t, b.providerConfig()+account("disallow_bearer = true")+user(signed+"bearer_token = true"))
	if out := w.Must(t, "plan"); !acctest.Text("User Cannot Connect").MatchString(out) {
		t.Errorf("not warned of:\n%s", out)
	}

	// An account that is managed elsewhere is looked up before something is signed.
	w.Must(t, "destroy", "-auto-approve")
	w.Configure(t, b.providerConfig()+b.user("bearer_token = true"))
	w.Refused(t, "forbid bearer tokens", "apply", "-auto-approve")
	w.Configure(t, b.providerConfig()+userBlock(b.account.PublicKey(), other.seed))
	w.Refused(t, "is not one of the account's signing keys", "apply", "-auto-approve")
	if state := w.StateText(t); state != "" && acctest.Text("nats_user").MatchString(state) {
		t.Errorf("something was stored: %s", state)
	}
	w.Configure(t, b.providerConfig()+fmt.Sprintf(`
ephemeral "nats_user_credentials" "test" {
  name             = "ci"
  account          = %q
  signing_key_seed = %q
}
`, b.account.PublicKey(), other.seed))
	w.Refused(t, "is not one of the account's signing keys", "plan")

	// A JWT that is longer than the server takes is a warning: who signs does not know how the servers are configured.
	w.Configure(t, b.providerConfig()+b.user(`permissions = {
    publish   = { allow = [for i in range(40) : "factory.site.line-${i}.telemetry.>"] }
    subscribe = { allow = concat(["_INBOX.>"], [for i in range(40) : "factory.site.line-${i}.commands.>"]) }
  }`))
	if out := w.Apply(t); !acctest.Text("User's JWT Is Too Long").MatchString(out) {
		t.Errorf("not warned of:\n%s", out)
	}
	nc, err := connect(b.urls[0], nats.UserCredentialBytes([]byte(read(t, w.Stored(t, address)).credentials)))
	if err == nil {
		nc.Close()
		t.Error("the server takes the long JWT")
	}

	// Without a user of the system account nothing is known, and the user is signed. The server refuses it.
	s := apply(t, w, userConfig(b.account.PublicKey(), other.seed), updated)
	b.isRefused(t, s)
	w.Must(t, "destroy", "-auto-approve")
}
