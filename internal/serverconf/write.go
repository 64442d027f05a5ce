package serverconf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
)

// writer writes a configuration file. It omits empty fields, and records which field each line comes from.
type writer struct {
	b     strings.Builder
	depth int
	at    Path
	// lines holds the field of each line, starting with line 0.
	lines []Path
}

// write writes the configuration without checking it. Keys of preload must not contain a quotation mark.
func (c Config) write() *writer {
	w := &writer{}
	w.expanded("server_name", c.ServerName)
	w.expanded("listen", withHost(cmp.Or(c.Listen, DefaultListen)))
	w.expanded("client_advertise", c.ClientAdvertise)
	w.expanded("http", withHost(c.HTTP))
	w.list("tags", "server_tags", c.Tags)
	w.size("max_payload", c.MaxPayload)
	w.size("max_control_line", c.MaxControlLine)
	w.number("max_connections", c.MaxConnections)
	w.duration("write_deadline", c.WriteDeadline)
	w.flag("debug", c.Debug)
	w.flag("trace", c.Trace)
	w.expanded("log_file", c.LogFile)
	w.expanded("pid_file", c.PIDFile)
	w.tls(c.TLS)
	if js := c.JetStream; js != nil {
		w.block("jetstream", func() { w.jetStream(js) })
	}
	if cluster := c.Cluster; cluster != nil {
		w.block("cluster", func() {
			w.expanded("name", cluster.Name)
			w.expanded("listen", withHost(cluster.Listen))
			w.expanded("advertise", cluster.Advertise)
			w.list("routes", "routes", cluster.Routes)
			w.tls(cluster.TLS)
		})
	}
	w.text("operator", c.Operator)
	w.text("system_account", c.SystemAccount)
	if c.Resolver != nil {
		w.resolver(c.Resolver)
	}
	return w
}

func (w *writer) jetStream(js *JetStream) {
	w.expanded("store_dir", js.StoreDir)
	w.expanded("domain", js.Domain)
	w.size("max_memory_store", js.MaxMemoryStore)
	w.size("max_file_store", js.MaxFileStore)
	w.text("sync_interval", js.SyncInterval)
	w.text("unique_tag", js.UniqueTag)
	if limits := js.Limits; limits != nil {
		w.block("limits", func() {
			w.number("max_ack_pending", limits.MaxAckPending)
			w.number("default_max_consumers", limits.DefaultMaxConsumers)
			w.number("max_ha_assets", limits.MaxHAAssets)
			w.number("max_request_batch", limits.MaxRequestBatch)
			w.duration("duplicate_window", limits.DuplicateWindow)
		})
	}
}

func (w *writer) tls(t *TLS) {
	if t == nil {
		return
	}
	w.block("tls", func() {
		w.expanded("cert_file", t.CertFile)
		w.expanded("key_file", t.KeyFile)
		w.expanded("ca_file", t.CAFile)
		w.flag("verify", t.Verify)
		w.text("handshake_first", t.HandshakeFirst)
		w.text("min_version", t.MinVersion)
		// Servers before 2.10 only support seconds.
		if t.Timeout != 0 {
			w.line("timeout", strconv.FormatFloat(t.Timeout.Seconds(), 'f', -1, 64), w.at.At("timeout"))
		}
	})
}

func (w *writer) resolver(r *Resolver) {
	w.block("resolver", func() {
		w.text("type", r.Type)
		w.expanded("dir", r.Dir)
		w.flag("allow_delete", r.AllowDelete)
		w.duration("interval", r.Interval)
		w.number("limit", r.Limit)
		w.duration("ttl", r.TTL)
		w.duration("timeout", r.Timeout)
	})
	if len(r.Preload) == 0 {
		return
	}
	w.blockAt("resolver_preload", Path{"resolver", "preload"}, func() {
		for _, key := range slices.Sorted(maps.Keys(r.Preload)) {
			w.line(`"`+key+`"`, quote(r.Preload[key]), w.at.At(Key(key)))
		}
	})
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.line(name, quote(value), w.at.At(name))
	}
}

// expanded writes a text that can be a variable of the server's environment.
func (w *writer) expanded(name, value string) {
	if value != "" {
		w.line(name, quoteUnlessVariable(value), w.at.At(name))
	}
}

func (w *writer) list(attribute, name string, values []string) {
	if len(values) == 0 {
		return
	}
	at := w.at.At(attribute)
	w.raw(name+": [", at)
	w.depth++
	for i, value := range values {
		w.raw(quoteUnlessVariable(value), at.At(Index(i)))
	}
	w.depth--
	w.raw("]", at)
}

func (w *writer) flag(name string, value bool) {
	if value {
		w.line(name, "true", w.at.At(name))
	}
}

func (w *writer) number(name string, value *int64) {
	if value != nil {
		w.line(name, strconv.FormatInt(*value, 10), w.at.At(name))
	}
}

func (w *writer) size(name string, value *int64) {
	if value != nil {
		w.line(name, bytesize.Format(*value), w.at.At(name))
	}
}

func (w *writer) duration(name string, value time.Duration) {
	if value != 0 {
		w.line(name, quote(value.String()), w.at.At(name))
	}
}

func (w *writer) block(name string, content func()) { w.blockAt(name, w.at.At(name), content) }

// blockAt writes a block whose fields are below at.
func (w *writer) blockAt(name string, at Path, content func()) {
	outer := w.at
	w.raw(name+" {", at)
	w.at, w.depth = at, w.depth+1
	content()
	w.depth--
	w.raw("}", at)
	w.at = outer
}

func (w *writer) line(name, value string, at Path) { w.raw(name+": "+value, at) }

func (w *writer) raw(line string, at Path) {
	w.b.WriteString(strings.Repeat("  ", w.depth) + line + "\n")
	w.lines = append(w.lines, at)
}

// quoteUnlessVariable does not quote a variable, so that the server expands it.
func quoteUnlessVariable(text string) string {
	if isVariable(text) {
		return text
	}
	return quote(text)
}

// quote quotes a text so that the server reads it unchanged: inside double quotation marks nothing is expanded or
// included, and a backslash starts an escape. A NUL would end the file.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch char := text[i]; {
		case char == '"' || char == '\\':
			b.WriteString(`\` + string(char))
		case char < ' ' || char == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, char)
		default:
			b.WriteByte(char)
		}
	}
	b.WriteByte('"')
	return b.String()
}
