package account_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// Many accounts at once are made, listed, planned without a change and destroyed.
func TestAccManyAccounts(t *testing.T) { manyAccounts(t, 20) }

func manyAccounts(t *testing.T, accounts int) {
	t.Helper()
	b := single(t)
	w := acctest.NewInProcess(t, b.provider()+fmt.Sprintf(`
resource "nats_account" "tenant" {
  count               = %d
  name                = "tenant-${count.index}"
  jetstream           = { disk_storage = "1GiB" }
  deletion_protection = false
}

data "nats_accounts" "all" {
  depends_on = [nats_account.tenant]
}

output "names" {
  value = jsonencode([for a in data.nats_accounts.all.accounts : a.name if startswith(a.name, "tenant-")])
}
`, accounts))
	began := time.Now()
	w.Apply(t)
	applied := time.Now()
	out, err := w.Output(t.Context(), "names")
	var names []string
	if err == nil {
		err = json.Unmarshal([]byte(out), &names)
	}
	if err != nil || len(names) != accounts {
		t.Errorf("%d accounts are listed: %v", len(names), err)
	}
	listed, err := b.resolver.List(t.Context())
	if err != nil || len(listed) != accounts+1 {
		t.Errorf("the servers have %d accounts: %v", len(listed), err)
	}
	planning := time.Now()
	if out := w.Must(t, "plan", "-detailed-exitcode"); !strings.Contains(out, "No changes") {
		t.Error(out)
	}
	planned := time.Now()
	w.Must(t, "destroy", "-auto-approve")
	t.Logf("%d accounts: apply %s, plan %s, destroy %s", accounts, applied.Sub(began).Round(time.Second),
		planned.Sub(planning).Round(time.Second),
		time.Since(planned).Round(time.Second))
	if err := b.none(t); err != nil {
		t.Error(err)
	}
}
