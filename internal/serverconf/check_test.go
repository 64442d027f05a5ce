package serverconf

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Each configuration has exactly one problem, in the given field, whose text contains the solution.
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		path   string
		text   string
	}{
		"listen without a port":  {func(c *Config) { c.Listen = "0.0.0.0" }, "listen", "must be host:port, for example"},
		"listen on port 0":       {func(c *Config) { c.Listen = "0.0.0.0:0" }, "listen", "a port from 1 to 65535"},
		"listen on a named port": {func(c *Config) { c.Listen = "0.0.0.0:nats" }, "listen", "a port from 1 to 65535"},
		"listen on a URL":        {func(c *Config) { c.Listen = "nats://0.0.0.0:4222" }, "listen", "must be host:port"},
		"listen on no host":      {func(c *Config) { c.Listen = "a b:4222" }, "listen", "must start with an IP address"},
		"advertise with a path": {func(c *Config) { c.ClientAdvertise = "nats.example.com/x" }, "client_advertise",
			"must start with an IP address"},
		"http on the client port":   {func(c *Config) { c.HTTP = "127.0.0.1:4222" }, "http", "port 4222 is already used by listen: choose another"},
		"http on the default port":  {func(c *Config) { c.Listen, c.HTTP = "", ":4222" }, "http", "port 4222 is already used by listen: choose another"},
		"cluster on the http port":  {func(c *Config) { c.Cluster.Listen = ":8222" }, "cluster.listen", "port 8222 is already used by http"},
		"server name with a space":  {func(c *Config) { c.ServerName = "nats 1" }, "server_name", "use - instead"},
		"no server name in cluster": {func(c *Config) { c.ServerName = "" }, "server_name", "set it"},
		"tag with a space":          {func(c *Config) { c.Tags = append(c.Tags, "a b") }, "tags[2]", "remove it"},
		"tag twice":                 {func(c *Config) { c.Tags = append(c.Tags, "Region:EU") }, "tags[2]", "ignores case"},
		"empty tag":                 {func(c *Config) { c.Tags[0] = "" }, "tags[0]", "remove it"},
		"empty route":               {func(c *Config) { c.Cluster.Routes[1] = "" }, "cluster.routes[1]", "remove it"},
		"payload of nothing":        {func(c *Config) { c.MaxPayload = new(int64(0)) }, "max_payload", "at least 1"},
		"payload above an int32":    {func(c *Config) { c.MaxPayload = new(int64(1 << 31)) }, "max_payload", "at most 2147483647"},
		"payload above max_pending": {func(c *Config) { c.MaxPayload = new(int64(65 << 20)) }, "max_payload",
			"nats-server would not start: max_payload"},
		"connections unlimited":    {func(c *Config) { c.MaxConnections = new(int64(-1)) }, "max_connections", "omit it"},
		"negative deadline":        {func(c *Config) { c.WriteDeadline = -time.Second }, "write_deadline", "must be positive"},
		"relative log file":        {func(c *Config) { c.LogFile = "nats.log" }, "log_file", "not an absolute path"},
		"pid file at home":         {func(c *Config) { c.PIDFile = "~/nats.pid" }, "pid_file", "does not expand: use the absolute path"},
		"path that leads back":     {func(c *Config) { c.LogFile = "/var/log/../x" }, "log_file", `use "/var/x"`},
		"no store directory":       {func(c *Config) { c.JetStream.StoreDir = "" }, "jetstream.store_dir", "requires a directory"},
		"relative store directory": {func(c *Config) { c.JetStream.StoreDir = "data" }, "jetstream.store_dir", "not an absolute path"},
		"domain of two tokens":     {func(c *Config) { c.JetStream.Domain = "hub.eu" }, "jetstream.domain", "must not contain . * or >"},
		"domain with a space":      {func(c *Config) { c.JetStream.Domain = "hub eu" }, "jetstream.domain", "use - instead"},
		"no file store": {func(c *Config) { c.JetStream.MaxFileStore = new(int64(0)) }, "jetstream.max_file_store",
			"at least 1"},
		"unlimited file store": {func(c *Config) { c.JetStream.MaxFileStore = new(int64(-1)) }, "jetstream.max_file_store",
			"omit it to use the server's default"},
		"sync never": {func(c *Config) { c.JetStream.SyncInterval = "never" }, "jetstream.sync_interval",
			`must be "always" or a positive duration`},
		"unique tag of nobody": {func(c *Config) { c.JetStream.UniqueTag = "rack:" }, "jetstream.unique_tag", "add such a tag to tags"},
		"no consumers": {func(c *Config) { c.JetStream.Limits.DefaultMaxConsumers = new(int64(0)) }, "jetstream.limits.default_max_consumers",
			"-1 for no limit"},
		"acks below unlimited": {func(c *Config) { c.JetStream.Limits.MaxAckPending = new(int64(-2)) }, "jetstream.limits.max_ack_pending",
			"-1 for no limit"},
		"no assets": {func(c *Config) { c.JetStream.Limits.MaxHAAssets = new(int64(0)) }, "jetstream.limits.max_ha_assets",
			"at least 1"},
		"no batch": {func(c *Config) { c.JetStream.Limits.MaxRequestBatch = new(int64(-5)) }, "jetstream.limits.max_request_batch",
			"at least 1"},
		"negative window": {func(c *Config) { c.JetStream.Limits.DuplicateWindow = -1 }, "jetstream.limits.duplicate_window",
			"must be positive"},
		"no certificate":          {func(c *Config) { c.TLS.CertFile = "" }, "tls.cert_file", "set it"},
		"no key":                  {func(c *Config) { c.TLS.KeyFile = "" }, "tls.key_file", "set it"},
		"relative certificate":    {func(c *Config) { c.TLS.CertFile = "certs/cert.pem" }, "tls.cert_file", "not an absolute path"},
		"verify without a CA":     {func(c *Config) { c.TLS.CAFile = "" }, "tls.verify", "set ca_file"},
		"certificate as CA":       {func(c *Config) { c.TLS.CAFile = c.TLS.CertFile }, "tls.ca_file", "use the file with the certificate authorities"},
		"handshake sometimes":     {func(c *Config) { c.TLS.HandshakeFirst = "sometimes" }, "tls.handshake_first", `must be "true", "false"`},
		"old TLS":                 {func(c *Config) { c.TLS.MinVersion = "1.1" }, "tls.min_version", `must be "1.2" or "1.3"`},
		"cluster without a name":  {func(c *Config) { c.Cluster.Name = "" }, "cluster.name", "give all of its servers the same one"},
		"cluster with a space":    {func(c *Config) { c.Cluster.Name = "e u" }, "cluster.name", "use - instead"},
		"cluster of the server's": {func(c *Config) { c.Cluster.Name = "_" }, "cluster.name", "choose another one"},
		"cluster that is deaf":    {func(c *Config) { c.Cluster.Listen = "" }, "cluster.listen", "set it"},
		"cluster TLS without CA":  {func(c *Config) { c.Cluster.TLS.CAFile = "" }, "cluster.tls.ca_file", "set it to the authorities"},
		"cluster TLS verified":    {func(c *Config) { c.Cluster.TLS.Verify = true }, "cluster.tls", "remove verify"},
		"route without a port":    {func(c *Config) { c.Cluster.Routes[1] = "nats://b" }, "cluster.routes[1]", "use nats://b:6222"},
		"route without a scheme":  {func(c *Config) { c.Cluster.Routes[0] = "b" }, "cluster.routes[0]", `must be a URL, for example "nats://`},
		"route by http":           {func(c *Config) { c.Cluster.Routes[0] = "http://b:6222" }, "cluster.routes[0]", "use nats://b:6222"},
		"route with a path":       {func(c *Config) { c.Cluster.Routes[0] = "nats://b:6222/c" }, "cluster.routes[0]", "use nats://b:6222"},
		"route with a password":   {func(c *Config) { c.Cluster.Routes[0] = "nats://u:s3cr3t@b:6222" }, "cluster.routes[0]", "remove it"},
		"route twice":             {func(c *Config) { c.Cluster.Routes[1] = c.Cluster.Routes[0] }, "cluster.routes[1]", "remove it"},
		"resolver, no operator":   {func(c *Config) { c.Resolver = &Resolver{Type: Memory} }, "resolver", "set operator"},
		"system account alone":    {func(c *Config) { c.SystemAccount = newKey(nkeys.PrefixByteAccount) }, "system_account", "set operator"},
	} {
		config := full()
		c.change(&config)
		expect(t, name, config, c.path, c.text)
	}
}

