package account_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// An account whose push was sent and not answered is not forgotten, whether servers have it or not: nobody else knows its identity.
func TestAccAccountPushNotAnswered(t *testing.T) {
	update := func(subject string) bool { return subject == "$SYS.REQ.CLAIMS.UPDATE" }
	for name, c := range map[string]struct {
		hold   func(*natslab.Proxy) *natslab.Hold
		stored bool
	}{
		"done":     {func(p *natslab.Proxy) *natslab.Hold { return p.HoldReply(1, update) }, true},
		"not done": {func(p *natslab.Proxy) *natslab.Hold { return p.HoldRequest(1, update) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := single(t)
			proxy := natslab.NewProxy(t, b.urls[0])
			b.urls = []string{proxy.ClientURL()}
			hold := c.hold(proxy)
			w := acctest.NewWorkspace(t, b.provider(`request_timeout = "2s"`)+config(`name = "a"`)+
				"output \"key\" {\n  value = nats_account.test.public_key\n}\n")
			if out := w.Apply(t); !acctest.Text("It is kept in the state, so that its identity is not lost").MatchString(out) {
				t.Errorf("the push without an answer was not told:\n%s", out)
			}
			hold.Drop()
			publicKey, err := w.Output(t.Context(), "key")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.none()(nil); (err != nil) != c.stored {
				t.Errorf("after the push: %v", err)
			}
			w.Apply(t)
			w.AssertEmptyPlan(t)
			if got := b.stored(t, publicKey).Account.Name; got != "a" {
				t.Errorf("the servers have %q", got)
			}
			w.Must(t, "destroy", "-auto-approve")
			if err := b.none()(nil); err != nil {
				t.Error(err)
			}
		})
	}
}
