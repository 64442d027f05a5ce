package natslab

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options describes what to run. The zero value is a server with JetStream and without a domain, TLS, or users.
type Options struct {
	// Name is the name of the server or of the cluster. The servers of a cluster are called <name>-1, <name>-2, and
	// so on. The default is "lab". Name is ignored in a super-cluster, whose regions have their own names.
	Name string
	// Dir is where the lab keeps its files: certificates, and the storage unless StoreDir is set. If empty, the lab
	// uses a temporary directory that Stop removes.
	Dir string
	// StoreDir is the JetStream storage directory. Stop does not remove it. In a topology each server uses the
	// subdirectory that is named after it.
	StoreDir string
	// Port is the client port of a single server; 0 selects a free one. Topologies choose their own ports.
	Port int
	// Tags are server tags, used for placement. A super-cluster adds "region:<name>" to the tags of each server.
	Tags []string

	// NoJetStream turns JetStream off.
	NoJetStream bool
	// Domain is the JetStream domain.
	Domain string
	// MaxStore and MaxMemory limit JetStream's storage on each server, in bytes; 0 keeps the server's default.
	MaxStore, MaxMemory int64

	// TLS makes clients use TLS. The lab creates a CA and the certificates (see [TLSFiles]).
	TLS bool
	// VerifyClients makes the server require a client certificate of that CA. It implies TLS.
	VerifyClients bool
	// HandshakeFirst makes the server start TLS before it sends its INFO. It implies TLS.
	HandshakeFirst bool

	// Token is the token that clients must present. It excludes users and accounts.
	Token string
	// Users belong to the global account, $G. [Server.Dial] uses the first one.
	Users []User
	// Accounts are additional accounts with their users. As soon as there is one, nats-server disables JetStream in
	// $G.
	Accounts []Account
	// SystemUser belongs to the system account, $SYS.
	SystemUser User
	// NoAuthUser is the name of the user that clients without credentials connect as.
	NoAuthUser string
	// Operator enables operator mode. It excludes Token, Users, Accounts and SystemUser.
	Operator *Operator
	// Resolver is where servers in operator mode find accounts.
	Resolver Resolver

	// LeafNodes makes each server accept leaf-node connections.
	LeafNodes bool
	// LeafRemotes are the hubs that each server connects to as a leaf node.
	LeafRemotes []LeafRemote

	// Executable is the path of a nats-server of any version. The child process runs it instead of the linked one.
	// Only [StartProcess] supports it.
	Executable string

	// Config is text in nats-server's configuration syntax. It is read after everything above.
	Config []string
	// Mutate is called for each server at each start with the final options. Use it for settings that have no option
	// here. A server in a child process does not support it.
	Mutate []func(*server.Options)
	// Client are options for every connection that the lab opens. They are applied last, so they take precedence.
	Client []nats.Option
}

// User is a user in the server's configuration. Without Permissions it may do anything in its account.
type User struct {
	Name        string       `json:"user"`
	Password    string       `json:"password"`
	Permissions *Permissions `json:"permissions,omitempty"`
}

// Permissions limit the subjects that a user may publish and subscribe to.
type Permissions struct {
	Publish   SubjectPermission `json:"publish,omitzero"`
	Subscribe SubjectPermission `json:"subscribe,omitzero"`
}

// SubjectPermission is a pair of subject lists. An empty Allow allows everything that Deny does not list.
type SubjectPermission struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// Account is an account in the server's configuration.
type Account struct {
	Name  string
	Users []User
	// NoJetStream disables JetStream in this account.
	NoJetStream bool
	// JetStream are the account's JetStream limits; nil means no limits.
	JetStream *JetStreamLimits
	// Limits are the account's limits on connections; nil means no limits.
	Limits  *AccountLimits
	Exports []Export
	Imports []Import
}

// JetStreamLimits are an account's JetStream limits; a nil field means no limit. Sizes are in bytes.
type JetStreamLimits struct {
	MaxMemory            *int64 `json:"max_memory,omitempty"`
	MaxStore             *int64 `json:"max_store,omitempty"`
	MaxStreams           *int64 `json:"max_streams,omitempty"`
	MaxConsumers         *int64 `json:"max_consumers,omitempty"`
	MaxAckPending        *int64 `json:"max_ack_pending,omitempty"`
	MemoryMaxStreamBytes *int64 `json:"memory_max_stream_bytes,omitempty"`
	StoreMaxStreamBytes  *int64 `json:"store_max_stream_bytes,omitempty"`
	// MaxBytesRequired makes the server reject streams without max_bytes.
	MaxBytesRequired bool `json:"max_bytes_required,omitempty"`
}

// AccountLimits are an account's limits on connections; a nil field means no limit. MaxPayload is in bytes.
type AccountLimits struct {
	MaxConnections   *int64 `json:"max_connections,omitempty"`
	MaxSubscriptions *int64 `json:"max_subscriptions,omitempty"`
	MaxPayload       *int64 `json:"max_payload,omitempty"`
	MaxLeafNodes     *int64 `json:"max_leafnodes,omitempty"`
}

