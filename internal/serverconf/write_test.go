package serverconf

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/nats-io/nats-server/v2/server"
)

// texts returns all text fields by their position in the result of the server's parser.
func texts(c *Config) map[string]*string {
	c.JetStream = &JetStream{}
	c.TLS = &TLS{}
	c.Cluster = &Cluster{TLS: &TLS{}, Routes: make([]string, 1)}
	c.Resolver = &Resolver{}
	c.Tags = make([]string, 1)
	return map[string]*string{
		"server_name": &c.ServerName, "listen": &c.Listen, "client_advertise": &c.ClientAdvertise, "http": &c.HTTP,
		"server_tags.0": &c.Tags[0], "log_file": &c.LogFile, "pid_file": &c.PIDFile,
		"operator": &c.Operator, "system_account": &c.SystemAccount,
		"jetstream.store_dir": &c.JetStream.StoreDir, "jetstream.domain": &c.JetStream.Domain,
		"jetstream.sync_interval": &c.JetStream.SyncInterval, "jetstream.unique_tag": &c.JetStream.UniqueTag,
		"tls.cert_file": &c.TLS.CertFile, "tls.key_file": &c.TLS.KeyFile, "tls.ca_file": &c.TLS.CAFile,
		"tls.handshake_first": &c.TLS.HandshakeFirst, "tls.min_version": &c.TLS.MinVersion,
		"cluster.name": &c.Cluster.Name, "cluster.listen": &c.Cluster.Listen, "cluster.advertise": &c.Cluster.Advertise,
		"cluster.routes.0": &c.Cluster.Routes[0], "cluster.tls.cert_file": &c.Cluster.TLS.CertFile,
		"cluster.tls.key_file": &c.Cluster.TLS.KeyFile, "cluster.tls.ca_file": &c.Cluster.TLS.CAFile,
		"cluster.tls.handshake_first": &c.Cluster.TLS.HandshakeFirst, "cluster.tls.min_version": &c.Cluster.TLS.MinVersion,
		"resolver.type": &c.Resolver.Type, "resolver.dir": &c.Resolver.Dir,
	}
}

// hostile are texts that have a meaning in the server's syntax.
var hostile = []string{
	`"`, `\`, `\"`, `'`, `$HOME`, `${HOME}`, `$2a$10$abc`, "\n", "\r\n", "\t", "\x00", "\x7f", "}\nauthorization: none\n{",
	`include "/etc/passwd"`,
	"# comment", "// comment", "(", ")", "(\n)\n", "true", "10GiB", "1.5", "2020-01-01T00:00:00Z", "ü", "\u2028",
	"\U0001F980", `\x41`, ` x `, ";", "[,]",
}

// Texts are read exactly as they were written, whatever they contain, and nothing else appears in the configuration.
func TestTextsSurvive(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := hostile
	for range 300 {
		value := ""
		for range 1 + random.IntN(6) {
			if random.IntN(3) == 0 {
				value += string(rune(random.IntN(0x3000))) // includes control characters
			} else {
				value += hostile[random.IntN(len(hostile))]
			}
		}
		values = append(values, value)
	}
	for _, value := range values {
		checkTexts(t, value)
	}
}

func FuzzTexts(f *testing.F) {
	for _, value := range hostile {
		f.Add(value)
	}
	f.Fuzz(checkTexts)
}

func checkTexts(t *testing.T, value string) {
	t.Helper()
	if value == "" {
		return
	}
	var config Config
	want := map[string]any{}
	for at, field := range texts(&config) {
		*field = at + value // makes all texts different
		put(want, strings.Split(at, "."), at+value)
	}
	text := config.write().b.String()
	got, err := conf.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v\n%s", value, err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is read as\n%v\ninstead of\n%v\nfrom\n%s", value, got, want, text)
	}
}

// put stores a value where the server's parser would; 0 is the only element of a list.
func put(into map[string]any, at []string, value any) {
	switch {
	case len(at) == 1:
		into[at[0]] = value
	case at[1] == "0":
		into[at[0]] = []any{value}
	default:
		inner, ok := into[at[0]].(map[string]any)
		if !ok {
			inner = map[string]any{}
			into[at[0]] = inner
		}
		put(inner, at[1:], value)
	}
}

