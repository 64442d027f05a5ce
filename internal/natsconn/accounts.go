package natsconn

import (
	"fmt"
	"strings"
	"sync"
)

// MaxAccountConnections is how many accounts are connected to at a time.
const MaxAccountConnections = 64

// Minter makes a user of one account. Its token is made anew for each connection, so that it need not be valid for longer than one
// is open.
type Minter interface {
	// Issuer is the public key of the account's signing key that signs the user.
	Issuer() string
	// Token returns the user's JWT.
	Token() (string, error)
	// Sign signs the server's nonce with the user's key.
	Sign(nonce []byte) ([]byte, error)
}

// Accounts are connections to accounts of one system, one an account. At most [MaxAccountConnections] are open at a time; the one
// that was not used for the longest time closes first, and is opened again when it is needed.
type Accounts struct {
	base *Client
	mint func(account string) (Minter, error)
	pool *pool
	// outage has all fail together when the servers are gone, and not one account after another.
	outage outage

	mu      sync.Mutex
	clients map[string]*Client
}

// Accounts returns connections to the client's servers, made in the same way but as users that mint makes. It does no I/O.
func (c *Client) Accounts(mint func(account string) (Minter, error)) *Accounts {
	return &Accounts{base: c, mint: mint, pool: newPool(MaxAccountConnections), clients: map[string]*Client{}}
}

// Client returns the client of an account, given by its public key. It does no I/O.
func (a *Accounts) Client(account string) (*Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if client := a.clients[account]; client != nil {
		return client, nil
	}
	user, err := a.mint(account)
	if err != nil {
		return nil, err
	}
	settings := a.base.settings
	settings.as, settings.minted, settings.account = nil, user, account
	client := NewClient(settings, a.base.env)
	client.pool, client.outage, client.contact = a.pool, &a.outage, a.base.contact
	a.clients[account] = client
	return client, nil
}

// Close closes all connections. They are opened again when they are needed.
func (a *Accounts) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, client := range a.clients {
		client.Close()
	}
}

// AccountAuthError says that a server refused the user that was minted for an account. It does not tell why: the account is unknown to
// it, or does not have the signing key.
type AccountAuthError struct {
	// Account and Issuer are the public keys of the account and of the signing key.
	Account, Issuer string
	Servers         []string
	Err             error
}

func (e *AccountAuthError) Error() string {
	return fmt.Sprintf("%s accepts no user of the account %s that the signing key %s has signed: %v",
		strings.Join(e.Servers, ", "), e.Account, e.Issuer, e.Err)
}

func (e *AccountAuthError) Unwrap() error { return e.Err }
