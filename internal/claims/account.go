package claims

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Account holds the claims of an account. A nil limit is no limit.
type Account struct {
	Claims
	// Description is up to 8 KiB, InfoURL an absolute URL of up to 8 KiB.
	Description, InfoURL string
	Limits               Limits
	// JetStream holds the limits for streams with any number of replicas. Nil turns JetStream off, unless Tiers is set.
	// The two are mutually exclusive.
	JetStream *JetStream
	// Tiers holds limits by the number of replicas of a stream: "R1", "R3".
	Tiers map[string]JetStream
	// Exports and Imports are sorted by subject when they are signed.
	Exports []Export
	Imports []Import
	// SigningKeys are sorted by public key.
	SigningKeys []SigningKey
	// DefaultPermissions apply to users without permissions.
	DefaultPermissions Permissions
	// Mappings maps the subject of a published message to its destinations.
	Mappings map[string][]Destination
	// Revocations maps the public key of a user, or "*" for all users, to a time. Servers reject JWTs issued up to that
	// second.
	Revocations   map[string]time.Time
	Authorization Authorization
	Trace         *Trace
	// ClusterTraffic is the account that carries the replication traffic of its streams: "system", the default, or
	// "owner".
	ClusterTraffic string
}

// Limits holds the limits of an account other than those of JetStream. Nil means no limit.
type Limits struct {
	Subscriptions *int64
	// Data and Payload are in bytes. Data limits everything that clients send, and nats-server does not enforce it.
	// Payload limits one message.
	Data, Payload    *int64
	Imports, Exports *int64
	// NoWildcardExports forbids wildcards in the subjects of exports.
	NoWildcardExports bool
	// NoBearerTokens rejects users that do not prove possession of their key.
	NoBearerTokens bool
	Connections    *int64
	LeafNodes      *int64
}

// JetStream holds the limits of an account's streams.
type JetStream struct {
	// MemoryStorage and DiskStorage are in bytes, for all streams together. 0 allows no such storage, and nil means no
	// limit.
	MemoryStorage, DiskStorage *int64
	Streams, Consumers         *int64
	MaxAckPending              *int64
	// MemoryMaxStreamBytes and DiskMaxStreamBytes limit one stream, in bytes. Nil and 0 mean no limit.
	MemoryMaxStreamBytes, DiskMaxStreamBytes *int64
	// MaxBytesRequired rejects streams without a size limit, such as KINE's.
	MaxBytesRequired bool
}

// The types of exports and imports.
const (
	Stream  = "stream"
	Service = "service"
)

// Export is a stream or service that other accounts may import.
type Export struct {
	Name, Subject string
	// Type is Stream or Service.
	Type string
	// TokenRequired makes the export private: importers need an activation token.
	TokenRequired bool
	// Revocations maps the public key of an importing account, or "*" for all accounts, to a time. Servers reject
	// activations issued up to that second.
	Revocations map[string]time.Time
	// ResponseType of a service is "Singleton", "Stream" or "Chunked". Empty means Singleton.
	ResponseType string
	// ResponseThreshold is the maximum time for a service to respond. Zero means the server's default of two minutes.
	ResponseThreshold time.Duration
	Latency           *Latency
	// AccountTokenPosition is the position, counted from 1, of the wildcard in Subject that stands for the importing
	// account. Zero means none.
	AccountTokenPosition uint
	// Advertise is a note for tools.
	Advertise bool
	// AllowTrace lets message traces into a service.
	AllowTrace           bool
	Description, InfoURL string
}

// Latency makes the server measure a service.
type Latency struct {
	// Sampling is the percentage of requests to measure, 1 to 100. 0 measures requests whose headers ask for it.
	Sampling int
	// Results is the subject for the measurements.
	Results string
}

// Import is a stream or service that an account imports from another account.
type Import struct {
	Name string
	// Subject is the subject in the exporting account, except for a service that uses To.
	Subject string
	// Account is the public key of the exporting account.
	Account string
	// Token is the activation token for a private export.
	Token string
	// To is the older form of LocalSubject. Only one of them can be set.
	To           string
	LocalSubject string
	// Type is Stream or Service.
	Type string
	// Share includes details of the requester in latency measurements of a service.
	Share bool
	// AllowTrace lets message traces into a stream.
	AllowTrace bool
}