// expect checks that a configuration has exactly one problem, whose text contains no secret, and that no text is
// rendered.
func expect(t *testing.T, name string, config Config, path, text string) {
	t.Helper()
	rendered, problems := config.Render()
	if rendered != "" || len(problems) != 1 {
		t.Errorf("%s: %q, %v", name, rendered, problems)
		return
	}
	if got := problems[0].Path.String(); got != path {
		t.Errorf("%s: the problem is with %q, want %q", name, got, path)
	}
	if !strings.Contains(problems[0].Text, text) {
		t.Errorf("%s: %q does not contain %q", name, problems[0].Text, text)
	}
	if strings.Contains(problems[0].Text, "s3cr3t") || strings.HasSuffix(problems[0].Text, ".") {
		t.Errorf("%s: the problem is %q", name, problems[0].Text)
	}
}

func newKey(prefix nkeys.PrefixByte) string {
	pair, err := nkeys.CreatePair(prefix)
	if err != nil {
		panic(err)
	}
	key, err := pair.PublicKey()
	if err != nil {
		panic(err)
	}
	return key
}

// The same for operator mode, in which JWTs must match each other.
func TestOperatorProblems(t *testing.T) {
	lab, other := newOperator(t), newOperator(t)
	system := lab.SystemAccount()
	stranger := other.SystemAccount()
	account, err := lab.AddAccount("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	expired, err := lab.AddAccount("expired", func(c *jwt.AccountClaims) { c.Expires = time.Now().Add(-time.Hour).Unix() })
	if err != nil {
		t.Fatal(err)
	}
	preload := func(config *Config, key, token string) {
		config.Resolver.Preload[key] = token
	}
	at := func(key string) string { return `resolver.preload["` + key + `"]` }

	for name, c := range map[string]struct {
		kind   string
		change func(*Config)
		path   string
		text   string
	}{
		"operator that is none":   {Full, func(c *Config) { c.Operator = "/etc/nats/s3cr3t.jwt" }, "operator", "not have the form of a JWT"},
		"operator that is a seed": {Full, func(c *Config) { c.Operator = lab.SigningKeySeed() }, "operator", "the seed of a key"},
		"operator, an account":    {Full, func(c *Config) { c.Operator = system.JWT() }, "operator", "a JWT of type account"},
		"operator, forged": {Full, func(c *Config) { c.Operator = c.Operator[:len(c.Operator)-6] + "AAAAAA" }, "operator",
			"use the JWT unchanged"},
		"operator with a newline": {Full, func(c *Config) { c.Operator += "\n" }, "operator", "a single line"},
		"operator of the future":  {Full, func(c *Config) { *c = future(t) }, "operator", "expected major version 99"},
		"expired operator":        {Full, func(c *Config) { c.Operator = expiredOperator(t) }, "operator", "expired"},
		"no resolver":             {Full, func(c *Config) { c.Resolver = nil }, "resolver", "set it"},
		"resolver of no type":     {Full, func(c *Config) { c.Resolver.Type = "" }, "resolver.type", `set it to "full"`},
		"resolver of a URL": {Memory, func(c *Config) { c.Resolver.Type = "url" }, "resolver.type",
			`use "full", "cache" or "memory"`},
		"full, no directory":  {Full, func(c *Config) { c.Resolver.Dir = "" }, "resolver.dir", "set it"},
		"cache, no directory": {Cache, func(c *Config) { c.Resolver.Dir = "" }, "resolver.dir", "set it"},
		"relative directory":  {Full, func(c *Config) { c.Resolver.Dir = "jwt" }, "resolver.dir", "not an absolute path"},
		"directory of streams": {Full, func(c *Config) { c.JetStream = &JetStream{StoreDir: c.Resolver.Dir + "/"} }, "resolver.dir",
			"a separate directory"},
		"full with ttl":         {Full, func(c *Config) { c.Resolver.TTL = time.Hour }, "resolver.ttl", "type cache: omit it"},
		"cache with delete":     {Cache, func(c *Config) { c.Resolver.AllowDelete = true }, "resolver.allow_delete", "type full: omit it"},
		"cache with interval":   {Cache, func(c *Config) { c.Resolver.Interval = time.Hour }, "resolver.interval", "type full: omit it"},
		"memory with directory": {Memory, func(c *Config) { c.Resolver.Dir = "/jwt" }, "resolver.dir", "full or cache: omit it"},
		"memory with limit":     {Memory, func(c *Config) { c.Resolver.Limit = new(int64(1)) }, "resolver.limit", "full or cache: omit it"},
		"limit of nothing":      {Full, func(c *Config) { c.Resolver.Limit = new(int64(0)) }, "resolver.limit", "at least 1"},
		"negative timeout":      {Full, func(c *Config) { c.Resolver.Timeout = -1 }, "resolver.timeout", "must be positive"},
		"memory of nothing":     {Memory, func(c *Config) { c.Resolver.Preload = nil }, "resolver.preload", "including the system account"},
		"memory without system": {Memory, func(c *Config) { c.Resolver.Preload = map[string]string{account.PublicKey(): account.JWT()} }, "resolver.preload",
			"add its JWT"},
		"system of another": {Full, func(c *Config) { c.SystemAccount = stranger.PublicKey() }, "system_account",
			"omit it, or set the same account"},
		"system that is an id": {Full, func(c *Config) { c.SystemAccount = "SYS" }, "system_account", "it is not an nkey"},
		"system, an operator": {Full, func(c *Config) { c.SystemAccount = lab.PublicKey() }, "system_account",
			"it is the public key of an operator"},
		"system that is a seed": {Full, func(c *Config) { c.SystemAccount = system.SigningKeySeed() }, "system_account", "it is a seed"},
		"nowhere a system": {Full, func(c *Config) { c.Operator, c.SystemAccount, c.Resolver.Preload = plainOperator(t), "", nil }, "system_account",
			"set it"},
		"preloaded by name": {Full, func(c *Config) { preload(c, "SYS", system.JWT()) }, at("SYS"), "it is not an nkey"},
		"preloaded elsewhere": {Full, func(c *Config) { preload(c, account.PublicKey(), system.JWT()) }, at(account.PublicKey()),
			"store it under that key"},
		"preloaded operator": {Full, func(c *Config) { preload(c, account.PublicKey(), lab.JWT()) }, at(account.PublicKey()),
			"type operator"},
		"preloaded nothing":  {Full, func(c *Config) { preload(c, account.PublicKey(), "") }, at(account.PublicKey()), "remove it"},
		"preloaded nonsense": {Full, func(c *Config) { preload(c, account.PublicKey(), "s3cr3t") }, at(account.PublicKey()), "form of a JWT"},
		"preloaded, of stranger": {Full, func(c *Config) { preload(c, stranger.PublicKey(), stranger.JWT()) }, at(stranger.PublicKey()),
			"or add that key to the operator"},
		"preloaded, expired": {Full, func(c *Config) { preload(c, expired.PublicKey(), expired.JWT()) }, at(expired.PublicKey()), "expired"},
	} {
		config := operatorMode(lab, c.kind)
		c.change(&config)
		expect(t, name, config, c.path, c.text)
		for _, seed := range []string{lab.SigningKeySeed(), system.SigningKeySeed()} {
			if _, problems := config.Render(); len(problems) > 0 && strings.Contains(problems[0].Text, seed) {
				t.Errorf("%s: a seed is in the text", name)
			}
		}
	}

	// Valid configurations: the operator's own system account need not be set, nor preloaded if it can be pushed.
	for _, kind := range []string{Full, Cache} {
		config := operatorMode(lab, kind)
		config.SystemAccount, config.Resolver.Preload = "", nil
		render(t, config)
	}
}

// operatorWith returns the JWT of a new operator.
func operatorWith(t *testing.T, change func(*jwt.OperatorClaims)) (token string, key nkeys.KeyPair) {
	t.Helper()
	key, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewOperatorClaims(public)
	claims.Name = "lab"
	change(claims)
	token, err = claims.Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	return token, key
}

func expiredOperator(t *testing.T) string {
	t.Helper()
	token, _ := operatorWith(t, func(c *jwt.OperatorClaims) { c.Expires = time.Now().Add(-time.Hour).Unix() })
	return token
}

// plainOperator returns the JWT of an operator without a system account.
func plainOperator(t *testing.T) string {
	t.Helper()
	token, _ := operatorWith(t, func(*jwt.OperatorClaims) {})
	return token
}

// future returns a configuration with an operator that requires a future server version.
func future(t *testing.T) Config {
	t.Helper()
	token, _ := operatorWith(t, func(c *jwt.OperatorClaims) {
		c.AssertServerVersion, c.SystemAccount = "99.0.0", newKey(nkeys.PrefixByteAccount)
	})
	return Config{Operator: token, Resolver: &Resolver{Type: Full, Dir: "/jwt"}}
}

// With strict signing keys, only signing keys of the operator may sign accounts.
func TestStrictSigningKeys(t *testing.T) {
	system, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, err := system.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	token, key := operatorWith(t, func(c *jwt.OperatorClaims) {
		c.StrictSigningKeyUsage, c.SystemAccount = true, public
		c.SigningKeys.Add(newKey(nkeys.PrefixByteOperator))
	})
	account, err := jwt.NewAccountClaims(public).Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Operator: token, Resolver: &Resolver{Type: Memory, Preload: map[string]string{public: account}}}
	expect(t, "strict", config, `resolver.preload["`+public+`"]`, "sign it with a signing key")
}

