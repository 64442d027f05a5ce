package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const source = "nats_server_config"

// all is a configuration with every attribute but those of operator mode.
func all() acctest.Config {
	return acctest.Config{
		"listen": "0.0.0.0:4222", "client_advertise": "nats-1.example.com", "http": "127.0.0.1:8222", "server_name": "nats-1",
		"tags": []any{"region:eu", "az:a"}, "max_payload": "2MiB", "max_control_line": "16KiB", "max_connections": 1000,
		"write_deadline": "5s",
		"debug":          true, "trace": true, "log_file": "/var/log/nats.log", "pid_file": "/run/nats.pid",
		"jetstream": acctest.Config{
			"store_dir": "/var/lib/nats", "domain": "hub", "max_memory_store": "0", "max_file_store": "107374182400",
			"sync_interval": "always", "unique_tag": "az:",
			"limits": acctest.Config{
				"max_ack_pending": 1000, "default_max_consumers": -1, "max_ha_assets": 2000, "max_request_batch": 500,
				"duplicate_window": "2m",
			},
		},
		"tls": acctest.Config{
			"cert_file": "/etc/nats/cert.pem", "key_file": "/etc/nats/key.pem", "ca_file": "/etc/nats/ca.pem", "verify": true,
			"handshake_first": "auto", "min_version": "1.3", "timeout": "5s",
		},
		"cluster": acctest.Config{
			"name": "eu", "listen": "0.0.0.0:6222", "advertise": "nats-1.example.com:6222",
			"routes": []any{"nats://nats-2:6222"},
			"tls": acctest.Config{
				"cert_file": "/etc/nats/cert.pem", "key_file": "/etc/nats/key.pem", "ca_file": "/etc/nats/ca.pem",
				"min_version": "1.2",
				"timeout":     "5s",
			},
		},
	}
}

const allText = `server_name: "nats-1"
listen: "0.0.0.0:4222"
client_advertise: "nats-1.example.com"
http: "127.0.0.1:8222"
server_tags: [
  "region:eu"
  "az:a"
]
max_payload: 2MiB
max_control_line: 16KiB
max_connections: 1000
write_deadline: "5s"
debug: true
trace: true
log_file: "/var/log/nats.log"
pid_file: "/run/nats.pid"
tls {
  cert_file: "/etc/nats/cert.pem"
  key_file: "/etc/nats/key.pem"
  ca_file: "/etc/nats/ca.pem"
  verify: true
  handshake_first: "auto"
  min_version: "1.3"
  timeout: 5
}
jetstream {
  store_dir: "/var/lib/nats"
  domain: "hub"
  max_memory_store: 0
  max_file_store: 100GiB
  sync_interval: "always"
  unique_tag: "az:"
  limits {
    max_ack_pending: 1000
    default_max_consumers: -1
    max_ha_assets: 2000
    max_request_batch: 500
    duplicate_window: "2m0s"
  }
}
cluster {
  name: "eu"
  listen: "0.0.0.0:6222"
  advertise: "nats-1.example.com:6222"
  routes: [
    "nats://nats-2:6222"
  ]
  tls {
    cert_file: "/etc/nats/cert.pem"
    key_file: "/etc/nats/key.pem"
    ca_file: "/etc/nats/ca.pem"
    min_version: "1.2"
    timeout: 5
  }
}
`

