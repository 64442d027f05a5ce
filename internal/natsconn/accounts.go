package natsconn

import (
	"fmt"
	"strings"
	"sync"
)

// MaxAccountConnections is the maximum number of simultaneous connections to accounts.
const MaxAccountConnections = 64

// Minter creates a user of an account. It creates a new token for each connection, so a token can expire while the
// connection is open.
type Minter interface {
	// Issuer returns the public key of the account's signing key that signs the user.
	Issuer() string
	// Token returns the user's JWT.
	Token() (string, error)
	// Sign signs the server's nonce with the user's key.
	Sign(nonce []byte) ([]byte, error)
}

// Accounts holds one connection for each account of a system. At most [MaxAccountConnections] are open at the same
// time. The least recently used connection is closed first, and opened again when it is needed.
type Accounts struct {
	base *Client
	mint func(account string) (Minter, error)
	pool *pool
	// outage makes the clients of all accounts fail together if the servers are unreachable, not one after another.
	outage outage

	mu      sync.Mutex
	clients map[string]*Client
}

// Accounts returns connections to the client's servers with the client's settings, as users that mint creates. It does
// no I/O.
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

// Close closes all connections. They are opened again on the next use.
func (a *Accounts) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, client := range a.clients {
		client.Close()
	}
}

// AccountAuthError means that a server refused the user that was minted for an account. The server does not report the
// reason: it does not know the account, or the account does not have the signing key.
type AccountAuthError struct {
	// Account and Issuer are the public keys of the account and of the signing key.
	Account, Issuer string
	Servers         []string
	Err             error
}

func (e *AccountAuthError) Error() string {
	return fmt.Sprintf("%s refused a user of the account %s that the signing key %s signed: %v",
		strings.Join(e.Servers, ", "), e.Account, e.Issuer, e.Err)
}

func (e *AccountAuthError) Unwrap() error { return e.Err }
