// Package serverconf writes configuration files for nats-server and checks them as far as possible without the
// server's machine: each field on its own, fields that depend on each other, the trust between operator and accounts,
// and finally with nats-server's own parser and start-up checks.
package serverconf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration of a nats-server. A field that is empty, nil or zero keeps the server's default. Names
// are those of the server's own syntax. Config contains no secrets: users and passwords of a configuration file are
// not supported.
//
// Names, addresses, routes, tags and paths can be a variable of the server's environment, for example "$POD_NAME", if
// it is the whole text.
type Config struct {
	// Listen is the address for clients, as host:port, or [DefaultListen] if empty. An empty host, or a port alone,
	// means all interfaces.
	Listen string
	// ClientAdvertise is the host, with an optional port, that is advertised to clients and other servers.
	ClientAdvertise string
	// HTTP is the address for monitoring requests, as host:port.
	HTTP       string
	ServerName string
	// Tags are used for the placement of streams. The server ignores their case.
	Tags []string
	// MaxPayload is in bytes and must fit an int32.
	MaxPayload *int64
	// MaxControlLine is the maximum size of a protocol line without its payload, in bytes. It must hold a client's
	// JWT.
	MaxControlLine *int64
	MaxConnections *int64
	WriteDeadline  time.Duration
	Debug, Trace   bool
	// LogFile and PIDFile are absolute paths on the server.
	LogFile, PIDFile string

	JetStream *JetStream
	TLS       *TLS
	Cluster   *Cluster

	// Operator is the JWT of the operator that the server trusts. It puts the server into operator mode.
	Operator string
	// SystemAccount is a public key, A...
	SystemAccount string
	Resolver      *Resolver
}

// DefaultListen is nats-server's default address for clients. It is always written.
const DefaultListen = "0.0.0.0:4222"

// JetStream enables JetStream.
type JetStream struct {
	// StoreDir is an absolute path on the server.
	StoreDir string
	Domain   string
	// MaxMemoryStore and MaxFileStore are in bytes. If nil, the server derives them from its free resources.
	MaxMemoryStore, MaxFileStore *int64
	// SyncInterval is [SyncAlways], or a duration as text.
	SyncInterval string
	// UniqueTag is a tag prefix. The replicas of a stream are placed on servers whose tags with this prefix differ.
	UniqueTag string
	Limits    *Limits
}

// SyncAlways makes the server sync every write to disk.
const SyncAlways = "always"

// Limits limit what clients may request from JetStream.
type Limits struct {
	// MaxAckPending and DefaultMaxConsumers can be -1, which means no limit.
	MaxAckPending, DefaultMaxConsumers *int64
	MaxHAAssets, MaxRequestBatch       *int64
	DuplicateWindow                    time.Duration
}

// TLS are the TLS settings of a listener. The files are absolute paths on the server.
type TLS struct {
	CertFile, KeyFile, CAFile string
	// Verify requires a client certificate of one of the authorities in CAFile. Servers of a cluster always verify.
	Verify bool
	// HandshakeFirst is "true", "false", "auto", or a duration for which the server waits for a handshake before it
	// sends its INFO.
	HandshakeFirst string
	// MinVersion is "1.2" or "1.3".
	MinVersion string
	Timeout    time.Duration
}

// Cluster makes the server a member of a cluster.
type Cluster struct {
	Name string
	// Listen is the address for the other servers, as host:port.
	Listen string
	// Advertise is the host, with an optional port, that is advertised to the other servers.
	Advertise string
	// Routes are URLs of servers of the cluster and may include the server's own.
	Routes []string
	TLS    *TLS
}

// Types of resolvers.
const (
	// Full stores all accounts in a directory and accepts new ones.
	Full = "full"
	// Cache stores recently used accounts, which it fetches from servers with a full resolver.
	Cache = "cache"
	// Memory serves only the preloaded accounts.
	Memory = "memory"
)

var resolverTypes = []string{Full, Cache, Memory}

// Resolver configures where the server finds accounts.
type Resolver struct {
	// Type is [Full], [Cache] or [Memory].
	Type string
	// Dir is an absolute path on the server.
	Dir string
	// AllowDelete lets the operator delete accounts.
	AllowDelete bool
	// Interval is how often the accounts are compared with those of other servers.
	Interval time.Duration
	// Limit is the maximum number of accounts that are stored.
	Limit *int64
	// TTL is how long an account is cached.
	TTL     time.Duration
	Timeout time.Duration
	// Preload maps public keys of accounts to their JWTs.
	Preload map[string]string
}

// A Problem describes what is wrong with a configuration.
type Problem struct {
	// Path is the path of the field, or nil if the problem does not belong to a single field.
	Path Path
	// Text describes the problem and its solution. It is a sentence without the final period and contains no secrets.
	Text string
}

// Path is the path of a field in the names of the server's syntax, except for "tags" (server_tags) and for "preload",
// which is part of "resolver".
type Path []Step

// Step is a name, an [Index] of a list or a [Key] of a map.
type Step any

type (
	// Index is the step to an element of a list.
	Index int
	// Key is the step to an element of a map.
	Key string
)

// At returns the path of a field below p.
func (p Path) At(steps ...Step) Path { return append(slices.Clip(p), steps...) }

func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case Index:
			b.WriteString("[" + strconv.Itoa(int(step)) + "]")
		case Key:
			b.WriteString("[" + strconv.Quote(string(step)) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}

// Render returns the text of the configuration file, or the problems of the configuration.
func (c Config) Render() (string, []Problem) {
	problems := append(c.CheckFields(), c.checkTogether()...)
	if len(problems) == 0 {
		problems = c.checkTrust()
	}
	if len(problems) == 0 {
		problems = c.checkServer()
	}
	if len(problems) > 0 {
		return "", problems
	}
	return c.write().b.String(), nil
}