// Checks of several fields do not apply to single fields, because some fields may not be known yet.
func TestCheckFieldsOfAPart(t *testing.T) {
	for name, config := range map[string]Config{
		"empty":     {},
		"parts":     {JetStream: &JetStream{}, TLS: &TLS{}, Cluster: &Cluster{TLS: &TLS{}}, Resolver: &Resolver{}},
		"preloaded": {Resolver: &Resolver{Preload: map[string]string{newKey(nkeys.PrefixByteAccount): ""}}},
		"operator":  {Operator: newOperator(t).JWT()},
		"elements":  {Tags: []string{"", ""}, Cluster: &Cluster{Routes: []string{"", ""}}},
	} {
		if problems := config.CheckFields(); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// Problems that only the server's parser finds are reported for the field on the line in the error.
func TestServerProblems(t *testing.T) {
	config := Config{Cluster: &Cluster{Name: "_", Listen: ":6222"}, MaxPayload: new(int64(1 << 40)),
		WriteDeadline: time.Second}
	found := map[string]string{}
	for _, p := range config.checkServer() {
		found[p.Path.String()] = p.Text
	}
	for path, text := range map[string]string{"cluster.name": "reserved", "max_payload": "value is too big"} {
		if !strings.HasPrefix(found[path], "nats-server rejects it: ") || !strings.Contains(found[path], text) {
			t.Errorf("%s: %q does not contain %q; all are %v", path, found[path], text, found)
		}
	}
	if len(found) != 2 {
		t.Errorf("problems: %v", found)
	}

	for text, want := range map[string]string{
		"server name cannot contain spaces":                                "server_name",
		"jetstream cluster requires `server_name` to be set":               "server_name",
		"system_account in config and operator JWT must be identical":      "system_account",
		"operator OABC expected major version 99 > server major version 2": "operator",
		"invalid domain name: may not contain ., * or >":                   "jetstream.domain",
		"resolver preloads only available for writeable resolver types":    "resolver.preload",
		"something that this version does not know":                        "",
	} {
		if got := fieldOfStart(errors.New(text)).String(); got != want {
			t.Errorf("%q belongs to %q, want %q", text, got, want)
		}
	}
}

// A JetStream server that is alone in its cluster does not start unless it has a route to itself.
func TestJetStreamInAClusterNeedsRoutes(t *testing.T) {
	config := Config{
		ServerName: "a", JetStream: &JetStream{StoreDir: "/var/lib/nats"},
		Cluster: &Cluster{Name: "eu", Listen: "127.0.0.1:6222"},
	}
	expect(t, "none", config, "cluster.routes", "does not start without routes")
	config.Cluster.Routes = []string{"nats://127.0.0.1:6222"}
	if _, problems := config.Render(); len(problems) > 0 {
		t.Errorf("a route to itself: %v", problems)
	}
}
