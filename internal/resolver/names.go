package resolver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// namesAge is how long the names of all accounts are taken for true. What the resolver pushes is known at once.
	namesAge = time.Minute
	// namesTime bounds how long servers are asked for all names.
	namesTime = 5 * time.Second
	// namesLookups bounds how many accounts are looked up for that, namesAtOnce of them at a time.
	namesLookups = 1000
	namesAtOnce  = 16
	// maxNamesakes bounds how many accounts of one name are told of.
	maxNamesakes = 10
)

// directory has the names of the accounts that the servers store.
type directory struct {
	// asking is held by the one who asks the servers.
	asking sync.Mutex
	asked  time.Time

	mu sync.Mutex
	// names are by public key.
	names map[string]string
	// changed are the accounts that were pushed or deleted here since the servers were asked last.
	changed map[string]bool
}

// note notes the name of an account that was pushed here.
func (d *directory) note(publicKey, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(publicKey)
	d.names[publicKey] = name
}

// forget notes that an account is not there any more.
func (d *directory) forget(publicKey string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(publicKey)
	delete(d.names, publicKey)
}

// change is for the one who holds the lock.
func (d *directory) change(publicKey string) {
	if d.names == nil {
		d.names = map[string]string{}
	}
	if d.changed == nil {
		d.changed = map[string]bool{}
	}
	d.changed[publicKey] = true
}

// begin forgets what was changed before the servers are asked, and returns the names that are known.
func (d *directory) begin() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = nil
	return maps.Clone(d.names)
}

// replace takes over what the servers have told, but for what was changed here meanwhile.
func (d *directory) replace(names map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key := range d.changed {
		delete(names, key)
		if name, ok := d.names[key]; ok {
			names[key] = name
		}
	}
	d.names = names
}

// called returns the public keys of the accounts of a name, in order.
func (d *directory) called(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var keys []string
	for key, other := range d.names {
		if other == name {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Namesakes returns the accounts that the servers store under a name, except the one with the public key; at most ten,
// in the order of their public keys. The servers are asked for all names once for many calls: by one request for the
// accounts that they have loaded, and by one for each of the others, up to a bound. What they do not tell for want of
// time or permission is left out. An error, one of [Resolver.List] or [Resolver.Lookup], comes with what is known all
// the same.
func (r *Resolver) Namesakes(ctx context.Context, name, publicKey string) (found []*Stored, err error) {
	err = r.askNames(ctx)
	for _, key := range r.directory.called(name) {
		if key == publicKey || len(found) == maxNamesakes {
			continue
		}
		stored, failure := r.Lookup(ctx, key) // it may have been deleted or renamed since
		switch {
		case errors.Is(failure, ErrNotFound):
			r.directory.forget(key)
		case failure != nil:
			return found, failure
		case stored.Account.Name == name:
			found = append(found, stored)
		}
	}
	return found, err
}

// askNames asks the servers for the names of all accounts, unless that was done a short time ago.
func (r *Resolver) askNames(ctx context.Context) error {
	d := &r.directory
	d.asking.Lock()
	defer d.asking.Unlock()
	if !d.asked.IsZero() && r.clock.Now().Sub(d.asked) < namesAge {
		return nil
	}
	d.asked = r.clock.Now()
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()

	known := d.begin()
	listed, err := r.List(ctx)
	if err != nil {
		return err
	}
	loaded := r.loadedNames(ctx)
	names := map[string]string{}
	var others []string
	for _, key := range listed {
		name, ok := loaded[key]
		if !ok {
			name, ok = known[key]
		}
		if ok {
			names[key] = name
		} else {
			others = append(others, key)
		}
	}
	r.lookUpNames(ctx, others[:min(len(others), namesLookups)], names)
	d.replace(names)
	return nil
}

// loadedNames returns the names of the accounts that servers have loaded, for example because they have clients, by
// public key.
func (r *Resolver) loadedNames(ctx context.Context) map[string]string {
	stats, _ := r.accountStats(ctx) // who is left out is looked up
	names := map[string]string{}
	for _, a := range stats {
		names[a.ID] = a.Name
	}
	return names
}

// lookUpNames adds the names of accounts, several at a time, until ctx ends.
func (r *Resolver) lookUpNames(ctx context.Context, publicKeys []string, names map[string]string) {
	var (
		mu    sync.Mutex
		group errgroup.Group
	)
	group.SetLimit(namesAtOnce)
	for _, key := range publicKeys {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if stored, err := r.Lookup(ctx, key); err == nil {
				mu.Lock()
				defer mu.Unlock()
				names[key] = stored.Account.Name
			}
			return nil // an account that cannot be looked up is left out
		})
	}
	_ = group.Wait()
}