func operator(t *testing.T) *natslab.Operator {
	t.Helper()
	o, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// inOperatorMode is a configuration with every attribute of operator mode that a full resolver takes.
func inOperatorMode(o *natslab.Operator) acctest.Config {
	return acctest.Config{
		"operator": o.JWT(), "system_account": o.SystemAccount().PublicKey(),
		"resolver": acctest.Config{
			"type": "full", "dir": "/var/lib/nats/jwt", "allow_delete": true, "interval": "2m", "limit": 1000, "timeout": "3s",
			"preload": acctest.Config{o.SystemAccount().PublicKey(): o.SystemAccount().JWT()},
		},
	}
}

// decorated is the content of a .jwt file.
func decorated(t *testing.T, token string) string {
	t.Helper()
	text, err := jwt.DecorateJWT(token)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every attribute comes into the text.
func TestServerConfigText(t *testing.T) {
	o := operator(t)
	system := o.SystemAccount()
	for _, c := range []struct {
		config acctest.Config
		want   string
	}{
		{acctest.Config{}, "listen: \"0.0.0.0:4222\"\n"},
		{all(), allText},
		{inOperatorMode(o), "listen: \"0.0.0.0:4222\"\noperator: \"" + o.JWT() + "\"\nsystem_account: \"" + system.PublicKey() + `"
resolver {
  type: "full"
  dir: "/var/lib/nats/jwt"
  allow_delete: true
  interval: "2m0s"
  limit: 1000
  timeout: "3s"
}
resolver_preload {
  "` + system.PublicKey() + `": "` + system.JWT() + "\"\n}\n"},
		{acctest.Config{"operator": o.JWT(), "resolver": acctest.Config{"type": "cache", "dir": "/jwt", "ttl": "1h"}},
			"listen: \"0.0.0.0:4222\"\noperator: \"" + o.JWT() +
				"\"\nresolver {\n  type: \"cache\"\n  dir: \"/jwt\"\n  ttl: \"1h0m0s\"\n}\n"},
		// The contents of .jwt files.
		{acctest.Config{"operator": decorated(t, o.JWT()), "resolver": acctest.Config{
			"type": "memory", "preload": acctest.Config{system.PublicKey(): strings.TrimSpace(decorated(t, system.JWT()))},
		}}, "listen: \"0.0.0.0:4222\"\noperator: \"" + o.JWT() +
			"\"\nresolver {\n  type: \"memory\"\n}\nresolver_preload {\n  \"" +
			system.PublicKey() + "\": \"" + system.JWT() + "\"\n}\n"},
		// Variables of the server's environment, a port alone and a size in the form of Kubernetes.
		{acctest.Config{"server_name": "$POD_NAME", "http": "8222", "max_payload": "1Mi", "jetstream": acctest.Config{"store_dir": "/data", "domain": "$DOMAIN"}},
			"server_name: $POD_NAME\nlisten: \"0.0.0.0:4222\"\nhttp: \"0.0.0.0:8222\"\nmax_payload: 1MiB\n" +
				"jetstream {\n  store_dir: \"/data\"\n  domain: $DOMAIN\n}\n"},
	} {
		if found := acctest.ValidateDataSource(t, source, c.config); len(found) > 0 {
			t.Error(found)
		}
		attributes, found := acctest.ReadDataSource(t, source, c.config)
		if len(found) > 0 {
			t.Error(found)
			continue
		}
		if diff := cmp.Diff(c.want, attributes["config"]); diff != "" {
			t.Error(diff)
		}
	}
}

// set returns the configuration with another value at a path of names.
func set(config acctest.Config, at string, value any) acctest.Config {
	name, rest, nested := strings.Cut(at, ".")
	if !nested {
		config[name] = value
		return config
	}
	inner, ok := config[name].(acctest.Config)
	if !ok {
		inner = acctest.Config{}
	}
	config[name] = set(inner, rest, value)
	return config
}

// Each bad input is one error, on its attribute, that says what to do; it is found when the configuration is validated,
// and reading would find it too.
func TestServerConfigProblems(t *testing.T) {
	o, other := operator(t), operator(t)
	system, stranger := o.SystemAccount(), other.SystemAccount()
	plain, operated := all, func() acctest.Config { return inOperatorMode(o) }
	for _, c := range []struct {
		config func() acctest.Config
		set    string
		value  any
		path   string // that of set, if empty
		text   string
	}{
		{plain, "listen", "04222", "", `"0.0.0.0:4222"`},
		{plain, "server_name", "nats-$POD", "", "a variable must be the whole value"},
		{plain, "listen", "0.0.0.0:99999", "", "a port from 1 to 65535"},
		{plain, "listen", "", "", "is an empty string"},
		{plain, "http", ":4222", "", "choose another one"},
		{plain, "client_advertise", "nats-1/x", "", "must start with an IP address"},
		{plain, "server_name", "nats 1", "", "use - instead"},
		{plain, "server_name", nil, "", "set it"},
		{plain, "tags", []any{"az:a", "a b"}, "tags[1]", "remove it"},
		{plain, "tags", []any{"az:a", ""}, "tags[1]", "remove the element"},
		{plain, "max_payload", "many", "", "10GiB"},
		{plain, "max_payload", "10g", "", "GiB"},
		{plain, "max_payload", "-1", "", "omit it"},
		{plain, "max_payload", "3GiB", "", "at most"},
		{plain, "max_control_line", "100", "", "it must be at least 1024"},
		{plain, "max_control_line", "4GiB", "", "at most"},
		{plain, "max_payload", "65MiB", "", "cannot be higher than max_pending"},
		{plain, "max_connections", 0, "", "at least 1"},
		{plain, "write_deadline", "soon", "", `for example "10s"`},
		{plain, "write_deadline", "0s", "", "above zero"},
		{plain, "log_file", "log", "", "not an absolute path"},
		{plain, "pid_file", "~/pid", "", "use the absolute path"},
		{plain, "jetstream.store_dir", "./data", "", "not an absolute path"},
		{plain, "jetstream.domain", "a.b", "", "must not contain . * or >"},
		{plain, "jetstream.max_memory_store", "1.0001KiB", "", "use a smaller unit"},
		{plain, "jetstream.max_file_store", "0", "", "at least 1"},
		{plain, "jetstream.sync_interval", "often", "", `for example "2m"`},
		{plain, "jetstream.unique_tag", "rack:", "", "add such a tag to tags"},
		{plain, "jetstream.limits.default_max_consumers", 0, "", "-1 for no limit"},
		{plain, "jetstream.limits.max_ack_pending", -7, "", "-1 for no limit"},
		{plain, "jetstream.limits.max_ha_assets", 0, "", "at least 1"},
		{plain, "jetstream.limits.max_request_batch", 0, "", "at least 1"},
		{plain, "jetstream.limits.duplicate_window", "-2m", "", "above zero"},
		{plain, "tls.cert_file", "cert.pem", "", "not an absolute path"},
		{plain, "tls.ca_file", nil, "tls.verify", "set ca_file"},
		{plain, "tls.handshake_first", "maybe", "", "50ms"},
		{plain, "tls.min_version", "1.1", "", `"1.2" or "1.3"`},
		{plain, "tls.timeout", "2", "", `for example "10s"`},
		{plain, "cluster.name", "e u", "", "use - instead"},
		{plain, "cluster.listen", ":8222", "", "choose another one"},
		{plain, "cluster.routes", []any{"nats://nats-2"}, "cluster.routes[0]", "use nats://nats-2:6222"},
		{plain, "cluster.routes", []any{"nats://a:s3cr3t@nats-2:6222"}, "cluster.routes[0]", "remove it"},
		{plain, "cluster.tls.ca_file", "/etc/nats/cert.pem", "", "use the file with the certificate authorities"},
		{plain, "resolver", acctest.Config{"type": "memory"}, "", "set operator"},
		{plain, "system_account", system.PublicKey(), "", "set operator"},
		{operated, "operator", o.SigningKeySeed(), "", "use the JWT instead"},
		{operated, "operator", system.JWT(), "", "type account"},
		{operated, "resolver", nil, "", "set it"},
		{operated, "system_account", "SYS", "", "it is not an nkey"},
		{operated, "system_account", stranger.PublicKey(), "", "omit it, or set the same account"},
		{operated, "resolver.type", "nats", "", `"full", "cache" or "memory"`},
		{operated, "resolver.dir", nil, "", "set it"},
		{operated, "resolver.dir", "jwt", "", "not an absolute path"},
		{operated, "resolver.ttl", "1h", "", "omit it"},
		{operated, "resolver.limit", 0, "", "at least 1"},
		{operated, "resolver.interval", "1", "", `for example "10s"`},
		{operated, "resolver.preload", acctest.Config{stranger.PublicKey(): stranger.JWT()}, `resolver.preload["` + stranger.PublicKey() + `"]`,
			"or add that key to the operator"},
		{operated, "resolver.preload", acctest.Config{stranger.PublicKey(): system.JWT()}, `resolver.preload["` + stranger.PublicKey() + `"]`,
			"store it under that key"},
	} {
		config := set(c.config(), c.set, c.value)
		path := c.path
		if path == "" {
			path = c.set
		}
		validated := acctest.ValidateDataSource(t, source, config)
		if len(validated) != 1 || validated[0].Path != path || !strings.Contains(words(validated[0].Text), c.text) ||
			validated[0].Warning {
			t.Errorf("%s = %v: want %q on %s, got %v", c.set, c.value, c.text, path, validated)
			continue
		}
		for _, secret := range []string{"s3cr3t", o.SigningKeySeed()} {
			if strings.Contains(validated[0].Text, secret) {
				t.Errorf("%s: a secret is in the error", c.set)
			}
		}
	}
}

// words is a text in one line.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// What is read is checked again: it may have been unknown when the configuration was validated.
func TestServerConfigReadChecks(t *testing.T) {
	attributes, found := acctest.ReadDataSource(t, source, set(all(), "jetstream.domain", "a.b"))
	if len(found) != 1 || found[0].Path != "jetstream.domain" || attributes["config"] != nil {
		t.Errorf("%v, %v", attributes["config"], found)
	}
}

// As long as something is unknown, nothing that depends on it is an error, and what is known by itself still is.
func TestServerConfigUnknown(t *testing.T) {
	unknown := acctest.Unknown{}
	o := operator(t)
	for _, at := range []string{
		"server_name", "tags", "jetstream", "jetstream.store_dir", "jetstream.unique_tag", "jetstream.limits", "tls",
		"tls.ca_file",
		"cluster", "cluster.routes", "cluster.tls", "max_payload", "max_connections", "write_deadline", "debug", "listen",
	} {
		if found := acctest.ValidateDataSource(t, source, set(all(), at, unknown)); len(found) > 0 {
			t.Errorf("%s is unknown: %v", at, found)
		}
		found := acctest.ValidateDataSource(t, source, set(set(all(), at, unknown), "log_file", "log"))
		if len(found) != 1 || found[0].Path != "log_file" {
			t.Errorf("%s is unknown, and log_file is relative: %v", at, found)
		}
	}
	for _, at := range []string{"operator", "system_account", "resolver", "resolver.type", "resolver.dir",
		"resolver.preload"} {
		if found := acctest.ValidateDataSource(t, source, set(inOperatorMode(o), at, unknown)); len(found) > 0 {
			t.Errorf("%s is unknown: %v", at, found)
		}
	}
	elements := set(set(all(), "tags", []any{unknown, unknown}), "cluster.routes", []any{unknown, "nats://a:1", unknown})
	if found := acctest.ValidateDataSource(t, source, elements); len(found) > 0 {
		t.Errorf("elements are unknown: %v", found)
	}
	preload := acctest.Config{o.SystemAccount().PublicKey(): unknown}
	if found := acctest.ValidateDataSource(t, source,
		set(inOperatorMode(o), "resolver.preload", preload)); len(found) > 0 {
		t.Errorf("a preloaded JWT is unknown: %v", found)
	}
}
