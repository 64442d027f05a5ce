package natslab

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options says what to run. The zero value is a server with JetStream, without a domain, TLS, or users.
type Options struct {
	// Name is the server's name, or the cluster's name in a cluster, whose servers are then called <name>-1 and
	// so on. The default is "lab". The regions of a super-cluster have names of their own, and Name is ignored
	// there.
	Name string
	// Dir is where the lab keeps its files (certificates, and storage unless StoreDir is set). Empty means a
	// temporary directory that Stop removes.
	Dir string
	// StoreDir is the JetStream storage directory. It is kept after Stop. In a topology each server uses the
	// subdirectory that has its name.
	StoreDir string
	// Port is the client port of a single server; 0 means a free one. Topologies choose their ports.
	Port int
	// Tags are server tags, used for placement. A super-cluster adds "region:<name>" to each server's.
	Tags []string

	// NoJetStream turns JetStream off.
	NoJetStream bool
	// Domain is the JetStream domain.
	Domain string
	// MaxStore and MaxMemory limit what JetStream may use on each server, in bytes; 0 leaves the server's own
	// default.
	MaxStore, MaxMemory int64

	// TLS makes clients use TLS, with certificates of a CA that the lab makes (see [TLSFiles]).
	TLS bool
	// VerifyClients makes the server ask for a client certificate of that CA. It implies TLS.
	VerifyClients bool
	// HandshakeFirst makes the server start TLS before it sends its INFO. It implies TLS.
	HandshakeFirst bool

	// Token is the token that clients must present. It excludes users and accounts.
	Token string
	// Users belong to the global account, $G. [Server.Dial] uses the first one.
	Users []User
	// Accounts are further accounts with their users. As soon as there is one, JetStream is off in $G, as
	// always with nats-server.
	Accounts []Account
	// SystemUser belongs to the system account, $SYS.
	SystemUser User
	// NoAuthUser names the user that clients without credentials are.
	NoAuthUser string
	// Operator puts the servers into operator mode. It excludes Token, Users, Accounts and
	// SystemUser.
	Operator *Operator
	// Resolver is where servers in operator mode find accounts.
	Resolver Resolver

	// LeafNodes makes each server accept leaf-node connections.
	LeafNodes bool
	// LeafRemotes are the hubs that each server connects to as a leaf node.
	LeafRemotes []LeafRemote

	// Executable is the path of a nats-server, of whatever version, that a child process runs in place of the one
	// that is linked here. It is for [StartProcess] alone.
	Executable string

	// Config is text in the syntax of nats-server's configuration, read after everything above.
	Config []string
	// Mutate is called for each server at each start with the options that are about to be used. It is the way
	// to set what nothing else here sets. A server in a child process cannot have it.
	Mutate []func(*server.Options)
	// Client are options for every connection that the lab makes. They come last, so they win.
	Client []nats.Option
}

// User is a user of the server's configuration. Without Permissions it may do anything in its account.
type User struct {
	Name        string       `json:"user"`
	Password    string       `json:"password"`
	Permissions *Permissions `json:"permissions,omitempty"`
}

// Permissions are what a user may publish and subscribe to.
type Permissions struct {
	Publish   SubjectPermission `json:"publish,omitzero"`
	Subscribe SubjectPermission `json:"subscribe,omitzero"`
}

// SubjectPermission is a list of subjects. An empty Allow allows everything that Deny does not name.
type SubjectPermission struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// Account is an account of the server's configuration.
type Account struct {
	Name  string
	Users []User
	// NoJetStream leaves JetStream off in this account.
	NoJetStream bool
	// JetStream limits the account; nil means no limits.
	JetStream *JetStreamLimits
	// Limits are those that have nothing to do with JetStream; nil means none.
	Limits  *AccountLimits
	Exports []Export
	Imports []Import
}

// JetStreamLimits are an account's JetStream limits; nil fields are without limit. Sizes are bytes.
type JetStreamLimits struct {
	MaxMemory            *int64 `json:"max_memory,omitempty"`
	MaxStore             *int64 `json:"max_store,omitempty"`
	MaxStreams           *int64 `json:"max_streams,omitempty"`
	MaxConsumers         *int64 `json:"max_consumers,omitempty"`
	MaxAckPending        *int64 `json:"max_ack_pending,omitempty"`
	MemoryMaxStreamBytes *int64 `json:"memory_max_stream_bytes,omitempty"`
	StoreMaxStreamBytes  *int64 `json:"store_max_stream_bytes,omitempty"`
	// MaxBytesRequired makes the server refuse streams without max_bytes.
	MaxBytesRequired bool `json:"max_bytes_required,omitempty"`
}

// AccountLimits are an account's limits on connections; nil fields are without limit. MaxPayload is in bytes.
type AccountLimits struct {
	MaxConnections   *int64 `json:"max_connections,omitempty"`
	MaxSubscriptions *int64 `json:"max_subscriptions,omitempty"`
	MaxPayload       *int64 `json:"max_payload,omitempty"`
	MaxLeafNodes     *int64 `json:"max_leafnodes,omitempty"`
}

// Export offers a stream or a service to other accounts: exactly one of Stream and Service is set. Accounts
// limits who may import it; empty means everyone.
type Export struct {
	Stream       string   `json:"stream,omitempty"`
	Service      string   `json:"service,omitempty"`
	Accounts     []string `json:"accounts,omitempty"`
	ResponseType string   `json:"response_type,omitempty"`
}

