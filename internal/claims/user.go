package claims

import (
	"time"

	"github.com/nats-io/jwt/v2"
)

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

// claims returns the user as jwt/v2 has it.
func (u *User) claims() *jwt.UserClaims {
	return &jwt.UserClaims{
		ClaimsData: u.data(),
		User: jwt.User{
			UserPermissionLimits: u.UserLimits.claims(),
			IssuerAccount:        u.IssuerAccount,
			GenericFields:        jwt.GenericFields{Tags: list(u.Tags)},
		},
	}
}

// userFrom is the reverse of claims.
func userFrom(c *jwt.UserClaims) *User {
	return &User{
		Claims: claimsFrom(&c.ClaimsData, c.Tags), UserLimits: userLimitsFrom(&c.UserPermissionLimits), IssuerAccount: c.IssuerAccount,
	}
}

// ScopedUserLimits returns the limits of a user that a scoped signing key signs: all zero, since what such a user may do stands
// in the key's scope. Servers refuse one that says more.
func ScopedUserLimits() UserLimits { return userLimitsFrom(&jwt.UserPermissionLimits{}) }

// claims returns the limits as jwt/v2 has them.
func (l *UserLimits) claims() jwt.UserPermissionLimits {
	c := jwt.UserPermissionLimits{
		Permissions: l.Permissions.claims(),
		Limits: jwt.Limits{
			UserLimits: jwt.UserLimits{Src: list(l.SourceNetworks), Locale: l.TimesLocation},
			NatsLimits: jwt.NatsLimits{Subs: limit(l.Subscriptions), Data: limit(l.Data), Payload: limit(l.Payload)},
		},
		BearerToken: l.BearerToken, ProxyRequired: l.ProxyRequired, AllowedConnectionTypes: list(l.ConnectionTypes),
	}
	for _, t := range l.Times {
		c.Times = append(c.Times, jwt.TimeRange{Start: t.Start, End: t.End})
	}
	return c
}

// userLimitsFrom is the reverse of claims.
func userLimitsFrom(c *jwt.UserPermissionLimits) UserLimits {
	l := UserLimits{
		Permissions:   permissionsFrom(&c.Permissions),
		Subscriptions: limitFrom(c.Subs), Data: limitFrom(c.Data), Payload: limitFrom(c.Payload),
		SourceNetworks: list(c.Src), TimesLocation: c.Locale,
		BearerToken: c.BearerToken, ProxyRequired: c.ProxyRequired, ConnectionTypes: list(c.AllowedConnectionTypes),
	}
	for _, t := range c.Times {
		l.Times = append(l.Times, TimeRange{Start: t.Start, End: t.End})
	}
	return l
}

func (p *Permissions) claims() jwt.Permissions {
	c := jwt.Permissions{
		Pub: jwt.Permission{Allow: list(p.Publish.Allow), Deny: list(p.Publish.Deny)},
		Sub: jwt.Permission{Allow: list(p.Subscribe.Allow), Deny: list(p.Subscribe.Deny)},
	}
	if p.Responses != nil {
		c.Resp = &jwt.ResponsePermission{MaxMsgs: p.Responses.MaxMessages, Expires: p.Responses.Expires}
	}
	return c
}

func permissionsFrom(c *jwt.Permissions) Permissions {
	p := Permissions{
		Publish:   Permission{Allow: list(c.Pub.Allow), Deny: list(c.Pub.Deny)},
		Subscribe: Permission{Allow: list(c.Sub.Allow), Deny: list(c.Sub.Deny)},
	}
	if c.Resp != nil {
		p.Responses = &Responses{MaxMessages: c.Resp.MaxMsgs, Expires: c.Resp.Expires}
	}
	return p
}
