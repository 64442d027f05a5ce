package claims

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Refusals returns why servers would refuse the user, or let it do nothing, if a key signed it now: what is certain as long as the
// account stays as it is (processClientOrLeafAuthentication in nats-server's server/auth.go). The field SigningKey in a path is the
// signer, and Scoped is whether the user says nothing about its limits, as in [ScopedUserLimits].
func (a *Account) Refusals(u *User, signer string, now time.Time) []Problem {
	f := &findings{}
	if !a.Expires.IsZero() && !a.Expires.After(now) {
		f.add(place{"IssuerAccount"}, "The account has expired at %s: give it a later time.", a.Expires.UTC().Format(time.RFC3339))
	}
	for _, key := range []string{u.PublicKey, allKeys} {
		// One of this very second is over before the user is signed.
		if at, revoked := a.Revocations[key]; revoked && key != "" && at.After(now.Add(time.Second)) {
			f.add(place{"IssuerAccount"}, "The account revokes %s until %s: take that revocation back, or give it an earlier time.",
				map[bool]string{true: "all users", false: "this user's key"}[key == allKeys], at.UTC().Format(time.RFC3339))
		}
	}
	if a.Limits.Connections != nil && *a.Limits.Connections == 0 && !onlyLeafNodes(u.ConnectionTypes) {
		f.add(place{"IssuerAccount"}, "The account allows 0 connections: raise the limit, or leave it out for none.")
	}
	if signer != a.PublicKey {
		i := slices.IndexFunc(a.SigningKeys, func(k SigningKey) bool { return k.PublicKey == signer })
		if i < 0 {
			f.add(place{"SigningKey"}, "The key %s is none of the account's signing keys: add it to them, or sign with one of them.", signer)
			return f.problems
		}
		f.scope(a, u, a.SigningKeys[i].Scope)
	} else if scopedLimits(u) {
		f.add(place{"Scoped"}, "The account's identity signs the user, and it has no template: sign with a scoped signing key.")
	}
	if u.BearerToken && a.Limits.NoBearerTokens {
		f.add(place{"BearerToken"}, "The account's limits forbid users that do not prove that they have their seed: "+
			"leave the bearer token out, or allow such users in the account.")
	}
	return f.problems
}

// scopedLimits reports whether the user says nothing about its limits.
func scopedLimits(u *User) bool { return reflect.DeepEqual(u.UserLimits, ScopedUserLimits()) }

// onlyLeafNodes reports whether the user may connect as a leaf node alone, which is not counted among the connections.
func onlyLeafNodes(types []string) bool {
	return len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool {
		return t != jwt.ConnectionTypeLeafnode && t != jwt.ConnectionTypeLeafnodeWS
	})
}

// scope checks a user against the scope of the key that signs it, nil for a plain one.
func (f *findings) scope(a *Account, u *User, scope *Scope) {
	switch {
	case scope == nil && scopedLimits(u):
		f.add(place{"Scoped"}, "The key is a plain signing key of the account, and without permissions and limits of its own such a user can do "+
			"nothing: sign with a scoped signing key, or do not make the user a scoped one.")
	case scope == nil:
	case !scopedLimits(u):
		f.add(place{"Scoped"}, "The key is a scoped signing key of the account, whose template says what the user may do, and servers refuse a "+
			"user who says more: make the user a scoped one and leave out its permissions and limits, or sign with a plain signing key.")
	default:
		if scope.Template.BearerToken && a.Limits.NoBearerTokens {
			f.add(place{"Scoped"}, "The key's template makes bearer tokens of its users, which the account's limits forbid: change the template or the limits.")
		}
		f.template(a, u, &scope.Template.Permissions)
	}
}

// template checks that the tags are there which the subjects of a template refer to (processUserPermissionsTemplate in nats-server's
// server/auth.go): a subject that is allowed is dropped without them, and one that is denied has the server refuse the user.
func (f *findings) template(a *Account, u *User, p *Permissions) {
	for _, side := range []struct {
		what       string
		permission Permission
	}{{"publish", p.Publish}, {"subscribe", p.Subscribe}} {
		for _, subject := range side.permission.Deny {
			if tag := missingTag(a, u, subject); tag != "" {
				f.add(place{"Tags"}, "The key's template denies %q, and servers refuse a user without the tag it refers to: %s.", subject, tag)
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
			f.add(place{"Tags"}, "The key's template allows to %s only what refers to tags that are not there, so the user may %s nothing: %s.",
				side.what, side.what, missing)
			return
		}
	}
}

// missingTag says which tag has to be added for a subject of a template; it is empty if none has.
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

// What servers take from a client that connects (max_control_line), unless they are configured otherwise, what of it a client needs for
// other things than the JWT, such as its signature and its name, and how many times as much a leaf node may say (overMaxControlLineLimit
// in nats-server's server/parser.go).
const (
	controlLine        = 4096
	besideToken        = 300
	leafNodeMultiplier = 16
)

// LongestToken returns how many bytes the user's JWT may have, so that servers which are not configured otherwise let it in. It is a
// little less or more for a client whose name is long or short.
func (u *User) LongestToken() int {
	if onlyLeafNodes(u.ConnectionTypes) {
		return controlLine*leafNodeMultiplier - besideToken
	}
	return controlLine - besideToken
}
