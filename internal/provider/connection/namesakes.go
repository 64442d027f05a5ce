package connection

import (
	"context"
	"slices"
	"sync"

	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// plannedNames holds the names of accounts that are about to be created.
type plannedNames struct {
	mu sync.Mutex
	// planned counts the new accounts by name.
	planned map[string]int
	// told holds the public keys of the accounts that were reported to the user, by name.
	told map[string][]string
}

// PlanName notes that an account with this name is about to be created, and reports whether it was called for the name
// before. A CLI plans each new resource once.
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

// Namesakes returns the accounts with a name that the servers report, except the one with the public key. A plan
// receives all of them. An apply, whose provider plans again first, receives only those that this plan did not receive.
func (d *Data) Namesakes(ctx context.Context, name, publicKey string, plan bool) []*resolver.Stored {
	if d == nil {
		return nil
	}
	var found []*resolver.Stored
	// optionally logs the error. During an apply, the servers have just answered the push.
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
