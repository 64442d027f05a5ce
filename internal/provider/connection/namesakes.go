package connection

import (
	"context"
	"slices"
	"sync"

	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// plannedNames are the names of accounts that are about to be made.
type plannedNames struct {
	mu sync.Mutex
	// planned counts the new accounts of a name.
	planned map[string]int
	// told has the public keys of the accounts that the user was told of, by name.
	told map[string][]string
}

// PlanName notes that an account of this name is going to be created, and reports whether another one is. A CLI plans
// each resource that does not exist once.
func (d *Data) PlanName(name string) (again bool) {
	if d == nil {
		return false
	}
	d.names.mu.Lock()
	defer d.names.mu.Unlock()
	if d.names.planned == nil {
		d.names.planned = map[string]int{}
	}
	d.names.planned[name]++
	return d.names.planned[name] > 1
}

// Namesakes returns the accounts that servers have under a name, except the one with the public key, as far as the
// servers tell. A plan gets all of them. The apply after it, whose provider plans again first, gets those that this plan
// did not get.
func (d *Data) Namesakes(ctx context.Context, name, publicKey string, plan bool) []*resolver.Stored {
	if d == nil {
		return nil
	}
	var found []*resolver.Stored
	// It logs the error. The servers of an apply have just answered the push.
	_ = d.optionally(ctx, !plan, func(ctx context.Context, r *resolver.Resolver) (err error) {
		found, err = r.Namesakes(ctx, name, publicKey)
		return err
	})

	d.names.mu.Lock()
	defer d.names.mu.Unlock()
	if !plan {
		found = slices.DeleteFunc(found, func(other *resolver.Stored) bool {
			return slices.Contains(d.names.told[name], other.Account.PublicKey)
		})
	}
	if d.names.told == nil {
		d.names.told = map[string][]string{}
	}
	for _, other := range found {
		d.names.told[name] = append(d.names.told[name], other.Account.PublicKey)
	}
	return found
}