// The list of texts contains every text field of Config, so that a new one cannot be forgotten.
func TestTextsAreAll(t *testing.T) {
	var config Config
	listed := len(texts(&config))
	config.Tags, config.Cluster.Routes = nil, nil
	found := 2 // the lists
	var count func(reflect.Value)
	count = func(v reflect.Value) {
		for _, field := range v.Fields() {
			switch {
			case field.Kind() == reflect.String:
				found++
			case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct && !field.IsNil():
				count(field.Elem())
			}
		}
	}
	count(reflect.ValueOf(config))
	if found != listed {
		t.Errorf("a Config has %d texts, and %d are listed", found, listed)
	}
}

// The server's options match the configuration.
func TestOptions(t *testing.T) {
	config, dir := full(), t.TempDir()
	config, err := config.withStandIns(dir)
	if err != nil {
		t.Fatal(err)
	}
	var o server.Options
	if err := o.ProcessConfigString(config.write().b.String()); err != nil {
		t.Fatal(err)
	}
	type pairs map[string][2]any
	routes := []string{}
	for _, u := range o.Routes {
		routes = append(routes, u.String())
	}
	for name, p := range (pairs{
		"listen":                {o.Host, "0.0.0.0"},
		"port":                  {o.Port, 4222},
		"advertise":             {o.ClientAdvertise, config.ClientAdvertise},
		"http":                  {o.HTTPHost, "127.0.0.1"},
		"http port":             {o.HTTPPort, 8222},
		"server_name":           {o.ServerName, "nats-1"},
		"tags":                  {[]string(o.Tags), config.Tags},
		"max_payload":           {o.MaxPayload, int32(2 << 20)},
		"max_connections":       {o.MaxConn, 10000},
		"write_deadline":        {o.WriteDeadline, 10 * time.Second},
		"debug":                 {o.Debug, true},
		"trace":                 {o.Trace, true},
		"log_file":              {o.LogFile, filepath.Join(dir, "log_file")},
		"pid_file":              {o.PidFile, filepath.Join(dir, "pid_file")},
		"jetstream":             {o.JetStream, true},
		"store_dir":             {o.StoreDir, filepath.Join(dir, "store_dir")},
		"domain":                {o.JetStreamDomain, "hub"},
		"max_memory_store":      {o.JetStreamMaxMemory, int64(0)},
		"max_file_store":        {o.JetStreamMaxStore, int64(10 << 30)},
		"sync_interval":         {o.SyncAlways, true},
		"unique_tag":            {o.JetStreamUniqueTag, "az:"},
		"max_ack_pending":       {o.JetStreamLimits.MaxAckPending, 1000},
		"default_max_consumers": {o.JetStreamLimits.DefaultMaxConsumers, -1},
		"max_ha_assets":         {o.JetStreamLimits.MaxHAAssets, 2000},
		"max_request_batch":     {o.JetStreamLimits.MaxRequestBatch, 500},
		"duplicate_window":      {o.JetStreamLimits.Duplicates, 2 * time.Minute},
		"certificates":          {len(o.TLSConfig.Certificates), 1},
		"verify":                {o.TLSConfig.ClientAuth.String(), "RequireAndVerifyClientCert"},
		"handshake_first":       {o.TLSHandshakeFirst, true},
		"fallback":              {o.TLSHandshakeFirstFallback, server.DEFAULT_TLS_HANDSHAKE_FIRST_FALLBACK_DELAY},
		"min_version":           {o.TLSConfig.MinVersion, uint16(0x0304)},
		"tls timeout":           {o.TLSTimeout, 2.5},
		"cluster.name":          {o.Cluster.Name, "eu"},
		"cluster.listen":        {o.Cluster.Port, 6222},
		"cluster.advertise":     {o.Cluster.Advertise, "nats-1.example.com:6222"},
		"cluster.routes":        {routes, config.Cluster.Routes},
		"cluster.tls":           {o.Cluster.TLSConfig != nil, true},
		"cluster.tls.timeout":   {o.Cluster.TLSTimeout, 5.0},
	}) {
		if !reflect.DeepEqual(p[0], p[1]) {
			t.Errorf("%s is %v, want %v", name, p[0], p[1])
		}
	}
	if _, err := os.Stat(config.TLS.CertFile); err != nil {
		t.Error(err)
	}
}
