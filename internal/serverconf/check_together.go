package serverconf

import (
	"cmp"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
)

// checkTogether reports fields that are missing and fields that conflict. Here, an empty field is missing.
func (c Config) checkTogether() []Problem {
	ch := &checker{}
	ch.ports(c)
	ch.elements(c)
	if js := c.JetStream; js != nil {
		if js.StoreDir == "" {
			ch.add(Path{"jetstream", "store_dir"}, "JetStream requires a directory: set it, or the server stores "+
				"the streams in a temporary directory")
		}
		if c.Cluster != nil && c.ServerName == "" {
			ch.add(Path{"server_name"}, "JetStream in a cluster requires a name for each server that does not "+
				"change: set it")
		}
		if c.Cluster != nil && len(c.Cluster.Routes) == 0 {
			ch.add(Path{"cluster", "routes"},
				"JetStream in a cluster does not start without routes: list the servers of the cluster, "+
					"this one among them if it is the only one")
		}
		begins := func(tag string) bool { return strings.HasPrefix(tag, strings.ToLower(js.UniqueTag)) }
		if js.UniqueTag != "" &&
			!slices.ContainsFunc(c.Tags, isVariable) && !slices.ContainsFunc(lower(c.Tags), begins) {
			ch.add(Path{"jetstream", "unique_tag"}, "no tag of the server starts with %q, so no stream would be "+
				"placed on it: add such a tag to tags", js.UniqueTag)
		}
	}
	if c.TLS != nil {
		ch.filesOf(Path{"tls"}, c.TLS)
		if c.TLS.Verify && c.TLS.CAFile == "" {
			ch.add(Path{"tls", "verify"}, "without ca_file the server would accept certificates of any authority "+
				"that its system trusts: set ca_file to the authorities of your clients")
		}
	}
	if cluster := c.Cluster; cluster != nil {
		ch.clusterTogether(cluster)
	}
	ch.operatorMode(c)
	return ch.problems
}

// elements rejects empty elements of lists and maps.
func (c *checker) elements(config Config) {
	check := func(at Path, text string) {
		if text == "" {
			c.add(at, "it is empty: remove it")
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
		c.add(at.At("cert_file"), "TLS requires the server's certificate: set it")
	}
	if t.KeyFile == "" {
		c.add(at.At("key_file"), "TLS requires the key of the server's certificate: set it")
	}
	if t.CertFile != "" && t.CertFile == t.CAFile {
		c.add(at.At("ca_file"), "this is the server's own certificate: use the file with the certificate authorities")
	}
}

func (c *checker) clusterTogether(cluster *Cluster) {
	at := Path{"cluster"}
	if cluster.Name == "" {
		c.add(at.At("name"), "a cluster requires a name: give all of its servers the same one")
	}
	if cluster.Listen == "" {
		c.add(at.At("listen"), `the other servers need an address to connect to: set it, for example to "0.0.0.0:6222"`)
	}
	if t := cluster.TLS; t != nil {
		at := at.At("tls")
		c.filesOf(at, t)
		if t.CAFile == "" {
			c.add(at.At("ca_file"), "without it, any server with a certificate of an authority that the system "+
				"trusts could join the cluster: set it to the authorities of the cluster's servers")
		}
		if t.Verify || t.HandshakeFirst != "" {
			c.add(at, "the servers of a cluster always verify certificates and never start TLS before INFO: remove "+
				"verify and handshake_first")
		}
	}
}

// ports requires a separate port for each listener unless their hosts differ.
func (c *checker) ports(config Config) {
	type listener struct {
		at         Path
		host, port string
	}
	listeners := []listener{}
	add := func(at Path, address string) {
		host, port, err := net.SplitHostPort(withHost(address))
		if err != nil {
			return // empty, or invalid, which is reported elsewhere
		}
		if host == "" || host == "::" {
			host = "0.0.0.0"
		}
		for _, other := range listeners {
			if port == other.port && (host == other.host || host == "0.0.0.0" || other.host == "0.0.0.0") {
				c.add(at, "port %s is already used by %s: choose another one", port, other.at)
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

// operatorMode checks that operator, system account and resolver are set together and match the type of the resolver.
func (c *checker) operatorMode(config Config) {
	r := config.Resolver
	if config.Operator == "" {
		if r != nil {
			c.add(Path{"resolver"}, "a resolver requires operator mode: set operator to the operator's JWT")
		}
		if config.SystemAccount != "" {
			c.add(Path{"system_account"}, "a system account given by its public key requires operator mode: set "+
				"operator to the operator's JWT")
		}
		return
	}
	if r == nil {
		c.add(Path{"resolver"}, "operator mode requires a resolver, which provides the accounts: set it")
		return
	}
	at := Path{"resolver"}
	// takes rejects a field that the type of resolver does not support.
	takes := func(name string, set bool, types ...string) {
		if set && slices.Contains(resolverTypes, r.Type) && !slices.Contains(types, r.Type) {
			c.add(at.At(name), "a resolver of type %q does not support it, only one of type %s: omit it", r.Type,
				strings.Join(types, " or "))
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
		c.add(at.At("type"), `the type is missing: set it to "full", "cache" or "memory"`)
	case Memory:
		if len(r.Preload) == 0 {
			c.add(at.At("preload"), `a resolver of type "memory" only serves preloaded accounts: add them, `+
				`including the system account`)
		}
	case Full, Cache:
		switch {
		case r.Dir == "":
			c.add(at.At("dir"), "a resolver of type %q stores accounts in a directory: set it", r.Type)
		case config.JetStream != nil && path.Clean(r.Dir) == path.Clean(config.JetStream.StoreDir):
			c.add(at.At("dir"), "JetStream stores its streams in this directory: use a separate directory for the "+
				"resolver")
		}
	}
}
