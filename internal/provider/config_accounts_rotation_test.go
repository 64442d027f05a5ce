package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// resolver is the directory in which the servers store accounts.
func (s *system) resolver(t *testing.T) *resolver.Resolver {
	t.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: s.urls, Auth: natsconn.Auth{Credentials: s.credentials}}, nil)
	t.Cleanup(client.Close)
	return resolver.New(client, claims.SystemClock{})
}

// signingKeys returns the signing keys of an account as the servers have them.
func (s *system) signingKeys(t *testing.T, publicKey string) []string {
	t.Helper()
	stored, err := s.resolver(t).Lookup(t.Context(), publicKey)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, key := range stored.Account.SigningKeys {
		keys = append(keys, key.PublicKey)
	}
	slices.Sort(keys)
	return keys
}

// sorted returns the public keys in order.
func sorted(keys ...acctest.Key) (public []string) {
	for _, key := range keys {
		public = append(public, key.Public)
	}
	slices.Sort(public)
	return public
}

// The provider's signing key is rotated with an overlap: no resource is replaced, no KINE is disconnected, and the old
// key is removed in the end.
func TestAccCLIRotateAccountSigningKey(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	newSystem(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs()).rotateKey(t)
}

// rotateKey creates a tenant, rotates the signing key of the provider's accounts, and destroys the tenant.
func (s *system) rotateKey(t *testing.T) {
	t.Helper()
	old := s.key
	w := acctest.NewWorkspace(t, s.provider()+s.tenantConfig("edge"))
	w.Apply(t)
	publicKey := output(t, w, "edge_account")
	endpoint, before := s.provision(t, w, "edge")
	running := kinelab.Run(t, endpoint)

	step := func(what, provider string, want ...acctest.Key) {
		t.Helper()
		w.Configure(t, provider+s.tenantConfig("edge"))
		out := w.Must(t, "apply", "-auto-approve")
		if !strings.Contains(out, "0 added, ") || !strings.Contains(out, "0 destroyed") {
			t.Errorf("%s: something was replaced:\n%s", what, out)
		}
		if got := s.signingKeys(t, publicKey); !slices.Equal(got, sorted(want...)) {
			t.Errorf("%s: the account has the keys %v, and not %v", what, got, sorted(want...))
		}
		w.AssertEmptyPlan(t)
	}
	s.key = acctest.NewKey(t, natsconn.AccountKey)
	step("with both keys", s.provider(fmt.Sprintf("previous_public_keys = [%q]", old.Public)), old, s.key)
	assertWorks(t, running)
	if lines := disconnections(running); len(lines) > 0 {
		t.Errorf("the KINE with the old key's credentials was disconnected: %s", lines)
	}

	// The node gets its new credentials, and KINE is started with them, as for an upgrade of k3s.
	_, after := s.provision(t, w, "edge")
	if before == after {
		t.Error("the user was not signed anew")
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	running = kinelab.Run(t, endpoint)
	closed := make(chan struct{})
	stale, err := nats.Connect(s.urls[0], nats.UserCredentialBytes([]byte(before)), nats.NoReconnect(),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatalf("with the old key's credentials, before it goes: %v", err)
	}
	defer stale.Close()
	step("without the old key", s.provider(), s.key)
	assertWorks(t, running)
	if lines := disconnections(running); len(lines) > 0 {
		t.Errorf("the KINE with the new key's credentials was disconnected: %s", lines)
	}
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("who uses what the old key has signed stays connected")
	}
	w.Must(t, "destroy", "-auto-approve")
}

