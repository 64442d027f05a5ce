package natslab

import (
	"errors"
	"fmt"
	"time"
)

// Types of resolvers.
const (
	// FullResolver stores all pushed accounts and synchronizes them between servers. It is the default.
	FullResolver = "full"
	// CacheResolver stores accounts that it fetches from servers with a full resolver.
	CacheResolver = "cache"
	// MemoryResolver serves only the accounts that the configuration preloads: those of the operator.
	MemoryResolver = "memory"
)

// Resolver configures where servers in operator mode find accounts. The zero value is a full resolver that permits
// deletion.
type Resolver struct {
	// Type is one of the constants above. The default is FullResolver.
	Type string
	// NoDelete keeps allow_delete off, which is the server's default. It applies to a full resolver.
	NoDelete bool
	// Interval is how often a full resolver compares its accounts with those of another server. Zero keeps the
	// server's default of one minute.
	Interval time.Duration
	// Timeout is how long a full resolver waits for an account that it does not have, for example one that another
	// account imports from. Zero keeps the server's default of 1.9 seconds.
	Timeout time.Duration
	// URL selects a URL resolver instead, which fetches every account from there, including the system account.
	URL string
}

// ResolverMode sets the resolver of servers in operator mode.
func ResolverMode(r Resolver) Option { return func(o *Options) { o.Resolver = r } }

// resolverConfig is the configuration of a resolver other than a URL resolver.
type resolverConfig struct {
	Type        string `json:"type"`
	Dir         string `json:"dir,omitempty"`
	AllowDelete bool   `json:"allow_delete,omitempty"`
	Interval    string `json:"interval,omitempty"`
	Timeout     string `json:"timeout,omitempty"`
}

// config returns the configuration of the resolver. Resolvers that store accounts use dir.
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
		return nil, fmt.Errorf("natslab: unknown resolver type %q", r.Type)
	}
	return c, nil
}

// addOperator adds the operator and its accounts to the configuration. Resolvers that store accounts use dir.
func (c *serverConfig) addOperator(o Options, dir string) error {
	op := o.Operator
	if op == nil {
		return nil
	}
	if o.Token != "" || len(o.Users) > 0 || len(o.Accounts) > 0 || o.SystemUser.Name != "" {
		return errors.New("natslab: operator mode excludes users and accounts in the configuration")
	}
	resolver, err := o.Resolver.config(dir)
	if err != nil {
		return err
	}
	c.Operator, c.Resolver = op.token, resolver
	if o.Resolver.URL != "" {
		return nil // a URL resolver has nothing to preload
	}
	c.Preload = map[string]string{op.system.PublicKey(): op.system.token}
	for _, a := range op.accounts {
		c.Preload[a.PublicKey()] = a.token
	}
	return nil
}
