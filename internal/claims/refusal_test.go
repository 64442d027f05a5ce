package claims

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A real server refuses a user, or lets it do nothing, if and only if that is told before it is signed.
func TestRefusalsAreThoseOfTheServer(t *testing.T) {
	l := newClaimsLab(t)
	plainKey, plainSeed, _ := NewKey(natsconn.AccountKey)
	scopedKey, scopedSeed, _ := NewKey(natsconn.AccountKey)
	otherKey, otherSeed, _ := NewKey(natsconn.AccountKey)
	seeds := map[string]string{plainKey: plainSeed, scopedKey: scopedSeed, otherKey: otherSeed}
	scoped := func(u *User) { u.UserLimits = ScopedUserLimits() }
	template := func(change func(*UserLimits)) func(*Account) {
		return func(a *Account) { change(&a.SigningKeys[1].Scope.Template) }
	}
	for name, c := range map[string]struct {
		account func(*Account)
		user    func(*User)
		signer  string
		// says is a part of what is told, at where; without, the user can connect and publish.
		at, says string
	}{
		"plain":               {signer: plainKey},
		"scoped":              {signer: scopedKey, user: scoped},
		"not listed":          {signer: otherKey, at: "SigningKey", says: "not one of the account's signing keys"},
		"scoped, not listed":  {signer: otherKey, user: scoped, at: "SigningKey", says: "not one of the account's signing keys"},
		"plain by scoped key": {signer: scopedKey, at: "Scoped", says: "servers reject a user with its own"},
		"permissions, scoped": {signer: scopedKey, user: func(u *User) { u.Permissions.Publish.Allow = []string{"a.>"} }, at: "Scoped", says: "with its own permissions"},
		"scoped by plain key": {signer: plainKey, user: scoped, at: "Scoped", says: "plain signing key"},
		"bearer":              {signer: plainKey, user: func(u *User) { u.BearerToken = true }},
		"bearer forbidden":    {func(a *Account) { a.Limits.NoBearerTokens = true }, func(u *User) { u.BearerToken = true }, plainKey, "BearerToken", "forbid bearer tokens"},
		"bearer of others":    {account: func(a *Account) { a.Limits.NoBearerTokens = true }, signer: plainKey},
		"bearer template":     {template(func(l *UserLimits) { l.BearerToken = true }), scoped, scopedKey, "", ""},
		"bearer not by scope": {func(a *Account) {
			template(func(l *UserLimits) { l.BearerToken = true })(a)
			a.Limits.NoBearerTokens = true
		}, scoped, scopedKey, "Scoped", "the account's limits forbid"},
		"no connections": {account: func(a *Account) { a.Limits.Connections = new(int64(0)) }, signer: plainKey, at: "IssuerAccount", says: "allows 0 connections"},
		"all revoked to come": {account: func(a *Account) {
			a.Revocations = map[string]time.Time{"*": time.Now().Add(time.Hour).Truncate(time.Second)}
		}, signer: plainKey, at: "IssuerAccount", says: "revokes all users"},
		"all revoked before":  {account: func(a *Account) { a.Revocations = map[string]time.Time{"*": time.Unix(1700000000, 0)} }, signer: plainKey},
		"tag of a denial":     {template(func(l *UserLimits) { l.Permissions.Publish.Deny = []string{"x.{{tag(team)}}"} }), scoped, scopedKey, "Tags", "servers reject a user without the tag"},
		"tag of the account":  {template(func(l *UserLimits) { l.Permissions.Subscribe.Deny = []string{"x.{{account-tag(team)}}"} }), scoped, scopedKey, "Tags", "to the account"},
		"tags that are there": {template(func(l *UserLimits) { l.Permissions.Publish.Deny = []string{"x.{{tag(Site)}}", "{{name()}}.y"} }), scoped, scopedKey, "", ""},
		"nothing is left":     {template(func(l *UserLimits) { l.Permissions.Publish.Allow = []string{"x.{{tag(team)}}"} }), scoped, scopedKey, "Tags", "may publish nothing"},
		"something is left":   {template(func(l *UserLimits) { l.Permissions.Publish.Allow = []string{"x.{{tag(team)}}", "free.>"} }), scoped, scopedKey, "", ""},
		"an expired account":  {account: func(a *Account) { a.Expires = time.Unix(1700000000, 0) }, signer: plainKey, at: "IssuerAccount", says: "expired at"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Account{
				Claims:      Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "a"},
				SigningKeys: []SigningKey{{PublicKey: plainKey}, {PublicKey: scopedKey, Scope: &Scope{Role: "edge"}}},
			}
			if c.account != nil {
				c.account(a)
			}
			l.push(t, a)
			public, seed, err := NewKey(natsconn.UserKey)
			if err != nil {
				t.Fatal(err)
			}
			u := &User{Claims: Claims{PublicKey: public, Name: "u", Tags: []string{"site:berlin"}}, IssuerAccount: a.PublicKey}
			if c.user != nil {
				c.user(u)
			}
			signer, err := NewAccountSigner(seeds[c.signer])
			if err != nil {
				t.Fatal(err)
			}
			defer signer.Close()

			told := a.Refusals(u, c.signer, time.Now())
			switch {
			case c.at == "" && len(told) > 0:
				t.Errorf("told: %v", told)
			case c.at != "" &&
				(len(told) != 1 || !strings.HasPrefix(told[0].String(), c.at+": ") || !strings.Contains(told[0].Text, c.says)):
				t.Errorf("told: %v, not %s: %q", told, c.at, c.says)
			}
			nc, err := l.connectAs(t, u, seed, signer)
			if err == nil {
				err = publishes(nc, "free.x")
			}
			if (err != nil) != (c.at != "") {
				t.Errorf("the server says %v, and told is %v", err, told)
			}
		})
	}
}

// A server that is not configured otherwise takes a JWT of the longest length and none that is much longer.
func TestLongestToken(t *testing.T) {
	l := newClaimsLab(t)
	signer := newSigner(t, natsconn.AccountKey)
	a := &Account{Claims: Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "a"},
		SigningKeys: []SigningKey{{PublicKey: signer.PublicKey()}}}
	l.push(t, a)
	public, seed, err := NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	// of returns a user whose JWT has almost, and at most, that length.
	of := func(length int) *User {
		u := &User{Claims: Claims{PublicKey: public, Name: "u"}, IssuerAccount: a.PublicKey}
		for {
			token, err := u.Sign(t.Context(), signer, SystemClock{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if len(token) > length {
				u.Name = u.Name[:len(u.Name)-3]
				return u
			}
			u.Name += strings.Repeat("x", max((length-len(token))*3/4, 3))
		}
	}
	longest := new(User).LongestToken()
	if _, err := l.connectAs(t, of(longest), seed, signer); err != nil {
		t.Errorf("a JWT of at most %d bytes: %v", longest, err)
	}
	if _, err := l.connectAs(t, of(longest+80), seed, signer); err == nil {
		t.Errorf("a JWT of about %d bytes is taken", longest+80)
	}
	leaf := &User{UserLimits: UserLimits{ConnectionTypes: []string{"LEAFNODE", "LEAFNODE_WS"}}}
	if leaf.LongestToken() <= longest {
		t.Error("leaf nodes may not say more")
	}
}

// publishes reports whether a user may publish to a subject.
func publishes(nc *nats.Conn, subject string) error {
	if err := nc.Publish(subject, []byte("x")); err != nil {
		return err
	}
	err := nc.Flush()
	return errors.Join(err, nc.LastError())
}
