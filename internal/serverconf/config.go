// Package serverconf writes configuration files of nats-server and checks them as far as that can be done away from the server:
// each field by itself, what depends on several of them, the trust between operator and accounts, and at last with nats-server's
// own parser and its own start-up checks.
package serverconf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration of a nats-server. What is empty, nil or zero is left to the server's default. Names are those of the
// server's own syntax. There is no secret among them: users and passwords of a configuration file have no place here.
//
// Names, addresses, routes, tags and paths can be a variable of the server's environment, such as "$POD_NAME", if that is the whole text.
type Config struct {
	// Listen is where clients connect, as host:port; [DefaultListen] if empty. An empty host is all interfaces, as is a port alone.
	Listen string
	// ClientAdvertise is the host, with a port or not, that clients and other servers are told.
	ClientAdvertise string
	// HTTP is where the server answers monitoring requests, as host:port.
	HTTP       string
	ServerName string
	// Tags are what streams are placed by. The server knows no case in them.
	Tags []string
	// MaxPayload is in bytes, at most what an int32 holds.
	MaxPayload *int64
	// MaxControlLine is in bytes: how long what a client says may be beside the content of messages, its JWT among it.
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

// DefaultListen is where nats-server listens if nothing is said, and is always written.
const DefaultListen = "0.0.0.0:4222"

// JetStream turns JetStream on.
type JetStream struct {
	// StoreDir is an absolute path on the server.
	StoreDir string
	Domain   string
	// MaxMemoryStore and MaxFileStore are in bytes. nil leaves the server to what it finds free.
	MaxMemoryStore, MaxFileStore *int64
	// SyncInterval is [SyncAlways], or a duration as text.
	SyncInterval string
	// UniqueTag is the beginning of a tag of which each replica of a stream must have another one.
	UniqueTag string
	Limits    *Limits
}

// SyncAlways makes the server sync each write to the disk.
const SyncAlways = "always"

// Limits bound what clients may ask JetStream for.
type Limits struct {
	// MaxAckPending and DefaultMaxConsumers may be -1, which is no limit.
	MaxAckPending, DefaultMaxConsumers *int64
	MaxHAAssets, MaxRequestBatch       *int64
	DuplicateWindow                    time.Duration
}

// TLS is how the server presents itself. Its files are absolute paths on the server.
type TLS struct {
	CertFile, KeyFile, CAFile string
	// Verify demands a certificate of one of the authorities in CAFile. It is always so between the servers of a cluster.
	Verify bool
	// HandshakeFirst is "true", "false", "auto", or how long the server waits for a handshake before it sends its INFO, as text.
	HandshakeFirst string
	// MinVersion is "1.2" or "1.3".
	MinVersion string
	Timeout    time.Duration
}

// Cluster makes the server one of a cluster.
type Cluster struct {
	Name string
	// Listen is where the other servers connect, as host:port.
	Listen string
	// Advertise is the host, with a port or not, that the other servers are told.
	Advertise string
	// Routes are URLs of servers of the cluster. The server's own may be among them.
	Routes []string
	TLS    *TLS
}

// The types of a resolver.
const (
	// Full keeps all accounts in a directory, and takes new ones.
	Full = "full"
	// Cache keeps the accounts that were asked for lately, and gets them from servers with a full resolver.
	Cache = "cache"
	// Memory knows the preloaded accounts and no others.
	Memory = "memory"
)

var resolverTypes = []string{Full, Cache, Memory}

// Resolver is where the server knows accounts from.
type Resolver struct {
	// Type is [Full], [Cache] or [Memory].
	Type string
	// Dir is an absolute path on the server.
	Dir string
	// AllowDelete lets the operator delete accounts.
	AllowDelete bool
	// Interval is that of the comparison with the other servers.
	Interval time.Duration
	// Limit is how many accounts are kept.
	Limit *int64
	// TTL is how long an account is cached.
	TTL     time.Duration
	Timeout time.Duration
	// Preload holds JWTs of accounts by their public keys.
	Preload map[string]string
}

// A Problem is what is wrong with a configuration.
type Problem struct {
	// Path is the field's, nil if it is about no single one.
	Path Path
	// Text says what is wrong with it and what to do. It is a sentence without its period, and has no secret in it.
	Text string
}

// Path leads to a field by the names of the server's syntax, but for "tags" (server_tags) and "preload", which is in "resolver" here.
type Path []Step

// Step is a name, an [Index] of a list or a [Key] of a map.
type Step any

type (
	// Index is the step to an element of a list.
	Index int
	// Key is the step to an element of a map.
	Key string
)

// At returns the path to what is below.
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

// Render returns the text of the configuration file, or what is wrong with the configuration.
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