// Export offers a stream or a service to other accounts: exactly one of Stream and Service is set. Accounts limits
// which accounts may import it; empty means all.
type Export struct {
	Stream       string   `json:"stream,omitempty"`
	Service      string   `json:"service,omitempty"`
	Accounts     []string `json:"accounts,omitempty"`
	ResponseType string   `json:"response_type,omitempty"`
}

// Import imports a stream or a service from another account: exactly one of Stream and Service is set. To renames it;
// Prefix, for streams only, prepends a token.
type Import struct {
	Stream  *ImportSource `json:"stream,omitempty"`
	Service *ImportSource `json:"service,omitempty"`
	To      string        `json:"to,omitempty"`
	Prefix  string        `json:"prefix,omitempty"`
}

// ImportSource is the account and the subject that an Import refers to.
type ImportSource struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
}

// LeafRemote is a hub that a server connects to as a leaf node. Account is the local account to bind; empty means $G.
// The URLs contain the user and password for the hub, or Credentials is the path of a file with a JWT and its seed;
// these credentials select the account on the hub.
type LeafRemote struct {
	URLs        []string `json:"urls"`
	Account     string   `json:"account,omitempty"`
	Credentials string   `json:"credentials,omitempty"`
	// IgnoreDiscoveredServers restricts the server to the URLs, even if the hub advertises others.
	IgnoreDiscoveredServers bool `json:"ignore_discovered_servers,omitempty"`
}

// Option changes one setting in Options.
type Option func(*Options)

// NewOptions returns the zero Options with opts applied.
func NewOptions(opts ...Option) Options {
	var o Options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithOptions replaces all options with o. Later options change o.
func WithOptions(o Options) Option { return func(to *Options) { *to = o } }

// Name sets the name of the server or the cluster.
func Name(name string) Option { return func(o *Options) { o.Name = name } }

// StoreDir sets the JetStream storage directory, which is kept after the server stops.
func StoreDir(dir string) Option { return func(o *Options) { o.StoreDir = dir } }

// Port sets the client port of a single server.
func Port(port int) Option { return func(o *Options) { o.Port = port } }

// Tags adds server tags.
func Tags(tags ...string) Option { return func(o *Options) { o.Tags = append(o.Tags, tags...) } }

// NoJetStream disables JetStream.
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

// HandshakeFirst makes clients start TLS before the server's INFO.
func HandshakeFirst() Option { return func(o *Options) { o.TLS, o.HandshakeFirst = true, true } }

// UserPassword adds a user without permission limits to the global account.
func UserPassword(user, password string) Option {
	return Users(User{Name: user, Password: password})
}

// Token sets the token that clients must present.
func Token(token string) Option { return func(o *Options) { o.Token = token } }

// Users adds users to the global account.
func Users(users ...User) Option { return func(o *Options) { o.Users = append(o.Users, users...) } }

// Accounts adds accounts.
func Accounts(accounts ...Account) Option {
	return func(o *Options) { o.Accounts = append(o.Accounts, accounts...) }
}

// SystemUser sets the user of the system account.
func SystemUser(user, password string) Option {
	return func(o *Options) { o.SystemUser = User{Name: user, Password: password} }
}

// NoAuthUser sets the name of the user that clients without credentials connect as.
func NoAuthUser(user string) Option { return func(o *Options) { o.NoAuthUser = user } }

// OperatorMode makes the servers trust the operator. Unless [ResolverMode] is used, they store accounts in a full
// resolver that accepts pushes and deletions. [Server.Dial] then connects as a user of the first account added.
func OperatorMode(op *Operator) Option { return func(o *Options) { o.Operator = op } }

// LeafNodes makes each server accept leaf-node connections.
func LeafNodes() Option { return func(o *Options) { o.LeafNodes = true } }

// LeafRemotes adds hubs that each server connects to as a leaf node. The server is ready when all of them are
// connected.
func LeafRemotes(remotes ...LeafRemote) Option {
	return func(o *Options) { o.LeafRemotes = append(o.LeafRemotes, remotes...) }
}

// Executable makes [Process] run the nats-server at this path, which can be of any version.
func Executable(path string) Option { return func(o *Options) { o.Executable = path } }

// Config adds text in nats-server's configuration syntax, read after all other options.
func Config(text string) Option { return func(o *Options) { o.Config = append(o.Config, text) } }

// Mutate adds a function that may change each server's options before each start.
func Mutate(f func(*server.Options)) Option {
	return func(o *Options) { o.Mutate = append(o.Mutate, f) }
}

// Client adds options to every connection that the lab opens, for example credentials that the lab cannot know.
func Client(opts ...nats.Option) Option {
	return func(o *Options) { o.Client = append(o.Client, opts...) }
}
