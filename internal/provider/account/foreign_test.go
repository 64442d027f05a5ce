package account_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// The plan finds a signing key of another operator than that of the servers, for a new account, for one that exists and
// for its deletion, and names the setting that the key comes from. It finds system credentials of another account too.
// Servers that do not answer prevent no plan.
func TestAccAccountForeignOperatorKeyInThePlan(t *testing.T) {
	operator, stranger := newOperator(t), newOperator(t)
	tenant, err := operator.AddAccount("TENANT", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs())
	tenantUser, err := tenant.Credentials("user", nil)
	if err != nil {
		t.Fatal(err)
	}
	configured := func(server, key, system string) *acctest.Provider {
		operator := acctest.Config{"system_credentials": system}
		if key != "" {
			operator["signing_key"] = key
		}
		return acctest.NewProvider(t, acctest.Config{
			"servers": []any{server}, "connect_timeout": "1s", "operator": operator,
		})
	}
	account := acctest.Config{"name": "a", "deletion_protection": false}
	p := configured(b.urls[0], b.operator.SigningKeySeed(), b.system)
	there, found := p.Apply(t, "nats_account", acctest.State{}, account)
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	refused := func(p *acctest.Provider, says ...string) {
		t.Helper()
		for name, planned := range map[string]struct {
			state  acctest.State
			config acctest.Config
		}{"a new account": {config: account}, "an account that is there": {there, account}, "a deletion": {state: there}} {
			_, found := p.Plan(t, "nats_account", planned.state, planned.config)
			failures := acctest.Failures(found)
			if len(failures) != 1 {
				t.Errorf("%s: %+v", name, found)
				continue
			}
			for _, part := range says {
				if !strings.Contains(failures[0].Text, part) {
					t.Errorf("%s: it does not say %q: %s", name, part, failures[0].Text)
				}
			}
		}
	}
	foreign := []string{
		"does not trust the operator key " + stranger.SigningKey(), b.operator.SigningKey(),
		"Nothing was pushed. Set operator.signing_key",
	}
	key := stranger.SigningKeySeed()
	refused(configured(b.urls[0], key, b.system), append(foreign, `"a": operator.signing_key: the server`)...)
	t.Setenv(connection.EnvSigningKey, key)
	refused(configured(b.urls[0], "", b.system), append(foreign, connection.EnvSigningKey+" in the environment: the")...)

	// A server that takes connections and says nothing, and none at all.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	for _, address := range []string{mute.Addr().String(), natslab.FreeAddress(t)} {
		p, began := configured("nats://"+address, b.operator.SigningKeySeed(), b.system), time.Now()
		for i := range 20 {
			tenant := acctest.Config{"name": fmt.Sprint("tenant-", i)}
			if _, found := p.Plan(t, "nats_account", acctest.State{}, tenant); len(found) > 0 {
				t.Errorf("%s: %+v", address, found)
			}
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%s: the plan of 20 accounts has waited for the servers of each: %s", address, took)
		}
	}
	p = configured(b.urls[0], b.operator.SigningKeySeed(), tenantUser)
	if _, found := p.Plan(t, "nats_account", acctest.State{}, account); len(found) != 1 ||
		!strings.Contains(found[0].Text, "are not those of a user of the system account") {
		t.Errorf("tenant credentials: %+v", found)
	}
}