// Users and activations are signed with a key that the same apply creates, each time it is replaced. If the key did not
// change, nothing is signed again.
func TestAccCLIAccountSigningKeyFromResource(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	s := newSystem(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs())
	importer := acctest.NewKey(t, natsconn.AccountKey)
	config := func(input string) string {
		s.key.Seed = "REPLACED"
		return strings.Replace(s.provider(), `"REPLACED"`, "terraform_data.key.output", 1) + fmt.Sprintf(`
provider "nats" {
  alias = "offline"
}

resource "nats_nkey" "key" {
  provider = nats.offline
  type     = "account"
}

resource "terraform_data" "key" {
  input            = nats_nkey.key.seed
  triggers_replace = %q
}

resource "nats_account" "a" {
  name                = "a"
  deletion_protection = false
}

resource "nats_user" "a" {
  account = nats_account.a.public_key
  name    = "a"
}

resource "nats_activation" "a" {
  account        = nats_account.a.public_key
  import_account = %q
  subject        = "a.>"
  type           = "stream"
}

output "key" { value = nats_nkey.key.public_key }
output "issuers" { value = join(" ", [nats_user.a.issuer, nats_activation.a.issuer]) }
output "user" {
  value     = nats_user.a.jwt
  sensitive = true
}
`, input, importer.Public)
	}
	w := acctest.NewWorkspace(t, config("1"))
	w.Apply(t)
	first := output(t, w, "key")
	settled := func(what string) {
		t.Helper()
		key := output(t, w, "key")
		if got := output(t, w, "issuers"); got != key+" "+key {
			t.Errorf("%s: signed by %s, and not by %s", what, got, key)
		}
		w.AssertEmptyPlan(t)
	}
	settled("created")

	out := w.Must(t, "apply", "-auto-approve", "-replace=nats_nkey.key")
	if second := output(t, w, "key"); first == second {
		t.Fatal("the key is the same")
	}
	settled("replaced")
	if !strings.Contains(out, "Signing Key Is Removed") { // which the CLI learns when the key is known
		t.Errorf("the loss of the key before is not told:\n%s", out)
	}

	before := output(t, w, "user")
	w.Configure(t, config("2"))
	w.Apply(t)
	settled("the same in a new place")
	if output(t, w, "user") != before {
		t.Error("the user was signed anew")
	}
	w.Must(t, "destroy", "-auto-approve")
}

// A plan warns of keys that an account loses, for example in an environment that does not have them.
func TestAccCLIAccountSigningKeyForgotten(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	s := newSystem(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs())
	old := s.key
	account := "resource \"nats_account\" \"a\" {\n  name = \"a\"\n  deletion_protection = false\n  %s\n}\n"
	plain := fmt.Sprintf(account, "")
	w := acctest.NewWorkspace(t, s.provider()+plain)
	if out := w.Apply(t); strings.Contains(out, "Signing Key Is Removed") {
		t.Errorf("a new account:\n%s", out)
	}
	without := strings.Replace(s.provider(), "signing_key = \""+old.Seed, "# \"", 1)
	s.key = acctest.NewKey(t, natsconn.AccountKey)
	for _, c := range []struct {
		what, config string
		warned       bool
	}{
		{"no key", without + plain, true},
		{"another key", s.provider() + plain, true},
		{"both keys", s.provider(fmt.Sprintf("previous_public_keys = [%q]", old.Public)) + plain, false},
		{"the account's own", s.provider() + fmt.Sprintf(account, fmt.Sprintf("signing_keys = [{ public_key = %q }]", old.Public)), false},
	} {
		w.Configure(t, c.config)
		out := w.Must(t, "plan")
		if warned := strings.Contains(out, "Signing Key Is Removed"); warned != c.warned {
			t.Errorf("%s: warned %v\n%s", c.what, warned, out)
		}
		if c.warned && !strings.Contains(out, old.Public) {
			t.Errorf("%s: the key is not named\n%s", c.what, out)
		}
	}
}

// assertWorks checks that KINE answers reads and writes.
func assertWorks(t *testing.T, kine *kinelab.Kine) {
	t.Helper()
	client := dial(t, kine.Endpoint())
	seeded, err := etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 3)
	if err == nil {
		err = etcdtest.VerifyAll(t.Context(), client, seeded)
	}
	if err != nil {
		t.Error(err)
	}
}

// disconnections returns the lines of KINE's log that report a lost connection.
func disconnections(kine *kinelab.Kine) []string {
	var lines []string
	for _, line := range kine.Logs() {
		if strings.Contains(strings.ToLower(line), "disconnect") {
			lines = append(lines, line)
		}
	}
	return lines
}