// SigningKey is a key that signs users and activations of the account. Its public half starts with A.
type SigningKey struct {
	PublicKey string
	// Scope limits the users that the key signs. With nil, the JWT of each user holds its own limits.
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
	// Weight is the percentage of messages, 1 to 100. In the claims, 0 means 100.
	Weight uint8
	// Cluster restricts the destination to publishers in that cluster. Empty means all clusters.
	Cluster string
}

// Authorization delegates the authentication of the account's users to a service (auth callout).
type Authorization struct {
	// AuthUsers holds the public keys of the service's own users, which the servers authenticate.
	AuthUsers []string
	// AllowedAccounts holds the public keys of the accounts that the service may assign users to, or a single "*" for all.
	AllowedAccounts []string
	// XKey is the public curve key (X...) that servers encrypt requests with.
	XKey string
}

// Trace sends message traces of the account to a subject.
type Trace struct {
	Destination string
	// Sampling is the percentage of messages to trace, 1 to 100.
	Sampling int
}

// HasJetStream reports whether the account has JetStream limits, flat or by tier.
func (a *Account) HasJetStream() bool { return a.JetStream != nil || len(a.Tiers) > 0 }

// claims returns the account in the form of jwt/v2.
func (a *Account) claims() *jwt.AccountClaims {
	return &jwt.AccountClaims{
		ClaimsData: a.data(),
		Account: jwt.Account{
			Imports:            importsOf(a.Imports),
			Exports:            exportsOf(a.Exports),
			Limits:             a.operatorLimits(),
			SigningKeys:        signingKeysOf(a.SigningKeys),
			Revocations:        revocationList(a.Revocations),
			DefaultPermissions: a.DefaultPermissions.claims(),
			Mappings:           mappingsOf(a.Mappings),
			Authorization: jwt.ExternalAuthorization{
				AuthUsers: list(a.Authorization.AuthUsers), AllowedAccounts: list(a.Authorization.AllowedAccounts),
				XKey: a.Authorization.XKey,
			},
			Trace:          a.Trace.claims(),
			ClusterTraffic: jwt.ClusterTraffic(a.ClusterTraffic),
			Info:           jwt.Info{Description: a.Description, InfoURL: a.InfoURL},
			GenericFields:  jwt.GenericFields{Tags: list(a.Tags)},
		},
	}
}

// accountFrom is the reverse of claims.
func accountFrom(c *jwt.AccountClaims) *Account {
	a := &Account{
		Claims:      claimsFrom(&c.ClaimsData, c.Tags),
		Description: c.Description, InfoURL: c.InfoURL,
		Limits: Limits{
			Subscriptions: limitFrom(c.Limits.Subs), Data: limitFrom(c.Limits.Data), Payload: limitFrom(c.Limits.Payload),
			Imports: limitFrom(c.Limits.Imports), Exports: limitFrom(c.Limits.Exports),
			NoWildcardExports: !c.Limits.WildcardExports, NoBearerTokens: c.Limits.DisallowBearer,
			Connections: limitFrom(c.Limits.Conn), LeafNodes: limitFrom(c.Limits.LeafNodeConn),
		},
		Exports: exportsFrom(c.Exports), Imports: importsFrom(c.Imports), SigningKeys: signingKeysFrom(c.SigningKeys),
		DefaultPermissions: permissionsFrom(&c.DefaultPermissions),
		Mappings:           mappingsFrom(c.Mappings),
		Revocations:        revocationsFrom(c.Revocations),
		Authorization: Authorization{
			AuthUsers: list(c.Authorization.AuthUsers), AllowedAccounts: list(c.Authorization.AllowedAccounts),
			XKey: c.Authorization.XKey,
		},
		Trace:          traceFrom(c.Trace),
		ClusterTraffic: string(c.ClusterTraffic),
	}
	if c.Limits.JetStreamLimits != (jwt.JetStreamLimits{}) {
		a.JetStream = new(jetStreamFrom(c.Limits.JetStreamLimits))
	}
	if len(c.Limits.JetStreamTieredLimits) > 0 {
		a.Tiers = make(map[string]JetStream, len(c.Limits.JetStreamTieredLimits))
		for name, limits := range c.Limits.JetStreamTieredLimits {
			a.Tiers[name] = jetStreamFrom(limits)
		}
	}
	return a
}

