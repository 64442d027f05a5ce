package account

import "github.com/nats-io/jwt/v2"

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

// claims returns the activation as jwt/v2 has it.
func (a *Activation) claims() *jwt.ActivationClaims {
	return &jwt.ActivationClaims{
		ClaimsData: a.data(),
		Activation: jwt.Activation{
			ImportSubject: jwt.Subject(a.Subject), ImportType: exportType(a.Type), IssuerAccount: a.IssuerAccount,
			GenericFields: jwt.GenericFields{Tags: list(a.Tags)},
		},
	}
}

// activationFrom is the reverse of claims.
func activationFrom(c *jwt.ActivationClaims) *Activation {
	return &Activation{
		Claims:  claimsFrom(&c.ClaimsData, c.Tags),
		Subject: string(c.ImportSubject), Type: exportTypeFrom(c.ImportType), IssuerAccount: c.IssuerAccount,
	}
}

// claims returns the operator as jwt/v2 has it.
func (o *Operator) claims() *jwt.OperatorClaims {
	return &jwt.OperatorClaims{
		ClaimsData: o.data(),
		Operator: jwt.Operator{
			SigningKeys: sorted(o.SigningKeys), AccountServerURL: o.AccountServerURL, OperatorServiceURLs: list(o.ServiceURLs),
			SystemAccount: o.SystemAccount, AssertServerVersion: o.AssertServerVersion, StrictSigningKeyUsage: o.StrictSigningKeyUsage,
			GenericFields: jwt.GenericFields{Tags: list(o.Tags)},
		},
	}
}

// operatorFrom is the reverse of claims.
func operatorFrom(c *jwt.OperatorClaims) *Operator {
	return &Operator{
		Claims:      claimsFrom(&c.ClaimsData, c.Tags),
		SigningKeys: sorted(c.SigningKeys), AccountServerURL: c.AccountServerURL, ServiceURLs: list(c.OperatorServiceURLs),
		SystemAccount: c.SystemAccount, AssertServerVersion: c.AssertServerVersion, StrictSigningKeyUsage: c.StrictSigningKeyUsage,
	}
}
