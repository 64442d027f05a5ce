package natslab

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names of the two servers of a [HubLeaf], which are those of their JetStream domains too.
const (
	HubName  = "hub"
	LeafName = "leaf"
)

// HubLeaf is a hub and a leaf node of it, each a JetStream domain of its own. Every account is joined: $G, those of the
// options, or those of the operator.
type HubLeaf struct {
	Hub, Leaf *Server
	// Link is what lies between the two. While it is cut, neither sees the other; clients of both go on.
	Link *Proxy

	remove func()
}

// StartHubAndLeaf runs a hub and a leaf node of it, both with the options but for name and domain, and returns when each
// answers for its domain to the other. The caller stops it. StoreDir, Port and leaf remotes are not for it.
func StartHubAndLeaf(ctx context.Context, o Options) (*HubLeaf, error) {
	// Both servers and the credentials of the leaf node are in directories of their own.
	l, err := newLab(Options{Dir: o.Dir})
	if err != nil {
		return nil, err
	}
	h := &HubLeaf{remove: l.remove}
	if err := h.start(ctx, o, l.dir); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

func (h *HubLeaf) start(ctx context.Context, o Options, dir string) error {
	hub, leaf := o, o
	hub.Name, hub.Domain, hub.Dir, hub.LeafNodes = HubName, HubName, filepath.Join(dir, HubName), true
	leaf.Name, leaf.Domain, leaf.Dir = LeafName, LeafName, filepath.Join(dir, LeafName)
	var err error
	if h.Hub, err = Start(ctx, hub); err != nil {
		return err
	}
	if h.Link, err = StartLeafProxy(h.Hub.LeafNodeURL()); err != nil {
		return err
	}
	if leaf.LeafRemotes, err = leafRemotes(o, h.Link.LeafNodeURL(), dir); err != nil {
		return err
	}
	if h.Leaf, err = Start(ctx, leaf); err != nil {
		return err
	}
	return h.WaitReady(ctx)
}

// leafRemotes returns one remote for each account. An account of the configuration is joined by its first user, one of an
// operator by a user that is made for it.
func leafRemotes(o Options, hub, dir string) ([]LeafRemote, error) {
	remote := LeafRemote{URLs: []string{hub}, IgnoreDiscoveredServers: true}
	if o.Operator != nil {
		var remotes []LeafRemote
		for _, account := range o.Operator.accounts {
			credentials, err := account.Credentials("leaf node", nil)
			if err != nil {
				return nil, err
			}
			r := remote
			r.Account, r.Credentials = account.PublicKey(), filepath.Join(dir, account.PublicKey()+".creds")
			if err := os.WriteFile(r.Credentials, []byte(credentials), 0o600); err != nil {
				return nil, fmt.Errorf("natslab: %w", err)
			}
			remotes = append(remotes, r)
		}
		return remotes, nil
	}
	if len(o.Accounts) == 0 {
		if len(o.Users) > 0 {
			remote.URLs = []string{withUser(hub, o.Users[0])}
		}
		return []LeafRemote{remote}, nil
	}
	var remotes []LeafRemote
	for _, account := range o.Accounts {
		if len(account.Users) == 0 {
			continue
		}
		r := remote
		r.Account, r.URLs = account.Name, []string{withUser(hub, account.Users[0])}
		remotes = append(remotes, r)
	}
	return remotes, nil
}

// withUser returns a URL of the lab's with a user in it.
func withUser(address string, user User) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // the lab has made it
	}
	u.User = url.UserPassword(user.Name, user.Password)
	return u.String()
}

// WaitReady waits until each of the two servers answers for its domain to a client of the other, as after the link was
// restored or a server was started again.
func (h *HubLeaf) WaitReady(ctx context.Context) error {
	for from, domain := range map[*Server]string{h.Hub: LeafName, h.Leaf: HubName} {
		if err := from.seesDomain(ctx, domain); err != nil {
			return withLog(err, h.Hub, h.Leaf)
		}
	}
	return nil
}

// seesDomain waits until a JetStream domain answers to a client of the server.
func (e *endpoint) seesDomain(ctx context.Context, domain string) error {
	nc, err := e.Dial(nats.Name(probeName))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.NewWithDomain(nc, domain)
	if err != nil {
		return err
	}
	return poll(ctx, "domain "+domain+" to show on server "+e.Name(), func() error {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		_, err := js.AccountInfo(ctx)
		return err
	})
}

// Stop stops both servers and the link for good.
func (h *HubLeaf) Stop() {
	if h.Leaf != nil {
		h.Leaf.Stop()
	}
	if h.Link != nil {
		h.Link.Stop()
	}
	if h.Hub != nil {
		h.Hub.Stop()
	}
	h.remove()
}

// HubAndLeaf runs a hub and a leaf node of it, each a JetStream domain of its own, until the test ends. See
// [StartHubAndLeaf].
func HubAndLeaf(tb testing.TB, opts ...Option) *HubLeaf {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	h, err := StartHubAndLeaf(ctx, testOptions(tb, opts))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Stop)
	tb.Cleanup(func() { logOnFailure(tb, h.Hub, h.Leaf) })
	return h
}

// AwaitReady is WaitReady that fails the test.
func (h *HubLeaf) AwaitReady(tb testing.TB) {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	if err := h.WaitReady(ctx); err != nil {
		tb.Fatal(err)
	}
}
