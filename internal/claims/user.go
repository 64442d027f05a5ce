package claims

import (
	"time"

	"github.com/nats-io/jwt/v2"
)

// User holds the claims of a user.
type User struct {
	Claims
	UserLimits
	// IssuerAccount is the public key of the account. The JWT contains it only if a signing key of the account signed. If
	// the account's identity signed, it is empty when it is read back, and the issuer is the account.
	IssuerAccount string
}

// UserLimits describes what a user may do. Nil means no limit. A user that a scoped signing key signs must have
// [ScopedUserLimits].
type UserLimits struct {
	Permissions Permissions
	// Subscriptions is a count. Data and Payload are in bytes.
	Subscriptions, Data, Payload *int64
	// SourceNetworks are the networks, in CIDR notation, that the user may connect from. Empty means all.
	SourceNetworks []string
	// Times holds the times of day at which the user may be connected. Empty means any time. TimesLocation is their time
	// zone in the IANA database. Empty means the time zone of the server.
	Times         []TimeRange
	TimesLocation string
	// BearerToken allows a client to connect with the JWT alone, without the key.
	BearerToken bool
	// ProxyRequired rejects connections that do not come through a trusted proxy.
	ProxyRequired bool
	// ConnectionTypes holds the allowed types of connection, such as "STANDARD", "WEBSOCKET" or "LEAFNODE". Empty means
	// all.
	ConnectionTypes []string
}

// TimeRange is a part of the day. Both ends have the form "15:04:05".
type TimeRange struct{ Start, End string }

// Permissions holds the subjects that a user may publish and subscribe to.
type Permissions struct {
	Publish, Subscribe Permission
	// Responses allows the user to reply to requests on their reply subjects. Nil does not.
	Responses *Responses
}

// Permission holds lists of subjects. An empty Allow allows every subject that is not in Deny.
type Permission struct{ Allow, Deny []string }

// Responses limits the replies to one request.
type Responses struct {
	// MaxMessages is the maximum number of replies. A negative number means no limit.
	MaxMessages int
	// Expires is the time in which replies are allowed. A negative duration means no limit.
	Expires time.Duration
}

// claims returns the user in the form of jwt/v2.
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
		Claims: claimsFrom(&c.ClaimsData, c.Tags), UserLimits: userLimitsFrom(&c.UserPermissionLimits),
		IssuerAccount: c.IssuerAccount,
	}
}

// ScopedUserLimits returns the limits of a user that a scoped signing key signs: all zero, because the key's scope
// defines what the user may do. Servers reject a user with other limits.
func ScopedUserLimits() UserLimits { return userLimitsFrom(&jwt.UserPermissionLimits{}) }

// claims returns the limits in the form of jwt/v2.
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
