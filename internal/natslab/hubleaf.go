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

// Names of the two servers of a [HubLeaf], which are also the names of their JetStream domains.
const (
	HubName  = "hub"
	LeafName = "leaf"
)

// HubLeaf is a hub and a leaf node that is connected to it. Each has its own JetStream domain. Every account is
// connected: $G, the accounts of the options, or those of the operator.
type HubLeaf struct {
	Hub, Leaf *Server
	// Link is the proxy between the two servers. While it is cut, they are isolated from each other, but both still
	// serve their clients.
	Link *Proxy

	remove func()
}

// StartHubAndLeaf runs a hub and a leaf node and returns when the JetStream domain of each answers through the other.
// Both servers use the same options except for name and domain. The caller stops them. StoreDir, Port and LeafRemotes
// are not supported.
func StartHubAndLeaf(ctx context.Context, o Options) (*HubLeaf, error) {
	// Each server has its own directory; the leaf node's credentials are next to them.
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

// leafRemotes returns one remote per account. The leaf node connects to a configured account as its first user, and
// to an operator's account as a user created for this purpose.
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

// withUser returns one of the lab's URLs with the user added.
func withUser(address string, user User) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // the lab built the URL
	}
	u.User = url.UserPassword(user.Name, user.Password)
	return u.String()
}

// WaitReady waits until the JetStream domain of each server answers a client of the other one, for example after the
// link was restored or a server was restarted.
func (h *HubLeaf) WaitReady(ctx context.Context) error {
	for from, domain := range map[*Server]string{h.Hub: LeafName, h.Leaf: HubName} {
		if err := from.seesDomain(ctx, domain); err != nil {
			return withLog(err, h.Hub, h.Leaf)
		}
	}
	return nil
}

// seesDomain waits until a JetStream domain answers a client of the server.
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
	return poll(ctx, "domain "+domain+" to answer on server "+e.Name(), func() error {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		_, err := js.AccountInfo(ctx)
		return err
	})
}

// Stop stops both servers and the link permanently.
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

// HubAndLeaf runs a hub and a leaf node, each with its own JetStream domain, until the test ends. See
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

// AwaitReady calls WaitReady and fails the test on an error.
func (h *HubLeaf) AwaitReady(tb testing.TB) {
	tb.Helper()
	ctx, cancel := startContext()
	defer cancel()
	if err := h.WaitReady(ctx); err != nil {
		tb.Fatal(err)
	}
}