// operatorLimits returns all limits of the account in the form of jwt/v2.
func (a *Account) operatorLimits() jwt.OperatorLimits {
	l := jwt.OperatorLimits{
		NatsLimits: jwt.NatsLimits{
			Subs: limit(a.Limits.Subscriptions), Data: limit(a.Limits.Data), Payload: limit(a.Limits.Payload),
		},
		AccountLimits: jwt.AccountLimits{
			Imports: limit(a.Limits.Imports), Exports: limit(a.Limits.Exports),
			WildcardExports: !a.Limits.NoWildcardExports, DisallowBearer: a.Limits.NoBearerTokens,
			Conn: limit(a.Limits.Connections), LeafNodeConn: limit(a.Limits.LeafNodes),
		},
	}
	if a.JetStream != nil {
		l.JetStreamLimits = a.JetStream.claims()
	}
	if len(a.Tiers) > 0 {
		l.JetStreamTieredLimits = make(jwt.JetStreamTieredLimits, len(a.Tiers))
		for name, tier := range a.Tiers {
			l.JetStreamTieredLimits[name] = tier.claims()
		}
	}
	return l
}

func (j *JetStream) claims() jwt.JetStreamLimits {
	return jwt.JetStreamLimits{
		MemoryStorage: limit(j.MemoryStorage), DiskStorage: limit(j.DiskStorage),
		Streams: limit(j.Streams), Consumer: limit(j.Consumers), MaxAckPending: limit(j.MaxAckPending),
		MemoryMaxStreamBytes: streamLimit(j.MemoryMaxStreamBytes), DiskMaxStreamBytes: streamLimit(j.DiskMaxStreamBytes),
		MaxBytesRequired: j.MaxBytesRequired,
	}
}

func jetStreamFrom(l jwt.JetStreamLimits) JetStream {
	return JetStream{
		MemoryStorage: limitFrom(l.MemoryStorage), DiskStorage: limitFrom(l.DiskStorage),
		Streams: limitFrom(l.Streams), Consumers: limitFrom(l.Consumer), MaxAckPending: limitFrom(l.MaxAckPending),
		MemoryMaxStreamBytes: streamLimitFrom(l.MemoryMaxStreamBytes),
		DiskMaxStreamBytes:   streamLimitFrom(l.DiskMaxStreamBytes),
		MaxBytesRequired:     l.MaxBytesRequired,
	}
}

func (e *Export) claims() *jwt.Export {
	c := &jwt.Export{
		Name: e.Name, Subject: jwt.Subject(e.Subject), Type: exportType(e.Type), TokenReq: e.TokenRequired,
		Revocations: revocationList(e.Revocations), ResponseType: jwt.ResponseType(e.ResponseType),
		ResponseThreshold: e.ResponseThreshold, AccountTokenPosition: e.AccountTokenPosition, Advertise: e.Advertise,
		AllowTrace: e.AllowTrace, Info: jwt.Info{Description: e.Description, InfoURL: e.InfoURL},
	}
	if e.Latency != nil {
		c.Latency = &jwt.ServiceLatency{Sampling: jwt.SamplingRate(e.Latency.Sampling),
			Results: jwt.Subject(e.Latency.Results)}
	}
	return c
}

func exportFrom(c *jwt.Export) Export {
	e := Export{
		Name: c.Name, Subject: string(c.Subject), Type: exportTypeFrom(c.Type), TokenRequired: c.TokenReq,
		Revocations: revocationsFrom(c.Revocations), ResponseType: string(c.ResponseType),
		ResponseThreshold: c.ResponseThreshold, AccountTokenPosition: c.AccountTokenPosition, Advertise: c.Advertise,
		AllowTrace: c.AllowTrace, Description: c.Description, InfoURL: c.InfoURL,
	}
	if c.Latency != nil {
		e.Latency = &Latency{Sampling: int(c.Latency.Sampling), Results: string(c.Latency.Results)}
	}
	return e
}

// compareExports orders exports by subject, and then by type and name: Encode sorts by subject alone and is not stable,
// so exports with one subject would otherwise change places when they are read back.
func compareExports(a, b Export) int {
	return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
}

func exportsOf(exports []Export) jwt.Exports {
	var c jwt.Exports
	for _, e := range slices.SortedStableFunc(slices.Values(exports), compareExports) {
		c = append(c, e.claims())
	}
	return c
}

