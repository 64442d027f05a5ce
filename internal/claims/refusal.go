package claims

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Refusals returns the reasons why servers would reject the user, or let it do nothing, if a key signed it now. They
// hold as long as the account does not change (processClientOrLeafAuthentication in nats-server's server/auth.go). In
// paths, SigningKey is the signer, and Scoped reports whether the user has [ScopedUserLimits].
func (a *Account) Refusals(u *User, signer string, now time.Time) []Problem {
	f := &findings{}
	if !a.Expires.IsZero() && !a.Expires.After(now) {
		f.add(place{"IssuerAccount"}, "The account expired at %s. Set a later time.", a.Expires.UTC().Format(time.RFC3339))
	}
	for _, key := range []string{u.PublicKey, allKeys} {
		// A revocation of the current second has passed when the user is signed.
		if at, revoked := a.Revocations[key]; revoked && key != "" && at.After(now.Add(time.Second)) {
			f.add(place{"IssuerAccount"}, "The account revokes %s until %s. Remove that revocation, or set an earlier time.",
				map[bool]string{true: "all users", false: "this user's key"}[key == allKeys], at.UTC().Format(time.RFC3339))
		}
	}
	if a.Limits.Connections != nil && *a.Limits.Connections == 0 && !onlyLeafNodes(u.ConnectionTypes) {
		f.add(place{"IssuerAccount"}, "The account allows 0 connections. Raise the limit, or remove it to allow any number.")
	}
	if signer != a.PublicKey {
		i := slices.IndexFunc(a.SigningKeys, func(k SigningKey) bool { return k.PublicKey == signer })
		if i < 0 {
			f.add(place{"SigningKey"},
				"The key %s is not one of the account's signing keys. Add it, or sign with one of them.", signer)
			return f.problems
		}
		f.scope(a, u, a.SigningKeys[i].Scope)
	} else if scopedLimits(u) {
		f.add(place{"Scoped"},
			"The account's identity signs the user, and an identity has no template. Sign with a scoped signing key.")
	}
	if u.BearerToken && a.Limits.NoBearerTokens {
		f.add(place{"BearerToken"}, "The account's limits forbid bearer tokens. "+
			"Remove the bearer token, or allow bearer tokens in the account.")
	}
	return f.problems
}

// scopedLimits reports whether the user has [ScopedUserLimits].
func scopedLimits(u *User) bool { return reflect.DeepEqual(u.UserLimits, ScopedUserLimits()) }

// onlyLeafNodes reports whether the user may connect only as a leaf node, which does not count as a connection.
func onlyLeafNodes(types []string) bool {
	return len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool {
		return t != jwt.ConnectionTypeLeafnode && t != jwt.ConnectionTypeLeafnodeWS
	})
}

// scope checks a user against the scope of its signing key. The scope is nil for a plain key.
func (f *findings) scope(a *Account, u *User, scope *Scope) {
	switch {
	case scope == nil && scopedLimits(u):
		f.add(place{"Scoped"},
			"The key is a plain signing key of the account. A scoped user has no permissions and limits, so it can do "+
				"nothing. Sign with a scoped signing key, or do not make the user scoped.")
	case scope == nil:
	case !scopedLimits(u):
		f.add(place{"Scoped"},
			"The key is a scoped signing key of the account. Its template defines what the user may do, and servers reject a "+
				"user with its own permissions or limits. Make the user scoped and remove them, or sign with a plain signing key.")
	default:
		if scope.Template.BearerToken && a.Limits.NoBearerTokens {
			f.add(place{"Scoped"},
				"The key's template allows bearer tokens, which the account's limits forbid. Change the template or the limits.")
		}
		f.template(a, u, &scope.Template.Permissions)
	}
}

// template checks that the tags exist that the subjects of a template refer to (processUserPermissionsTemplate in
// nats-server's server/auth.go). Without its tag, the server drops an allowed subject, and rejects the user for a
// denied subject.
func (f *findings) template(a *Account, u *User, p *Permissions) {
	for _, side := range []struct {
		what       string
		permission Permission
	}{{"publish", p.Publish}, {"subscribe", p.Subscribe}} {
		for _, subject := range side.permission.Deny {
			if tag := missingTag(a, u, subject); tag != "" {
				f.add(place{"Tags"}, "The key's template denies %q, and servers reject a user without the tag in it: %s.",
					subject, tag)
				return
			}
		}
		var missing string
		dropped := 0
		for _, subject := range side.permission.Allow {
			if tag := missingTag(a, u, subject); tag != "" {
				missing = tag
				dropped++
			}
		}
		if dropped > 0 && dropped == len(side.permission.Allow) {
			f.add(place{"Tags"}, "The key's template allows the user to %s only subjects with tags that do not exist, so the "+
				"user may %s nothing: %s.",
				side.what, side.what, missing)
			return
		}
	}
}

// missingTag describes the tag to add for a subject of a template. It is empty if no tag is missing.
func missingTag(a *Account, u *User, subject string) string {
	for _, found := range functionPattern.FindAllStringSubmatch(subject, -1) {
		name, argument, _ := strings.Cut(strings.TrimSpace(found[1]), "(")
		prefix := strings.ToLower(strings.TrimSuffix(argument, ")")) + ":"
		tags, of := u.Tags, "the user"
		switch name {
		case "tag":
		case "account-tag":
			tags, of = a.Tags, "the account"
		default:
			continue
		}
		if !slices.ContainsFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) }) {
			return fmt.Sprintf("add a tag %s... to %s", prefix, of)
		}
	}
	return ""
}

// The default of max_control_line, which limits what a connecting client sends, the part of it that a client needs for
// its signature, name and so on, and the factor by which a leaf node may exceed it (overMaxControlLineLimit in
// nats-server's server/parser.go).
const (
	controlLine        = 4096
	besideToken        = 300
	leafNodeMultiplier = 16
)

// LongestToken returns the maximum size of the user's JWT, in bytes, that servers accept with their default
// configuration. The exact limit depends slightly on the length of the client's name.
func (u *User) LongestToken() int {
	if onlyLeafNodes(u.ConnectionTypes) {
		return controlLine*leafNodeMultiplier - besideToken
	}
	return controlLine - besideToken
}
