package serverconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// withVariables returns a configuration with a variable in every field that supports one.
func withVariables() Config {
	return Config{
		Listen: "$LISTEN", ClientAdvertise: "$ADVERTISE", HTTP: "$HTTP", ServerName: "$POD_NAME",
		Tags:    []string{"region:eu", "$ZONE"},
		LogFile: "$LOG", PIDFile: "$PID",
		JetStream: &JetStream{StoreDir: "$STORE_DIR", Domain: "$DOMAIN", UniqueTag: "az:"},
		TLS:       &TLS{CertFile: "$CERT", KeyFile: "$KEY", CAFile: "$CA", Verify: true},
		Cluster: &Cluster{Name: "$CLUSTER", Listen: "$CLUSTER_LISTEN", Advertise: "$POD_NAME",
			Routes: []string{"nats://b:6222", "$ROUTE"},
			TLS:    &TLS{CertFile: "$CERT", KeyFile: "$KEY", CAFile: "$CA"}},
	}
}

// A real server expands each variable from its own environment. The check does not use the environment of this
// process.
func TestVariables(t *testing.T) {
	text := render(t, withVariables())
	dir := t.TempDir()
	certificate, err := standInPEM()
	if err != nil {
		t.Fatal(err)
	}
	files, err := writeCertificate(dir, certificate)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"LISTEN": "127.0.0.1:14222", "ADVERTISE": "a.example.com", "HTTP": "127.0.0.1:18222", "POD_NAME": "nats-0",
		"ZONE": "az:1",
		"LOG":  "/log", "PID": "/pid", "STORE_DIR": "/data", "DOMAIN": "hub", "CERT": files.cert, "KEY": files.key,
		"CA":      files.cert,
		"CLUSTER": "eu", "CLUSTER_LISTEN": "127.0.0.1:16222", "ROUTE": "nats://c:6222",
	} {
		t.Setenv(name, value)
	}
	var o server.Options
	if err := o.ProcessConfigString(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := []string{
		o.Host, o.ClientAdvertise, o.HTTPHost, o.ServerName, strings.Join(o.Tags, " "), o.LogFile, o.PidFile, o.StoreDir,
		o.JetStreamDomain,
		o.Cluster.Name, o.Cluster.Host, o.Cluster.Advertise, o.Routes[0].Host, o.Routes[1].Host,
	}
	want := []string{
		"127.0.0.1", "a.example.com", "127.0.0.1", "nats-0", "region:eu az:1", "/log", "/pid", "/data", "hub",
		"eu", "127.0.0.1", "nats-0", "b:6222", "c:6222",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") || o.Port != 14222 || o.HTTPPort != 18222 ||
		o.Cluster.Port != 16222 {
		t.Errorf("the server has\n%q, %d, %d, %d\nwanted\n%q", got, o.Port, o.HTTPPort, o.Cluster.Port, want)
	}
}

// A value that a server would treat as a literal is rejected in every field that supports a variable.
func TestVariablesRefused(t *testing.T) {
	for _, value := range []string{"$pod_name", "nats-$POD", "${POD_NAME}", "$POD-0", "/data/$POD_NAME"} {
		c := withVariables()
		c.Listen, c.ClientAdvertise, c.HTTP, c.ServerName, c.Tags, c.LogFile, c.PIDFile = value, value, value, value, []string{value}, value, value
		c.JetStream.StoreDir, c.JetStream.Domain = value, value
		c.Cluster.Name, c.Cluster.Listen, c.Cluster.Advertise, c.Cluster.Routes = value, value, value, []string{value}
		c.TLS.CertFile, c.TLS.KeyFile, c.TLS.CAFile = value, value, value
		c.Resolver = &Resolver{Type: Full, Dir: value}
		refused := map[string]bool{}
		for _, p := range c.CheckFields() {
			refused[p.Path.String()] = refused[p.Path.String()] ||
				strings.Contains(p.Text, "the server does not expand this variable")
		}
		for _, field := range []string{
			"listen", "client_advertise", "http", "server_name", "tags[0]", "log_file", "pid_file", "jetstream.store_dir",
			"jetstream.domain",
			"cluster.name", "cluster.listen", "cluster.advertise", "cluster.routes[0]", "tls.cert_file", "tls.key_file",
			"tls.ca_file", "resolver.dir",
		} {
			if !refused[field] {
				t.Errorf("%s accepts %q", field, value)
			}
		}
	}
	for field, c := range map[string]Config{
		"jetstream.unique_tag":    {JetStream: &JetStream{UniqueTag: "$TAG"}},
		"jetstream.sync_interval": {JetStream: &JetStream{SyncInterval: "$SYNC"}},
		"operator":                {Operator: "$OPERATOR"},
		"system_account":          {SystemAccount: "$SYSTEM"},
		"tls.min_version":         {TLS: &TLS{MinVersion: "$MIN"}},
		"tls.handshake_first":     {TLS: &TLS{HandshakeFirst: "$FIRST"}},
		"resolver.type":           {Resolver: &Resolver{Type: "$TYPE"}},
	} {
		if problems := c.CheckFields(); len(problems) != 1 || problems[0].Path.String() != field {
			t.Errorf("%s: %v", field, problems)
		}
	}
}

// A port without a host means that port on all interfaces.
func TestPortAlone(t *testing.T) {
	text := render(t, Config{Listen: "4333", HTTP: "8333", ServerName: "a", Cluster: &Cluster{Name: "eu", Listen: "6333"}})
	var o server.Options
	if err := o.ProcessConfigString(text); err != nil {
		t.Fatal(err)
	}
	if o.Host != "0.0.0.0" || o.Port != 4333 || o.HTTPHost != "0.0.0.0" || o.HTTPPort != 8333 ||
		o.Cluster.Host != "0.0.0.0" || o.Cluster.Port != 6333 {
		t.Errorf("the server listens on %s:%d, %s:%d and %s:%d", o.Host, o.Port, o.HTTPHost, o.HTTPPort, o.Cluster.Host,
			o.Cluster.Port)
	}
	for _, port := range []string{"0", "65536", "04222", "-1"} {
		if problems := (Config{Listen: port}).CheckFields(); len(problems) != 1 {
			t.Errorf("%s: %v", port, problems)
		}
	}
	if problems := (Config{Listen: "4222", HTTP: "127.0.0.1:4222"}).checkTogether(); len(problems) != 1 {
		t.Errorf("one port twice: %v", problems)
	}
}

// The description explains what happens to a file that includes this one: new blocks are added, existing blocks are
// replaced.
func TestIncluded(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("base.conf", render(t, Config{ServerName: "a",
		JetStream: &JetStream{StoreDir: "/data", Domain: "hub", Limits: &Limits{MaxHAAssets: new(int64(7))}}}))
	process := func(text string) *server.Options {
		o, err := server.ProcessConfigFile(write("own.conf", text))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	added := process("include base.conf\nleafnodes { listen: 127.0.0.1:7422 }\n")
	if added.LeafNode.Port != 7422 || added.JetStreamDomain != "hub" || added.StoreDir != "/data" ||
		added.JetStreamLimits.MaxHAAssets != 7 {
		t.Errorf("with leafnodes: port %d, %s, %s, %+v", added.LeafNode.Port, added.JetStreamDomain, added.StoreDir,
			added.JetStreamLimits)
	}
	replaced := process("include base.conf\njetstream { max_buffered_msgs: 5 }\n")
	if replaced.JetStreamDomain != "" || replaced.StoreDir != "" || replaced.JetStreamLimits.MaxHAAssets != 0 ||
		replaced.ServerName != "a" {
		t.Errorf("a second block leaves %q, %q, %+v", replaced.JetStreamDomain, replaced.StoreDir, replaced.JetStreamLimits)
	}
}