func exportsFrom(c jwt.Exports) []Export {
	var exports []Export
	for _, e := range c {
		if e != nil {
			exports = append(exports, exportFrom(e))
		}
	}
	slices.SortStableFunc(exports, compareExports)
	return exports
}

func (i *Import) claims() *jwt.Import {
	return &jwt.Import{
		Name: i.Name, Subject: jwt.Subject(i.Subject), Account: i.Account, Token: i.Token,
		To:           jwt.Subject(i.To), //nolint:staticcheck // deprecated, but older accounts use it
		LocalSubject: jwt.RenamingSubject(i.LocalSubject), Type: exportType(i.Type), Share: i.Share, AllowTrace: i.AllowTrace,
	}
}

func importFrom(c *jwt.Import) Import {
	return Import{
		Name: c.Name, Subject: string(c.Subject), Account: c.Account, Token: c.Token, To: c.GetTo(),
		LocalSubject: string(c.LocalSubject), Type: exportTypeFrom(c.Type), Share: c.Share, AllowTrace: c.AllowTrace,
	}
}

// compareImports orders imports for the same reason as compareExports.
func compareImports(a, b Import) int {
	return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.Type, b.Type),
		strings.Compare(a.Account, b.Account),
		strings.Compare(a.LocalSubject, b.LocalSubject), strings.Compare(a.To, b.To), strings.Compare(a.Name, b.Name))
}

func importsOf(imports []Import) jwt.Imports {
	var c jwt.Imports
	for _, i := range slices.SortedStableFunc(slices.Values(imports), compareImports) {
		c = append(c, i.claims())
	}
	return c
}

func importsFrom(c jwt.Imports) []Import {
	var imports []Import
	for _, i := range c {
		if i != nil {
			imports = append(imports, importFrom(i))
		}
	}
	slices.SortStableFunc(imports, compareImports)
	return imports
}

func signingKeysOf(keys []SigningKey) jwt.SigningKeys {
	if len(keys) == 0 {
		return nil
	}
	c := make(jwt.SigningKeys, len(keys))
	for _, k := range keys {
		if k.Scope == nil {
			c.Add(k.PublicKey)
			continue
		}
		c.AddScopedSigner(&jwt.UserScope{
			Kind: jwt.UserScopeType, Key: k.PublicKey, Role: k.Scope.Role, Description: k.Scope.Description,
			Template: k.Scope.Template.claims(),
		})
	}
	return c
}

func signingKeysFrom(c jwt.SigningKeys) []SigningKey {
	var keys []SigningKey
	for _, public := range sortedKeys(c) {
		key := SigningKey{PublicKey: public}
		if scope, ok := c[public].(*jwt.UserScope); ok { // the only kind of scope
			key.Scope = &Scope{Role: scope.Role, Description: scope.Description, Template: userLimitsFrom(&scope.Template)}
		}
		keys = append(keys, key)
	}
	return keys
}

func mappingsOf(mappings map[string][]Destination) jwt.Mapping {
	if len(mappings) == 0 {
		return nil
	}
	c := make(jwt.Mapping, len(mappings))
	for subject, destinations := range mappings {
		var to []jwt.WeightedMapping
		for _, d := range destinations {
			to = append(to, jwt.WeightedMapping{Subject: jwt.Subject(d.Subject), Weight: d.Weight, Cluster: d.Cluster})
		}
		c[jwt.Subject(subject)] = to
	}
	return c
}

func mappingsFrom(c jwt.Mapping) map[string][]Destination {
	if len(c) == 0 {
		return nil
	}
	mappings := make(map[string][]Destination, len(c))
	for subject, to := range c {
		var destinations []Destination
		for _, d := range to {
			destinations = append(destinations,
				Destination{Subject: string(d.Subject), Weight: d.GetWeight(), Cluster: d.Cluster})
		}
		mappings[string(subject)] = destinations
	}
	return mappings
}

func (t *Trace) claims() *jwt.MsgTrace {
	if t == nil {
		return nil
	}
	return &jwt.MsgTrace{Destination: jwt.Subject(t.Destination), Sampling: t.Sampling}
}

// traceFrom is the reverse of claims. The server treats a sampling of 0 as 100.
func traceFrom(c *jwt.MsgTrace) *Trace {
	if c == nil {
		return nil
	}
	t := &Trace{Destination: string(c.Destination), Sampling: c.Sampling}
	if t.Sampling == 0 {
		t.Sampling = 100
	}
	return t
}