// Import takes a stream or a service from another account: exactly one of Stream and Service is set. To renames
// it; Prefix, for streams only, puts a token in front of it.
type Import struct {
	Stream  *ImportSource `json:"stream,omitempty"`
	Service *ImportSource `json:"service,omitempty"`
	To      string        `json:"to,omitempty"`
	Prefix  string        `json:"prefix,omitempty"`
}

// ImportSource names what an Import takes.
type ImportSource struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
}

// LeafRemote is a hub that a server connects to as a leaf node. Account is the local account that is bound to
// it; empty means $G. The URLs carry the user and password for the hub, or Credentials names a file with a JWT and its
// seed; they decide the account there.
type LeafRemote struct {
	URLs        []string `json:"urls"`
	Account     string   `json:"account,omitempty"`
	Credentials string   `json:"credentials,omitempty"`
	// IgnoreDiscoveredServers keeps the server to the URLs, whatever others the hub tells of.
	IgnoreDiscoveredServers bool `json:"ignore_discovered_servers,omitempty"`
}

// Option changes one thing in Options.
type Option func(*Options)

// NewOptions returns the zero Options changed by opts.
func NewOptions(opts ...Option) Options {
	var o Options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithOptions replaces everything by o. Options that follow it change o.
func WithOptions(o Options) Option { return func(to *Options) { *to = o } }

// Name sets the name of the server or the cluster.
func Name(name string) Option { return func(o *Options) { o.Name = name } }

// StoreDir sets a JetStream storage directory that is kept after the server stopped.
func StoreDir(dir string) Option { return func(o *Options) { o.StoreDir = dir } }

// Port sets the client port of a single server.
func Port(port int) Option { return func(o *Options) { o.Port = port } }

// Tags adds server tags.
func Tags(tags ...string) Option { return func(o *Options) { o.Tags = append(o.Tags, tags...) } }

// NoJetStream turns JetStream off.
func NoJetStream() Option { return func(o *Options) { o.NoJetStream = true } }

// Domain sets the JetStream domain.
func Domain(name string) Option { return func(o *Options) { o.Domain = name } }

// MaxStore limits JetStream's file storage on each server, in bytes.
func MaxStore(bytes int64) Option { return func(o *Options) { o.MaxStore = bytes } }

// MaxMemory limits JetStream's memory storage on each server, in bytes.
func MaxMemory(bytes int64) Option { return func(o *Options) { o.MaxMemory = bytes } }

// TLS makes clients use TLS.
func TLS() Option { return func(o *Options) { o.TLS = true } }

// VerifyClients makes clients use TLS with a client certificate.
func VerifyClients() Option { return func(o *Options) { o.TLS, o.VerifyClients = true, true } }

// HandshakeFirst makes clients use TLS before the server's INFO.
func HandshakeFirst() Option { return func(o *Options) { o.TLS, o.HandshakeFirst = true, true } }

// UserPassword adds a user of the global account that may do anything.
func UserPassword(user, password string) Option {
	return Users(User{Name: user, Password: password})
}

// Token sets the token that clients must present.
func Token(token string) Option { return func(o *Options) { o.Token = token } }

// Users adds users of the global account.
func Users(users ...User) Option { return func(o *Options) { o.Users = append(o.Users, users...) } }

// Accounts adds accounts.
func Accounts(accounts ...Account) Option {
	return func(o *Options) { o.Accounts = append(o.Accounts, accounts...) }
}

// SystemUser sets the user of the system account.
func SystemUser(user, password string) Option {
	return func(o *Options) { o.SystemUser = User{Name: user, Password: password} }
}

// NoAuthUser names the user that clients without credentials are.
func NoAuthUser(user string) Option { return func(o *Options) { o.NoAuthUser = user } }

// OperatorMode makes the servers trust the operator, and store its accounts in a resolver that others can be
// pushed to and deleted from, unless [ResolverMode] says otherwise. [Server.Dial] then connects as a user of the first account that was added.
func OperatorMode(op *Operator) Option { return func(o *Options) { o.Operator = op } }

// LeafNodes makes each server accept leaf-node connections.
func LeafNodes() Option { return func(o *Options) { o.LeafNodes = true } }

// LeafRemotes adds hubs that each server connects to as a leaf node. The server is ready only once it has them
// all.
func LeafRemotes(remotes ...LeafRemote) Option {
	return func(o *Options) { o.LeafRemotes = append(o.LeafRemotes, remotes...) }
}

// Executable makes [Process] run the nats-server at this path, of whatever version that is.
func Executable(path string) Option { return func(o *Options) { o.Executable = path } }

// Config adds text in the syntax of nats-server's configuration, read after all other options.
func Config(text string) Option { return func(o *Options) { o.Config = append(o.Config, text) } }

// Mutate adds a function that may change each server's options before each start.
func Mutate(f func(*server.Options)) Option {
	return func(o *Options) { o.Mutate = append(o.Mutate, f) }
}

// Client adds options to every connection that the lab makes, for what the lab cannot know by itself:
// credentials in operator mode, for example.
func Client(opts ...nats.Option) Option {
	return func(o *Options) { o.Client = append(o.Client, opts...) }
}
