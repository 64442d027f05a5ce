package server

import (
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/serverconf"
)

// newConfig returns the configuration that the attributes describe.
func newConfig(o attribute.Object) serverconf.Config {
	return serverconf.Config{
		Listen: o.Text("listen"), ClientAdvertise: o.Text("client_advertise"), HTTP: o.Text("http"),
		ServerName: o.Text("server_name"),
		Tags:       o.Texts("tags"), MaxPayload: sizeOf(o, "max_payload"), MaxControlLine: sizeOf(o, "max_control_line"),
		MaxConnections: o.Number("max_connections"),
		WriteDeadline:  durationOf(o, "write_deadline"), Debug: o.Bool("debug"), Trace: o.Bool("trace"),
		LogFile: o.Text("log_file"), PIDFile: o.Text("pid_file"),
		JetStream: newJetStream(o.Object("jetstream")), TLS: newTLS(o.Object("tls")),
		Cluster:  newCluster(o.Object("cluster")),
		Operator: claims.Undecorated(o.Text("operator")), SystemAccount: o.Text("system_account"),
		Resolver: newResolver(o.Object("resolver")),
	}
}

func newJetStream(o attribute.Object) *serverconf.JetStream {
	if o.IsNull() {
		return nil
	}
	js := &serverconf.JetStream{
		StoreDir: o.Text("store_dir"), Domain: o.Text("domain"), MaxMemoryStore: sizeOf(o, "max_memory_store"),
		MaxFileStore: sizeOf(o, "max_file_store"), SyncInterval: o.Text("sync_interval"), UniqueTag: o.Text("unique_tag"),
	}
	if limits := o.Object("limits"); !limits.IsNull() {
		js.Limits = &serverconf.Limits{
			MaxAckPending: limits.Number("max_ack_pending"), DefaultMaxConsumers: limits.Number("default_max_consumers"),
			MaxHAAssets: limits.Number("max_ha_assets"), MaxRequestBatch: limits.Number("max_request_batch"),
			DuplicateWindow: durationOf(limits, "duplicate_window"),
		}
	}
	return js
}

// newTLS reads the TLS attributes for clients or for a cluster, which has fewer.
func newTLS(o attribute.Object) *serverconf.TLS {
	if o.IsNull() {
		return nil
	}
	return &serverconf.TLS{
		CertFile: o.Text("cert_file"), KeyFile: o.Text("key_file"), CAFile: o.Text("ca_file"), Verify: o.Bool("verify"),
		HandshakeFirst: o.Text("handshake_first"), MinVersion: o.Text("min_version"), Timeout: durationOf(o, "timeout"),
	}
}

func newCluster(o attribute.Object) *serverconf.Cluster {
	if o.IsNull() {
		return nil
	}
	return &serverconf.Cluster{
		Name: o.Text("name"), Listen: o.Text("listen"), Advertise: o.Text("advertise"), Routes: o.Texts("routes"),
		TLS: newTLS(o.Object("tls")),
	}
}

func newResolver(o attribute.Object) *serverconf.Resolver {
	if o.IsNull() {
		return nil
	}
	return &serverconf.Resolver{
		Type: o.Text("type"), Dir: o.Text("dir"), AllowDelete: o.Bool("allow_delete"), Interval: durationOf(o, "interval"),
		Limit: o.Number("limit"), TTL: durationOf(o, "ttl"), Timeout: durationOf(o, "timeout"),
		Preload: undecorated(o.TextMap("preload")),
	}
}

// undecorated returns the JWTs. A value can also be the content of a .jwt file.
func undecorated(tokens map[string]string) map[string]string {
	for key, token := range tokens {
		tokens[key] = claims.Undecorated(token)
	}
	return tokens
}

// sizeOf reads a byte size. A value of -1 is returned unchanged, because servers do not have unlimited sizes. The
// attribute's type refuses values that are not a size.
func sizeOf(o attribute.Object, name string) *int64 {
	text := o.Text(name)
	bytes, err := bytesize.Parse(text)
	if err != nil {
		return nil
	}
	return &bytes
}

// durationOf reads a duration. The attribute's validator refuses values that are not a positive duration.
func durationOf(o attribute.Object, name string) time.Duration {
	d, err := time.ParseDuration(o.Text(name))
	if err != nil || d < 0 {
		return 0
	}
	return d
}
