package natslab

import (
	"errors"
	"fmt"
	"time"
)

// The types of resolver.
const (
	// FullResolver stores all accounts that are pushed, and servers exchange what they have. It is the default.
	FullResolver = "full"
	// CacheResolver stores accounts that it has fetched from servers with a full one.
	CacheResolver = "cache"
	// MemoryResolver knows the accounts that the configuration preloads, here those of the operator.
	MemoryResolver = "memory"
)

// Resolver is where servers in operator mode find accounts. The zero value is a full one that accounts can be deleted from.
type Resolver struct {
	// Type is one of the constants; empty is FullResolver.
	Type string
	// NoDelete leaves allow_delete off, the server's own default. It is for a full resolver.
	NoDelete bool
	// Interval is how often a server with a full resolver compares its accounts with those of another one; zero is the server's
	// own minute.
	Interval time.Duration
	// Timeout is how long a server with a full resolver waits for an account that it has not, such as one that another imports from;
	// zero is the server's own 1.9 seconds.
	Timeout time.Duration
	// URL makes it a URL resolver instead, which asks there for every account, the system account included.
	URL string
}

// ResolverMode sets the resolver of servers in operator mode.
func ResolverMode(r Resolver) Option { return func(o *Options) { o.Resolver = r } }

// resolverConfig is the configuration of a resolver with a directory.
type resolverConfig struct {
	Type        string `json:"type"`
	Dir         string `json:"dir,omitempty"`
	AllowDelete bool   `json:"allow_delete,omitempty"`
	Interval    string `json:"interval,omitempty"`
	Timeout     string `json:"timeout,omitempty"`
}

// config returns the configuration of the resolver, which stores accounts in dir if it stores any.
func (r Resolver) config(dir string) (any, error) {
	c := resolverConfig{Type: r.Type, Dir: dir}
	switch {
	case r.URL != "":
		return fmt.Sprintf("URL(%s)", r.URL), nil
	case r.Type == "" || r.Type == FullResolver:
		c.Type, c.AllowDelete = FullResolver, !r.NoDelete
		if r.Interval != 0 {
			c.Interval = r.Interval.String()
		}
		if r.Timeout != 0 {
			c.Timeout = r.Timeout.String()
		}
	case r.Type == MemoryResolver:
		c.Dir = ""
	case r.Type != CacheResolver:
		return nil, fmt.Errorf("natslab: there is no resolver of type %q", r.Type)
	}
	return c, nil
}

// addOperator puts the operator and its accounts into the configuration. A resolver that stores accounts does it in dir.
func (c *serverConfig) addOperator(o Options, dir string) error {
	op := o.Operator
	if op == nil {
		return nil
	}
	if o.Token != "" || len(o.Users) > 0 || len(o.Accounts) > 0 || o.SystemUser.Name != "" {
		return errors.New("natslab: in operator mode there are no users or accounts in the configuration")
	}
	resolver, err := o.Resolver.config(dir)
	if err != nil {
		return err
	}
	c.Operator, c.Resolver = op.token, resolver
	if o.Resolver.URL != "" {
		return nil // nothing can be preloaded into what is elsewhere
	}
	c.Preload = map[string]string{op.system.PublicKey(): op.system.token}
	for _, a := range op.accounts {
		c.Preload[a.PublicKey()] = a.token
	}
	return nil
}
