package connection

import (
	"context"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// NoteAccount notes the claims of an account, as planned or applied by a nats_account.
func (d *Data) NoteAccount(a claims.Account) {
	if d == nil || a.PublicKey == "" {
		return
	}
	d.noting.Lock()
	defer d.noting.Unlock()
	if d.noted == nil {
		d.noted = map[string]claims.Account{}
	}
	d.noted[a.PublicKey] = a
}

// NotedAccount returns the noted account, or nil.
func (d *Data) NotedAccount(publicKey string) *claims.Account {
	if d == nil {
		return nil
	}
	d.noting.Lock()
	defer d.noting.Unlock()
	if a, ok := d.noted[publicKey]; ok {
		return &a
	}
	return nil
}

// KnownAccount returns the noted account, or the account that the servers store if the provider has a user of the
// system account. It returns nil if the account is unknown. The result is optional: it is not an error if servers do
// not respond, and the provider does not wait for them repeatedly.
func (d *Data) KnownAccount(ctx context.Context, publicKey string) *claims.Account {
	if a := d.NotedAccount(publicKey); a != nil || d == nil {
		return a
	}
	var stored *resolver.Stored
	err := d.optionally(ctx, false, func(ctx context.Context, r *resolver.Resolver) (err error) {
		stored, err = r.Lookup(ctx, publicKey)
		return err
	})
	if err != nil {
		return nil
	}
	return stored.Account
}
