package connection

import (
	"context"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// NoteAccount notes what an account is going to be once the apply is over, or is already: a plan or an apply of a nats_account tells.
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

// NotedAccount returns what was noted of an account, nil if nothing was.
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

// KnownAccount returns what was noted of an account, or what the servers store where the provider has a user of the system account.
// It is nil if that cannot be told: nothing depends on it, so that servers that do not answer are no error, and are not waited for
// again and again.
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
