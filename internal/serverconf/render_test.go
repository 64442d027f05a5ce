package serverconf

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

var update = flag.Bool("update", false, "write the golden files")

// full returns a configuration with every field except those of operator mode.
func full() Config {
	return Config{
		Listen: "0.0.0.0:4222", ClientAdvertise: "nats-1.example.com", HTTP: "127.0.0.1:8222", ServerName: "nats-1",
		Tags: []string{"region:eu", "az:1"}, MaxPayload: new(int64(2 << 20)), MaxConnections: new(int64(10000)),
		WriteDeadline: 10 * time.Second,
		Debug:         true, Trace: true, LogFile: "/var/log/nats.log", PIDFile: "/run/nats.pid",
		JetStream: &JetStream{
			StoreDir: "/var/lib/nats", Domain: "hub", MaxMemoryStore: new(int64(0)), MaxFileStore: new(int64(10 << 30)),
			SyncInterval: SyncAlways,
			UniqueTag:    "az:",
			Limits: &Limits{
				MaxAckPending: new(int64(1000)), DefaultMaxConsumers: new(int64(-1)), MaxHAAssets: new(int64(2000)),
				MaxRequestBatch: new(int64(500)),
				DuplicateWindow: 2 * time.Minute,
			},
		},
		TLS: &TLS{
			CertFile: "/etc/nats/cert.pem", KeyFile: "/etc/nats/key.pem", CAFile: "/etc/nats/ca.pem", Verify: true,
			HandshakeFirst: "auto", MinVersion: "1.3", Timeout: 2500 * time.Millisecond,
		},
		Cluster: &Cluster{
			Name: "eu", Listen: "0.0.0.0:6222", Advertise: "nats-1.example.com:6222",
			Routes: []string{"nats://nats-2.example.com:6222", "nats://[fd00::3]:6222"},
			TLS: &TLS{CertFile: "/etc/nats/cert.pem", KeyFile: "/etc/nats/key.pem", CAFile: "/etc/nats/ca.pem",
				MinVersion: "1.2",
				Timeout:    5 * time.Second},
		},
	}
}

// operatorMode returns a configuration in operator mode with the given type of resolver.
func operatorMode(o *natslab.Operator, kind string) Config {
	c := Config{
		Listen: "127.0.0.1:4222", Operator: o.JWT(), SystemAccount: o.SystemAccount().PublicKey(),
		Resolver: &Resolver{Type: kind, Preload: map[string]string{o.SystemAccount().PublicKey(): o.SystemAccount().JWT()}},
	}
	switch kind {
	case Full:
		c.Resolver.Dir, c.Resolver.AllowDelete = "/var/lib/nats/jwt", true
		c.Resolver.Interval, c.Resolver.Limit, c.Resolver.Timeout = time.Minute, new(int64(1000)), 2*time.Second
	case Cache:
		c.Resolver.Dir, c.Resolver.TTL, c.Resolver.Limit, c.Resolver.Timeout = "/var/lib/nats/jwt", time.Hour, new(int64(10)), 2*time.Second
	}
	return c
}

func newOperator(t *testing.T) *natslab.Operator {
	t.Helper()
	o, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// render renders a configuration without problems.
func render(t *testing.T, c Config) string {
	t.Helper()
	text, problems := c.Render()
	for _, p := range problems {
		t.Errorf("%s: %s", p.Path, p.Text)
	}
	if t.Failed() {
		t.FailNow()
	}
	return text
}

func TestRenderGolden(t *testing.T) {
	o := newOperator(t)
	known := strings.NewReplacer(o.JWT(), "OPERATOR_JWT", o.SystemAccount().JWT(), "SYSTEM_JWT",
		o.SystemAccount().PublicKey(), "SYSTEM_KEY")
	for name, config := range map[string]Config{
		"full.conf":     full(),
		"resolver.conf": operatorMode(o, Full),
		"cache.conf":    operatorMode(o, Cache),
		"memory.conf":   operatorMode(o, Memory),
	} {
		got := known.Replace(render(t, config))
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The empty configuration is valid: a server with the defaults.
func TestRenderEmpty(t *testing.T) {
	if text := render(t, Config{}); text != "listen: \"0.0.0.0:4222\"\n" {
		t.Errorf("the text is %q", text)
	}
}

// A check leaves no files, goroutines or ports behind, and its result is deterministic.
func TestRenderLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	configs := []Config{full(), operatorMode(newOperator(t), Full), operatorMode(newOperator(t), Cache),
		operatorMode(newOperator(t), Memory)}
	texts := make([]string, len(configs))
	before := runtime.NumGoroutine()
	for range 10 {
		for i, config := range configs {
			text := render(t, config)
			if texts[i] != "" && text != texts[i] {
				t.Fatal("rendering the same configuration twice gives different texts")
			}
			texts[i] = text
		}
	}
	ctx := t.Context()
	for runtime.NumGoroutine() > before+2 {
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
