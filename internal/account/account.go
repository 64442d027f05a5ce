package account

import "time"

// Claims are what every kind of JWT says.
type Claims struct {
	// PublicKey is the identity that the JWT is for: O..., A... or U....
	PublicKey string
	Name      string
	// Tags are in lower case, without duplicates.
	Tags []string
	// Audience is free text that nats-server does not look at for accounts and users.
	Audience string
	// NotBefore and Expires bound when the JWT counts, in whole seconds; zero is no bound.
	NotBefore, Expires time.Time
}

// Account is the claims of an account. A nil limit is no limit.
type Account struct {
	Claims
	// Description is up to 8 KiB, InfoURL an absolute URL of up to 8 KiB.
	Description, InfoURL string
	Limits               Limits
	// JetStream are the limits over streams of any number of replicas; nil turns JetStream off, unless there are Tiers, which
	// exclude it.
	JetStream *JetStream
	// Tiers are limits by the number of replicas of a stream: "R1", "R3".
	Tiers map[string]JetStream
	// Exports and Imports are in the order of their subjects: signing puts them there.
	Exports []Export
	Imports []Import
	// SigningKeys are in the order of their public keys.
	SigningKeys []SigningKey
	// DefaultPermissions are those of users who have none of their own.
	DefaultPermissions Permissions
	// Mappings are by the subject that is published to.
	Mappings map[string][]Destination
	// Revocations are by the public key of a user, or "*" for all: what was issued up to that second is refused.
	Revocations   map[string]time.Time
	Authorization Authorization
	Trace         *Trace
	// ClusterTraffic is in which account the replication traffic of its streams runs: "system", the default, or "owner".
	ClusterTraffic string
}

// Limits are those of an account that have nothing to do with JetStream. Nil is no limit.
type Limits struct {
	Subscriptions *int64
	// Data and Payload are in bytes: of all that is sent in, which nats-server does not enforce, and of one message.
	Data, Payload    *int64
	Imports, Exports *int64
	// NoWildcardExports forbids wildcards in the subjects of exports.
	NoWildcardExports bool
	// NoBearerTokens refuses users that do not prove their key.
	NoBearerTokens bool
	Connections    *int64
	LeafNodes      *int64
}

// JetStream are limits of an account's streams.
type JetStream struct {
	// MemoryStorage and DiskStorage are in bytes over all streams; 0 is none of it, nil is no limit.
	MemoryStorage, DiskStorage *int64
	Streams, Consumers         *int64
	MaxAckPending              *int64
	// MemoryMaxStreamBytes and DiskMaxStreamBytes bound one stream, in bytes; nil and 0 are no limit.
	MemoryMaxStreamBytes, DiskMaxStreamBytes *int64
	// MaxBytesRequired refuses streams without a limit of their own. KINE's has none.
	MaxBytesRequired bool
}

// The types of exports and imports.
const (
	Stream  = "stream"
	Service = "service"
)

// Export is what other accounts may import.
type Export struct {
	Name, Subject string
	// Type is Stream or Service.
	Type string
	// TokenRequired makes the export private: importers need an activation token.
	TokenRequired bool
	// Revocations are by the public key of an importing account, or "*" for all: activations issued up to that second are
	// refused.
	Revocations map[string]time.Time
	// ResponseType of a service is "Singleton", "Stream" or "Chunked"; empty is Singleton.
	ResponseType string
	// ResponseThreshold is how long a service may take to answer; zero leaves the server's two minutes.
	ResponseThreshold time.Duration
	Latency           *Latency
	// AccountTokenPosition is the position, from 1 on, of the wildcard in Subject that stands for the importing account; zero
	// is none.
	AccountTokenPosition uint
	// Advertise is a note for tools.
	Advertise bool
	// AllowTrace lets message traces into a service.
	AllowTrace           bool
	Description, InfoURL string
}

// Latency makes the server measure a service.
type Latency struct {
	// Sampling is the share of requests in percent, 1 to 100; 0 is those whose headers ask for it.
	Sampling int
	// Results is the subject that measurements are published to.
	Results string
}

// Import is what an account takes from another one.
type Import struct {
	Name string
	// Subject is that of the exporting account for a stream; for a service too, unless To is used.
	Subject string
	// Account is the public key of the exporting account.
	Account string
	// Token is the activation token for a private export.
	Token string
	// To is the older form of LocalSubject; only one of them can be set.
	To           string
	LocalSubject string
	// Type is Stream or Service.
	Type string
	// Share lets the exporter of a service see who asks, for latency measurements.
	Share bool
	// AllowTrace lets message traces into a stream.
	AllowTrace bool
}

// SigningKey is a key that signs users and activations of the account. Its public half starts with A.
type SigningKey struct {
	PublicKey string
	// Scope is what users signed by it are; nil lets each user's JWT say that.
	Scope *Scope
}

// Scope is a role: users signed by its key get the template.
type Scope struct {
	Role, Description string
	Template          UserLimits
}

// Destination is where messages to a mapped subject go.
type Destination struct {
	Subject string
	// Weight is the share of messages in percent, 1 to 100. In the claims 0 stands for 100.
	Weight uint8
	// Cluster restricts the destination to publishers in that cluster; empty is all.
	Cluster string
}

// Authorization hands the authentication of the account's users to a service.
type Authorization struct {
	// AuthUsers are the public keys of the service's own users, who are not handed on.
	AuthUsers []string
	// AllowedAccounts are the public keys of the accounts that the service may put users into, or "*" alone for all.
	AllowedAccounts []string
	// XKey is the public curve key (X...) that requests are encrypted for.
	XKey string
}

// Trace sends message traces of the account to a subject.
type Trace struct {
	Destination string
	// Sampling is the share of traced messages in percent, 1 to 100.
	Sampling int
}

// HasJetStream tells whether the account may have streams, by limits for all of them or by tiers.
func (a *Account) HasJetStream() bool { return a.JetStream != nil || len(a.Tiers) > 0 }
