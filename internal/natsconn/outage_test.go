package natsconn

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Servers that do not answer are waited for once, and not once an account. When they answer again, all accounts are
// connected to again.
func TestAccountsFailTogether(t *testing.T) {
	operator, account := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	proxy := natslab.NewProxy(t, lab.ClientURL())
	minter := newMinter(t, account, time.Minute)
	const timeout = time.Second
	accounts := newTestClient(t, Settings{Servers: []string{proxy.ClientURL()}, ConnectTimeout: timeout}).
		Accounts(func(string) (Minter, error) { return minter, nil })
	names := []string{"a", "b", "c", "d", "e", "f"} // all of them connect to the same account
	proxy.Stall()
	before, began := proxy.TotalConnections(), time.Now()
	for _, name := range names {
		if err := info(testContext(t), clientOf(t, accounts, name)); !IsUnreachable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A machine that is slow may need more than one attempt, but none needs one an account.
	if n := proxy.TotalConnections() - before; n == 0 || n > 1+uint64(time.Since(began)/timeout)/2 {
		t.Errorf("%d attempts in %s", n, time.Since(began))
	}
	proxy.Restore()
	for _, name := range names {
		eventually(t, "the connection of "+name, func() error { return info(testContext(t), clientOf(t, accounts, name)) })
	}
}

// What one account is refused, the others are not refused for.
func TestAccountsAreRefusedAlone(t *testing.T) {
	_, accounts, keys := newTenants(t, 2, time.Minute)
	_, stranger := newOperator(t)
	clientOf(t, accounts, keys[0]).settings.minted = newMinter(t, stranger, time.Minute)
	err := info(testContext(t), clientOf(t, accounts, keys[0]))
	if _, ok := errors.AsType[*AccountAuthError](err); !ok {
		t.Errorf("the one that is refused: %v", err)
	}
	if err := info(testContext(t), clientOf(t, accounts, keys[1])); err != nil {
		t.Errorf("the other: %v", err)
	}
}
