package account_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// An account whose push was sent and not answered, by servers that stay away until the time is over, is not forgotten,
// whether they have it or not: nobody else knows its identity.
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
			go func() {
				<-hold.Held()
				proxy.Cut()
			}()
			w := acctest.NewInProcess(t,
				b.provider(`request_timeout = "2s"`)+config("name = \"a\"\n  timeouts = { create = \"3s\" }"))
			if out := w.Apply(t); !acctest.Text("The account is kept in the state so that its identity is not lost").MatchString(out) {
				t.Errorf("the push without an answer was not told:\n%s", out)
			}
			hold.Drop()
			proxy.Restore()
			publicKey := w.Stored(t, address).Text("public_key")
			if err := b.none(t); (err != nil) != c.stored {
				t.Errorf("after the push: %v", err)
			}
			w.Apply(t)
			w.AssertEmptyPlan(t)
			if got := b.stored(t, publicKey).Account.Name; got != "a" {
				t.Errorf("the servers have %q", got)
			}
			b.destroyed(t, w)
		})
	}
}

// An apply that is interrupted during a push ends, and knows the account afterwards.
func TestAccAccountPushInterrupted(t *testing.T) {
	b := single(t)
	proxy := natslab.NewProxy(t, b.urls[0])
	direct := b.urls
	b.urls = []string{proxy.ClientURL()}
	hold := proxy.HoldReply(1, func(subject string) bool { return subject == "$SYS.REQ.CLAIMS.UPDATE" })
	w := acctest.NewInProcess(t, b.provider(`request_timeout = "10m"`)+config(`name = "a"`))
	out := w.RunInterrupted(t, hold.Held(), "apply", "-auto-approve")
	hold.Drop()
	if !acctest.Text("The account is kept in the state so that its identity is not lost").MatchString(out) {
		t.Errorf("the interrupted push was not told:\n%s", out)
	}
	b.urls = direct
	w.Configure(t, b.provider()+config(`name = "a"`))
	w.AssertEmptyPlan(t)
	b.destroyed(t, w)
}
