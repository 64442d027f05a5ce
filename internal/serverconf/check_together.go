package serverconf

import (
	"cmp"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
)

// checkTogether tells what is missing, and which fields do not go together. Empty fields count as such here.
func (c Config) checkTogether() []Problem {
	ch := &checker{}
	ch.ports(c)
	ch.elements(c)
	if js := c.JetStream; js != nil {
		if js.StoreDir == "" {
			ch.add(Path{"jetstream", "store_dir"}, "JetStream needs a directory: without one it keeps the streams in a temporary one")
		}
		if c.Cluster != nil && c.ServerName == "" {
			ch.add(Path{"server_name"}, "JetStream in a cluster needs a name for each server, which stays the same over restarts: set it")
		}
		begins := func(tag string) bool { return strings.HasPrefix(tag, strings.ToLower(js.UniqueTag)) }
		if js.UniqueTag != "" && !slices.ContainsFunc(c.Tags, isVariable) && !slices.ContainsFunc(lower(c.Tags), begins) {
			ch.add(Path{"jetstream", "unique_tag"}, "none of the server's tags begins with %q, so no stream would ever be placed on it: "+
				"add such a tag to tags", js.UniqueTag)
		}
	}
	if c.TLS != nil {
		ch.filesOf(Path{"tls"}, c.TLS)
		if c.TLS.Verify && c.TLS.CAFile == "" {
			ch.add(Path{"tls", "verify"}, "without ca_file the server would accept a certificate of any authority that its machine knows: "+
				"set ca_file to the authorities of your clients")
		}
	}
	if cluster := c.Cluster; cluster != nil {
		ch.clusterTogether(cluster)
	}
	ch.operatorMode(c)
	return ch.problems
}

// elements refuses what is empty in a list or a map.
func (c *checker) elements(config Config) {
	check := func(at Path, text string) {
		if text == "" {
			c.add(at, "it is empty: leave it out")
		}
	}
	for i, tag := range config.Tags {
		check(Path{"tags", Index(i)}, tag)
	}
	if config.Cluster != nil {
		for i, route := range config.Cluster.Routes {
			check(Path{"cluster", "routes", Index(i)}, route)
		}
	}
	if config.Resolver != nil {
		for _, key := range slices.Sorted(maps.Keys(config.Resolver.Preload)) {
			check(Path{"resolver", "preload", Key(key)}, config.Resolver.Preload[key])
		}
	}
}

func (c *checker) filesOf(at Path, t *TLS) {
	if t.CertFile == "" {
		c.add(at.At("cert_file"), "TLS needs the server's certificate: set it")
	}
	if t.KeyFile == "" {
		c.add(at.At("key_file"), "TLS needs the key of the server's certificate: set it")
	}
	if t.CertFile != "" && t.CertFile == t.CAFile {
		c.add(at.At("ca_file"), "it is the server's own certificate: name the file of the authorities")
	}
}

func (c *checker) clusterTogether(cluster *Cluster) {
	at := Path{"cluster"}
	if cluster.Name == "" {
		c.add(at.At("name"), "a cluster needs a name: give each of its servers the same one")
	}
	if cluster.Listen == "" {
		c.add(at.At("listen"), `the other servers need an address to connect to: set it, such as "0.0.0.0:6222"`)
	}
	if t := cluster.TLS; t != nil {
		at := at.At("tls")
		c.filesOf(at, t)
		if t.CAFile == "" {
			c.add(at.At("ca_file"), "without it any server with a certificate of an authority that the machine knows could join the cluster: "+
				"set it to the authorities of the cluster's servers")
		}
		if t.Verify || t.HandshakeFirst != "" {
			c.add(at, "between servers of a cluster, certificates are always verified and the handshake is never first: leave out verify "+
				"and handshake_first")
		}
	}
}

// ports wants a port of its own for each listener, unless their hosts differ.
func (c *checker) ports(config Config) {
	type listener struct {
		at         Path
		host, port string
	}
	listeners := []listener{}
	add := func(at Path, address string) {
		host, port, err := net.SplitHostPort(withHost(address))
		if err != nil {
			return // none, or none that can be read, which is told by itself
		}
		if host == "" || host == "::" {
			host = "0.0.0.0"
		}
		for _, other := range listeners {
			if port == other.port && (host == other.host || host == "0.0.0.0" || other.host == "0.0.0.0") {
				c.add(at, "port %s is that of %s: choose another one", port, other.at)
			}
		}
		listeners = append(listeners, listener{at, host, port})
	}
	add(Path{"listen"}, cmp.Or(config.Listen, DefaultListen))
	add(Path{"http"}, config.HTTP)
	if config.Cluster != nil {
		add(Path{"cluster", "listen"}, config.Cluster.Listen)
	}
}

// operatorMode checks that operator, system account and resolver come together and fit the type of the resolver.
func (c *checker) operatorMode(config Config) {
	r := config.Resolver
	if config.Operator == "" {
		if r != nil {
			c.add(Path{"resolver"}, "a resolver is for operator mode: set operator to the operator's JWT")
		}
		if config.SystemAccount != "" {
			c.add(Path{"system_account"}, "a system account with a public key is for operator mode: set operator to the operator's JWT")
		}
		return
	}
	if r == nil {
		c.add(Path{"resolver"}, "in operator mode the server needs a resolver, from which it knows the accounts: set it")
		return
	}
	at := Path{"resolver"}
	// takes refuses a field that the type of resolver has no use for.
	takes := func(name string, set bool, types ...string) {
		if set && slices.Contains(resolverTypes, r.Type) && !slices.Contains(types, r.Type) {
			c.add(at.At(name), "a resolver of type %q does not take it, but one of type %s: leave it out", r.Type, strings.Join(types, " or "))
		}
	}
	takes("dir", r.Dir != "", Full, Cache)
	takes("allow_delete", r.AllowDelete, Full)
	takes("interval", r.Interval != 0, Full)
	takes("limit", r.Limit != nil, Full, Cache)
	takes("ttl", r.TTL != 0, Cache)
	takes("timeout", r.Timeout != 0, Full, Cache)
	switch r.Type {
	case "":
		c.add(at.At("type"), `it is missing: set it to "full", "cache" or "memory"`)
	case Memory:
		if len(r.Preload) == 0 {
			c.add(at.At("preload"), `a resolver of type "memory" knows the preloaded accounts and no others: add them, the system account at least`)
		}
	case Full, Cache:
		switch {
		case r.Dir == "":
			c.add(at.At("dir"), "a resolver of type %q keeps accounts in a directory: set it", r.Type)
		case config.JetStream != nil && path.Clean(r.Dir) == path.Clean(config.JetStream.StoreDir):
			c.add(at.At("dir"), "it is where JetStream keeps its streams: give the resolver a directory of its own")
		}
	}
}
