package account_test

import (
	"fmt"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// A resource with the public key of an account that is there takes it over if it is the same, and no replacement
// deletes it then.
func TestAccAccountTakenOver(t *testing.T) {
	b := single(t)
	key := newKey(t, natsconn.AccountKey)
	there := claims.Account{Claims: claims.Claims{PublicKey: key, Name: "a"}}
	if _, err := b.resolver.Change(t.Context(), key, newSigner(t, b.operator), func(*resolver.Stored) (*claims.Account, error) {
		return &there, nil
	}); err != nil {
		t.Fatal(err)
	}
	lines := func(name, more string) string {
		return b.provider() + config(fmt.Sprintf("name = %q\n  public_key = %q\n  %s", name, key, more))
	}
	w := acctest.NewInProcess(t, lines("other", ""))
	w.Refused(t, "import it: terraform import ADDRESS "+key, "apply", "-auto-approve")
	before := b.stored(t, key).Token
	w.Configure(t, lines("a", "lifecycle {\n    create_before_destroy = true\n  }"))
	if out := w.Apply(t); !acctest.Text("Account Already Existed").MatchString(out) {
		t.Errorf("the account was adopted without a warning:\n%s", out)
	}
	w.AssertEmptyPlan(t)
	if b.stored(t, key).Token != before {
		t.Error("an account that was there and is the same was signed again")
	}

	replaced := func(args ...string) {
		t.Helper()
		if out := w.Must(t, append([]string{"apply", "-auto-approve"},
			args...)...); !acctest.Text("was not deleted, because another resource adopted it").MatchString(out) {
			t.Errorf("%v:\n%s", args, out)
		}
		w.AssertEmptyPlan(t)
		if b.stored(t, key).Token != before {
			t.Error("the account was signed again")
		}
	}
	replaced("-replace=" + address)
	w.Must(t, "taint", address)
	replaced()

	w.Configure(t, lines("a", ""))
	w.Must(t, "apply", "-auto-approve", "-replace="+address) // which destroys first
	w.AssertEmptyPlan(t)
	b.stored(t, key)
	b.destroyed(t, w)
}
