package natsconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// testMinter makes users that an account's signing key signs, and counts their tokens.
type testMinter struct {
	account      string
	signer, user nkeys.KeyPair
	lifetime     time.Duration
	tokens       atomic.Int32
}

func newMinter(t *testing.T, account *natslab.OperatorAccount, lifetime time.Duration) *testMinter {
	t.Helper()
	signer, err := nkeys.FromSeed([]byte(account.SigningKeySeed()))
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	return &testMinter{account: account.PublicKey(), signer: signer, user: user, lifetime: lifetime}
}

func (m *testMinter) Issuer() string {
	public, _ := m.signer.PublicKey()
	return public
}

func (m *testMinter) Token() (string, error) {
	m.tokens.Add(1)
	public, err := m.user.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewUserClaims(public)
	claims.IssuerAccount = m.account
	claims.Expires = time.Now().Add(m.lifetime).Unix()
	claims.Pub.Allow, claims.Sub.Allow = jwt.StringList{"$JS.API.INFO"}, jwt.StringList{"_INBOX.>"}
	return claims.Encode(m.signer)
}

func (m *testMinter) Sign(nonce []byte) ([]byte, error) { return m.user.Sign(nonce) }

// newTenants starts a server with accounts, and returns connections to these.
func newTenants(t *testing.T, count int, lifetime time.Duration) (*natslab.Server, *Accounts, []string) {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	minters := map[string]*testMinter{}
	var keys []string
	for i := range count {
		account, err := operator.AddAccount(fmt.Sprintf("tenant-%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		minters[account.PublicKey()] = newMinter(t, account, lifetime)
		keys = append(keys, account.PublicKey())
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	accounts := newTestClient(t, Settings{Servers: lab.URLs()}).Accounts(func(account string) (Minter, error) {
		if minter := minters[account]; minter != nil {
			return minter, nil
		}
		return nil, errors.New("no such account")
	})
	return lab, accounts, keys
}

// clientOf returns the client of an account.
func clientOf(t *testing.T, accounts *Accounts, key string) *Client {
	t.Helper()
	client, err := accounts.Client(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestAccountsShareOneConnectionEach(t *testing.T) {
	lab, accounts, keys := newTenants(t, 3, time.Minute)
	before := lab.TotalConnections()
	var wg sync.WaitGroup
	for range 10 {
		for _, key := range keys {
			wg.Go(func() {
				client, err := accounts.Client(key)
				if err == nil {
					err = info(testContext(t), client)
				}
				if err != nil {
					t.Errorf("account %s: %v", key, err)
				}
			})
		}
	}
	wg.Wait()
	if n := lab.TotalConnections() - before; n != 3 {
		t.Errorf("%d connections to 3 accounts", n)
	}
	if _, err := accounts.Client("another"); err == nil {
		t.Error("an account that no user can be minted for has a client")
	}
	for _, key := range keys {
		clientOf(t, accounts, key).Close()
	}
}

// At the bound, the account that was not used for the longest time is disconnected, and connected again when it is
// needed. One that waits for an answer stays, and who finds all in use waits.
func TestAccountsAreBounded(t *testing.T) {
	lab, accounts, keys := newTenants(t, 4, time.Minute)
	accounts.pool.limit = 2
	before := lab.TotalConnections()
	use := func(i int) {
		t.Helper()
		if err := info(testContext(t), clientOf(t, accounts, keys[i])); err != nil {
			t.Fatal(err)
		}
	}
	connected := func(want string) {
		t.Helper()
		var open []string
		for i, key := range keys {
			if client := clientOf(t, accounts, key); client.conn != nil {
				open = append(open, fmt.Sprint(i))
			}
		}
		if got := strings.Join(open, " "); got != want {
			t.Errorf("connected: %s, and not %s", got, want)
		}
	}
	use(0)
	use(1)
	use(0) // so that 1 is the one that was not used for longer
	use(2)
	connected("0 2")
	use(1)
	connected("1 2")
	if n := lab.TotalConnections() - before; n != 4 {
		t.Errorf("%d connections were made, and not 4", n)
	}

	// Both places are in use.
	ctx := testContext(t)
	release := make(chan struct{})
	var holding, done sync.WaitGroup
	for _, i := range []int{1, 2} {
		holding.Add(1)
		done.Go(func() {
			err := clientOf(t, accounts, keys[i]).Use(ctx, func(*nats.Conn) error {
				holding.Done()
				<-release
				return nil
			})
			if err != nil {
				t.Errorf("account %d: %v", i, err)
			}
		})
	}
	holding.Wait()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := info(ended, clientOf(t, accounts, keys[3])); !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "all 2 connections") {
		t.Errorf("with all places in use until the context ends: %v", err)
	}
	waiting := make(chan error, 1)
	third := clientOf(t, accounts, keys[3])
	go func() { waiting <- info(ctx, third) }()
	connected("1 2")
	close(release)
	done.Wait()
	if err := <-waiting; err != nil {
		t.Errorf("the one who waited: %v", err)
	}
}

// However many use however many accounts at once, the servers never see more connections than allowed, and all get
// their answers.
func TestAccountsAreBoundedUnderLoad(t *testing.T) {
	const limit = 3
	lab, accounts, keys := newTenants(t, 12, time.Minute)
	accounts.pool.limit = limit
	own := lab.ConnectionCount()
	var wg sync.WaitGroup
	for range 5 {
		for _, key := range keys {
			wg.Go(func() {
				for range 5 {
					if err := info(testContext(t), clientOf(t, accounts, key)); err != nil {
						t.Errorf("account %s: %v", key, err)
					}
					accounts.pool.mu.Lock()
					open := 0
					for _, client := range accounts.clients {
						client.mu.Lock()
						if nc := client.conn; nc != nil && !nc.IsClosed() {
							open++
						}
						client.mu.Unlock()
					}
					accounts.pool.mu.Unlock()
					if open > limit {
						t.Errorf("%d connections are open", open)
					}
				}
			})
		}
	}
	wg.Wait()
	eventually(t, "the server to have closed what was closed", func() error {
		if n := lab.ConnectionCount() - own; n > limit {
			return fmt.Errorf("%d connections", n)
		}
		return nil
	})
}

// A connection that outlives its user's token is made anew with another one.
func TestAccountsMintAgain(t *testing.T) {
	_, accounts, keys := newTenants(t, 1, 2*time.Second)
	client := clientOf(t, accounts, keys[0])
	minter, ok := client.settings.minted.(*testMinter)
	if !ok {
		t.Fatal("not the test's minter")
	}
	for renewed := int32(1); renewed <= 3; renewed++ {
		eventually(t, fmt.Sprintf("token %d", renewed), func() error {
			if err := Retry(testContext(t), func(ctx context.Context) error { return info(ctx, client) }); err != nil {
				return err
			}
			if n := minter.tokens.Load(); n < renewed {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		})
	}
}

// An account that is unknown to the servers, or does not have the key, is told with both.
func TestAccountRefusesMintedUser(t *testing.T) {
	operator, account := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	_, stranger := newOperator(t)
	for what, minter := range map[string]*testMinter{
		"unknown account": newMinter(t, stranger, time.Minute),
		"unknown key": func() *testMinter {
			m := newMinter(t, stranger, time.Minute)
			m.account = account.PublicKey()
			return m
		}(),
		"expired": newMinter(t, account, -time.Minute),
	} {
		accounts := newTestClient(t,
			Settings{Servers: lab.URLs()}).Accounts(func(string) (Minter, error) { return minter, nil })
		err := info(testContext(t), clientOf(t, accounts, minter.account))
		refused, ok := errors.AsType[*AccountAuthError](err)
		if !ok || refused.Account != minter.account || refused.Issuer != minter.Issuer() || IsUnreachable(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// An account that has all the connections that it may have is not unreachable.
func TestAccountIsFull(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("A", func(c *jwt.AccountClaims) { c.Limits.Conn = 1 })
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	credentials := newCredentials(t, account)
	eventually(t, "the only connection", func() error {
		nc, err := nats.Connect(lab.ClientURL(), nats.UserCredentialBytes([]byte(credentials)))
		if err == nil {
			t.Cleanup(nc.Close)
		}
		return err
	})
	minter := newMinter(t, account, time.Minute)
	accounts := newTestClient(t,
		Settings{Servers: lab.URLs()}).Accounts(func(string) (Minter, error) { return minter, nil })
	for key, client := range map[string]*Client{
		account.PublicKey(): clientOf(t, accounts, account.PublicKey()),
		"":                  newTestClient(t, Settings{Servers: lab.URLs(), Auth: Auth{Credentials: credentials}}),
	} {
		err := info(testContext(t), client)
		full, ok := errors.AsType[*ConnectionLimitError](err)
		if !ok || full.Account != key || IsUnreachable(err) {
			t.Errorf("account %q: %v", key, err)
		}
	}
}
