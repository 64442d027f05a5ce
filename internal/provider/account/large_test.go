package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// An account whose JWT the servers do not take is not made: the client sends no such message. One that is there stays
// as it was.
func TestAccAccountTooLarge(t *testing.T) {
	const limit = 8192
	b := single(t, natslab.Config(fmt.Sprintf("max_payload: %d", limit)))
	p := acctest.NewProvider(t, acctest.Config{
		"servers":  []any{b.urls[0]},
		"operator": acctest.Config{"signing_key": b.operator.SigningKeySeed(), "system_credentials": b.system},
	})
	exports := func(n int) acctest.Config {
		var list []any
		for i := range n {
			list = append(list, acctest.Config{
				"name": fmt.Sprintf("e%d", i), "subject": fmt.Sprintf("e.%d", i), "type": "stream",
				"description": strings.Repeat("x", 800),
			})
		}
		return acctest.Config{"name": "big", "exports": list, "deletion_protection": false}
	}
	refused := func(found []acctest.Diagnostic) {
		t.Helper()
		failures := acctest.Failures(found)
		if len(failures) != 1 || !acctest.Text(fmt.Sprintf("the server accepts messages of at most %d bytes (max_payload)",
			limit)).MatchString(failures[0].Text) ||
			!strings.Contains(failures[0].Text, "Nothing was pushed") {
			t.Errorf("%+v", found)
		}
	}
	none, found := p.Apply(t, "nats_account", acctest.State{}, exports(20))
	refused(found)
	if none.Exists() {
		t.Error("the account is in the state")
	}
	if err := b.none(t); err != nil {
		t.Error(err)
	}
	small, found := p.Apply(t, "nats_account", acctest.State{}, exports(1))
	if len(acctest.Failures(found)) > 0 {
		t.Fatalf("%+v", found)
	}
	key, _ := p.Attributes(t, "nats_account", small)["public_key"].(string)
	_, found = p.Apply(t, "nats_account", small, exports(20))
	refused(found)
	if n := len(b.stored(t, key).Account.Exports); n != 1 {
		t.Errorf("the servers have %d exports", n)
	}
}
