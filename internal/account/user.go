package account

import "time"

// User is the claims of a user.
type User struct {
	Claims
	UserLimits
	// IssuerAccount is the public key of the account. The JWT says it only where a signing key of the account signs: read back from
	// one that the account's identity has signed, it is empty, and the issuer is the account.
	IssuerAccount string
}

// UserLimits are what a user may do. Nil is no limit. Of a user that a scoped signing key signs, all of it must be as in
// [ScopedUserLimits].
type UserLimits struct {
	Permissions Permissions
	// Subscriptions is a number, Data and Payload are in bytes.
	Subscriptions, Data, Payload *int64
	// SourceNetworks are the networks, in CIDR notation, that the user may connect from; none is all.
	SourceNetworks []string
	// Times are the times of the day at which the user may be connected; none is all. TimesLocation is their time zone, as in
	// the IANA database; empty is that of the server.
	Times         []TimeRange
	TimesLocation string
	// BearerToken lets whoever has the JWT connect, without the key.
	BearerToken bool
	// ProxyRequired refuses connections that do not come by way of a trusted proxy.
	ProxyRequired bool
	// ConnectionTypes are those that the user may make, such as "STANDARD", "WEBSOCKET" or "LEAFNODE"; none is all.
	ConnectionTypes []string
}

// TimeRange is a part of the day, with both ends as "15:04:05".
type TimeRange struct{ Start, End string }

// Permissions are the subjects that may be published and subscribed to.
type Permissions struct {
	Publish, Subscribe Permission
	// Responses lets the user answer requests on whatever subject they ask for; nil does not.
	Responses *Responses
}

// Permission is a list of subjects. An empty Allow allows all that Deny does not name.
type Permission struct{ Allow, Deny []string }

// Responses bound the answers to one request.
type Responses struct {
	// MaxMessages is their number; negative is no limit.
	MaxMessages int
	// Expires is how long they may be sent; negative is no limit.
	Expires time.Duration
}

// Activation is the claims of an activation token, which lets an account import a private export. Its PublicKey is the
// importing account.
type Activation struct {
	Claims
	// Subject and Type are those of what may be imported.
	Subject, Type string
	// IssuerAccount is the public key of the exporting account, where a signing key of it signs.
	IssuerAccount string
}

// Operator is the claims of an operator.
type Operator struct {
	Claims
	// SigningKeys are the public keys (O...) that sign accounts beside the identity.
	SigningKeys []string
	// AccountServerURL is that of an account server, for tools.
	AccountServerURL string
	// ServiceURLs are those of the NATS servers, for tools.
	ServiceURLs []string
	// SystemAccount is the public key of the system account.
	SystemAccount string
	// AssertServerVersion is the oldest nats-server that may trust the operator, such as "2.12.0".
	AssertServerVersion string
	// StrictSigningKeyUsage refuses what the identity itself has signed.
	StrictSigningKeyUsage bool
}
