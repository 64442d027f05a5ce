package connection

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// How long a look-up may take whose answer is good to have, and how long none is tried after one that failed.
const (
	optionalLookup      = 5 * time.Second
	optionalLookupPause = time.Minute
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
	resolver, err := d.Resolver()
	if err != nil || !d.mayLookUp() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, optionalLookup)
	defer cancel()
	stored, err := resolver.Lookup(ctx, publicKey)
	if err != nil {
		tflog.Debug(ctx, "the account cannot be looked up", map[string]any{"account": publicKey, "error": err.Error()})
		if ctx.Err() != nil {
			d.noting.Lock()
			d.lookupFailed = time.Now()
			d.noting.Unlock()
		}
		return nil
	}
	return stored.Account
}

func (d *Data) mayLookUp() bool {
	d.noting.Lock()
	defer d.noting.Unlock()
	return time.Since(d.lookupFailed) > optionalLookupPause
}
