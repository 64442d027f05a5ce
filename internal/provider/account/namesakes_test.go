package account_test

import (
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// A plan or an apply warns of another account of the same name, with its public key, whether or not servers have loaded
// it. It does so for a new account, for one that is pushed from now on and for one that is renamed. Where the servers
// do not tell, there is no warning and no error.
func TestAccAccountSameName(t *testing.T) {
	operator := newOperator(t)
	cluster := natslab.Cluster(t, 3, natslab.OperatorMode(operator))
	b := newBench(t, operator, cluster.URLs())
	provider := func() *acctest.Provider {
		return acctest.NewProvider(t, acctest.Config{
			"servers":  []any{b.urls[0]},
			"operator": acctest.Config{"signing_key": b.operator.SigningKeySeed(), "system_credentials": b.system},
		})
	}
	push := func(name string, jetStream *claims.JetStream) string {
		t.Helper()
		key := newKey(t, natsconn.AccountKey)
		a := claims.Account{Claims: claims.Claims{PublicKey: key, Name: name}, JetStream: jetStream}
		to := func(*resolver.Stored) (*claims.Account, error) { return &a, nil }
		if _, err := b.resolver.Change(t.Context(), key, newSigner(t, b.operator), to); err != nil {
			t.Fatal(err)
		}
		return key
	}
	loaded, stored := push("loaded", &claims.JetStream{}), push("stored", nil)
	named := func(name string) acctest.Config {
		return acctest.Config{"name": name, "deletion_protection": false}
	}
	// warned wants one warning for each of these accounts, and nothing else.
	warned := func(found []acctest.Diagnostic, keys ...string) {
		t.Helper()
		text := ""
		for _, d := range found {
			text += d.Text
			if d.Path != "name" || !d.Warning || !strings.HasPrefix(d.Text, "Another Account Has the Same Name\n") {
				t.Errorf("%+v", d)
			}
		}
		for _, key := range keys {
			if !strings.Contains(text, "import ADDRESS "+key) {
				t.Errorf("%s is not named: %s", key, text)
			}
		}
		if len(found) != len(keys) {
			t.Errorf("%d warnings for %d accounts: %s", len(found), len(keys), text)
		}
	}

	p := provider()
	_, found := p.Plan(t, "nats_account", acctest.State{}, named("loaded"))
	warned(found, loaded)
	_, found = p.Plan(t, "nats_account", acctest.State{}, named("stored"))
	warned(found, stored)
	other, found := p.Apply(t, "nats_account", acctest.State{}, named("other"))
	warned(found)
	for range 2 { // an account is not its own namesake
		_, found = p.Plan(t, "nats_account", other, named("other"))
		warned(found)
	}
	_, found = p.Apply(t, "nats_account", other, named("stored"))
	warned(found, stored)
	quiet := named("loaded")
	quiet["push"] = false
	signed, found := provider().Apply(t, "nats_account", acctest.State{}, quiet)
	warned(found)
	_, found = provider().Plan(t, "nats_account", signed, named("loaded"))
	if len(found) != 2 { // that it is pushed from now on is said too
		t.Errorf("%+v", found)
	}

	// Two of one configuration: the plan tells of the second, and the apply of the one that was made before.
	p = provider()
	_, found = p.Plan(t, "nats_account", acctest.State{}, named("twice"))
	warned(found)
	_, found = p.Plan(t, "nats_account", acctest.State{}, named("twice"))
	if len(found) != 1 || !strings.Contains(found[0].Text, "This configuration creates more than one") {
		t.Errorf("%+v", found)
	}
	first, _ := provider().Apply(t, "nats_account", acctest.State{}, named("twice"))
	key, _ := p.Attributes(t, "nats_account", first)["public_key"].(string)
	_, found = provider().Apply(t, "nats_account", acctest.State{}, named("twice"))
	warned(found, key)
	// One that was destroyed is not warned of.
	gone := provider()
	made, _ := gone.Apply(t, "nats_account", acctest.State{}, named("gone"))
	gone.Apply(t, "nats_account", made, nil)
	_, found = gone.Plan(t, "nats_account", other, named("gone"))
	warned(found)

	b.system = restricted(t, b, "$SYS.REQ.CLAIMS.LIST")
	_, found = provider().Apply(t, "nats_account", acctest.State{}, named("loaded"))
	warned(found)
	b.system = restricted(t, b, "$SYS.REQ.ACCOUNT.PING.STATZ")
	_, found = provider().Plan(t, "nats_account", acctest.State{}, named("stored"))
	if len(found) != 1 {
		t.Errorf("%+v", found)
	}
}

// restricted returns credentials of a user of the system account who may not publish to a subject.
func restricted(t *testing.T, b *bench, denied string) string {
	t.Helper()
	deny := func(user *jwt.UserClaims) { user.Pub.Deny.Add(denied) }
	credentials, err := b.operator.SystemAccount().Credentials("terraform", deny)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

// A replacement warns of nothing, since the other account is the one that goes. In a workspace whose state was lost,
// the plan warns before another account is created.
func TestAccCLIAccountSameName(t *testing.T) {
	b := single(t)
	w := acctest.NewInProcess(t, b.provider()+config(`name = "a"`))
	const summary = "Another Account Has the Same Name"
	if out := w.Apply(t); strings.Contains(out, summary) {
		t.Error(out)
	}
	key := w.Stored(t, address).Text("public_key")
	if out := w.Must(t, "apply", "-auto-approve", "-replace="+address); strings.Contains(out, summary) {
		t.Errorf("a replacement warns:\n%s", out)
	}
	replaced := w.Stored(t, address).Text("public_key")
	if replaced == key {
		t.Fatal("it was not replaced")
	}
	lost := w.Another(t, b.provider()+config(`name = "a"`))
	out := lost.Must(t, "plan")
	if strings.Count(out, summary) != 1 || !acctest.Text("import ADDRESS "+replaced).MatchString(out) {
		t.Errorf("the plan of a workspace whose state was lost:\n%s", out)
	}
	if out := lost.Must(t, "apply", "-auto-approve"); !strings.Contains(out, summary) {
		t.Errorf("the apply of a workspace whose state was lost:\n%s", out)
	}
	lost.Must(t, "destroy", "-auto-approve")
	b.destroyed(t, w)
}
