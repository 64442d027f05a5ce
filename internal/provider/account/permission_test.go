package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// restrict gives the bench another user of the system account.
func (b *bench) restrict(t *testing.T, permissions claims.Permissions) {
	t.Helper()
	var err error
	b.system, err = b.operator.SystemAccount().Credentials("terraform", func(claims *jwt.UserClaims) {
		claims.Pub.Allow = permissions.Publish.Allow
		claims.Sub.Allow = permissions.Subscribe.Allow
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A user of the system account with the permissions that the documentation lists can do all there is to do, and each
// that is missing is named.
func TestAccAccountSystemPermissions(t *testing.T) {
	b := single(t)
	b.restrict(t, resolver.SystemPermissions())
	data := "data \"nats_account\" \"test\" {\n  public_key = nats_account.test.public_key\n}\n" +
		"data \"nats_accounts\" \"test\" {}\n"
	w := acctest.NewInProcess(t, "")
	w.Converge(t, b.provider()+config(`name = "a"`)+data)
	jetStream := config(fmt.Sprintf("name = \"b\"\n  jetstream = { disk_storage = \"1GiB\" }\n"+
		"  imports = [{ type = \"stream\", account = %q, subject = \"a\" }]",
		acctest.NewKey(t, natsconn.AccountKey).Public)) + data
	w.Converge(t, b.provider()+jetStream)
	b.destroyed(t, w)

	for i, subject := range resolver.SystemPermissions().Publish.Allow {
		fewer := resolver.SystemPermissions()
		fewer.Publish.Allow = append(fewer.Publish.Allow[:i:i], fewer.Publish.Allow[i+1:]...)
		t.Run(strings.TrimPrefix(subject, "$"), func(t *testing.T) {
			b.restrict(t, fewer)
			w := w.Another(t, b.provider()+jetStream)
			out, err := w.Run(t.Context(), "apply", "-auto-approve")
			// That the servers have loaded an account, and what they made of its imports, is not what a push depends on.
			warned := acctest.Text("Servers May Not Have Loaded the Account").MatchString(out) ||
				acctest.Text("Imports Were Not Checked").MatchString(out)
			if err == nil && !warned {
				out, err = w.Run(t.Context(), "destroy", "-auto-approve")
			}
			if err == nil && !warned || !acctest.Text("The user has no permission to publish to").MatchString(out) ||
				!acctest.Text("Grant the user permission").MatchString(out) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
