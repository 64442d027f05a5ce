package natslab

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pollInterval = 20 * time.Millisecond
	// probeTimeout limits one request of a probe. Requests are lost while the meta group elects its leader; the next
	// poll repeats them.
	probeTimeout = time.Second
	// probeName is the name of the lab's own connections.
	probeName = "natslab-probe"
)

// permanentError ends a poll.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// poll calls check until it returns nil or a permanentError, or until ctx is done. The error names what was waited
// for.
func poll(ctx context.Context, what string, check func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		if permanent, ok := errors.AsType[permanentError](err); ok {
			return permanent.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("natslab: wait for %s: %w (last: %w)", what, context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// probe is an identity that the lab uses to ask a server whether it is ready. A child process receives it as JSON.
type probe struct {
	User      User
	Token     string
	JWT, Seed string
	JetStream bool
	// Optional is true for servers whose users the lab does not know: a refused connection is not a failure.
	Optional bool
}

// addProbes returns the probes of a server, and the options with the users that the probes need, because configured
// users may lack the permission to ask.
func (o Options) addProbes() ([]probe, Options, error) {
	if o.Operator != nil {
		probes, err := o.Operator.probes(!o.NoJetStream)
		return probes, o, err
	}
	var probes []probe
	user := func(n int, jetStream bool) User {
		u := User{Name: fmt.Sprintf("%s-%d", probeName, n), Password: rand.Text()}
		probes = append(probes, probe{User: u, JetStream: jetStream})
		return u
	}
	inGlobal := !o.NoJetStream && len(o.Accounts) == 0
	switch {
	case o.Token != "":
		probes = append(probes, probe{Token: o.Token, JetStream: inGlobal})
	case len(o.Users) > 0:
		o.Users = append(slices.Clone(o.Users), user(0, inGlobal))
	case len(o.Accounts) > 0:
	case o.SystemUser.Name == "":
		probes = append(probes, probe{JetStream: inGlobal, Optional: true})
	default:
		// If the only user were in the system account, the server would refuse clients without credentials.
		u := user(0, inGlobal)
		o.Users, o.NoAuthUser = []User{u}, cmp.Or(o.NoAuthUser, u.Name)
	}
	o.Accounts = slices.Clone(o.Accounts)
	for i := range o.Accounts {
		a := &o.Accounts[i]
		a.Users = append(slices.Clone(a.Users), user(i+1, !o.NoJetStream && !a.NoJetStream))
	}
	return probes, o, nil
}

// ready returns an error that describes what a single server still lacks.
func (s *Server) ready() error {
	srv := s.NATSServer()
	if srv == nil {
		return permanentError{fmt.Errorf("natslab: server %s is down", s.node.name)}
	}
	if err := s.log.fatalError(); err != nil {
		return err
	}
	if got, want := srv.NumLeafNodes(), len(s.opts.LeafRemotes); got < want {
		return fmt.Errorf("server %s has %d of %d leaf-node connections", s.node.name, got, want)
	}
	for _, p := range s.probes {
		if err := s.ask(srv, p); err != nil {
			return err
		}
	}
	return nil
}

// ask sends one request in process, independent of certificates and proxies.
func (s *Server) ask(srv *server.Server, p probe) error {
	s.mu.Lock()
	s.probed++
	s.mu.Unlock()
	return s.endpoint.ask(p, nats.InProcessServer(srv))
}

// ask sends one request on a new connection with these options.
func (e *endpoint) ask(p probe, how ...nats.Option) error {
	nc, err := e.probe(p, how)
	if err != nil {
		if p.Optional && errors.Is(err, nats.ErrAuthorization) {
			return nil
		}
		return fmt.Errorf("connect to %s: %w", e.node.name, err)
	}
	defer nc.Close()
	if !p.JetStream {
		return nc.FlushTimeout(probeTimeout)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	if _, err := js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("JetStream account info from %s: %w", e.node.name, err)
	}
	return nil
}

// probe connects as a probe with these options.
func (e *endpoint) probe(p probe, how []nats.Option) (*nats.Conn, error) {
	opts := append([]nats.Option{nats.Name(probeName), nats.NoReconnect(), nats.IgnoreDiscoveredServers()}, how...)
	switch {
	case p.Token != "":
		opts = append(opts, nats.Token(p.Token))
	case p.JWT != "":
		opts = append(opts, nats.UserJWTAndSeed(p.JWT, p.Seed))
	case p.User.Name != "":
		opts = append(opts, nats.UserInfo(p.User.Name, p.User.Password))
	default:
		opts = append(opts, e.opts.Client...)
	}
	return nats.Connect(e.ClientURL(), opts...)
}
