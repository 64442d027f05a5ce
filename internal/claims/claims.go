package claims

import (
	"maps"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
)

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

// data returns what all kinds of claims have in common, but for the tags.
func (c *Claims) data() jwt.ClaimsData {
	return jwt.ClaimsData{
		Subject: c.PublicKey, Name: c.Name, Audience: c.Audience, NotBefore: seconds(c.NotBefore), Expires: seconds(c.Expires),
	}
}

// claimsFrom is the reverse of data.
func claimsFrom(data *jwt.ClaimsData, tags jwt.TagList) Claims {
	return Claims{
		PublicKey: data.Subject, Name: data.Name, Tags: list(tags), Audience: data.Audience,
		NotBefore: timeFrom(data.NotBefore), Expires: timeFrom(data.Expires),
	}
}

// seconds returns the time as claims have it: zero is none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// timeFrom is the reverse of seconds.
func timeFrom(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// list returns a copy, which is nil if there is nothing in it: claims do not tell the two apart.
func list[S ~[]string](s S) []string { return slices.Clone([]string(emptyToNil(s))) }

// emptyToNil turns an empty list into nil.
func emptyToNil[S ~[]E, E any](s S) S {
	if len(s) == 0 {
		return nil
	}
	return s
}

// sorted returns a copy in order.
func sorted[S ~[]string](s S) []string {
	c := list(s)
	slices.Sort(c)
	return c
}

// limit returns a limit as claims have it: nil is jwt.NoLimit.
func limit(n *int64) int64 {
	if n == nil {
		return jwt.NoLimit
	}
	return *n
}

// limitFrom is the reverse of limit.
func limitFrom(n int64) *int64 {
	if n == jwt.NoLimit {
		return nil
	}
	return &n
}

// streamLimit returns the limit of one stream's size as claims have it: nil is 0.
func streamLimit(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// streamLimitFrom is the reverse of streamLimit. Some tools write jwt.NoLimit, which the server takes as 0.
func streamLimitFrom(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return limitFrom(n)
}

// revocationList returns revocations as claims have them.
func revocationList(m map[string]time.Time) jwt.RevocationList {
	if len(m) == 0 {
		return nil
	}
	l := make(jwt.RevocationList, len(m))
	for key, at := range m {
		l[key] = at.Unix()
	}
	return l
}

// revocationsFrom is the reverse of revocationList.
func revocationsFrom(l jwt.RevocationList) map[string]time.Time {
	if len(l) == 0 {
		return nil
	}
	m := make(map[string]time.Time, len(l))
	for key, at := range l {
		m[key] = time.Unix(at, 0).UTC()
	}
	return m
}

// exportType returns the type of an export or import as claims have it: jwt.Unknown for what is no type.
func exportType(name string) jwt.ExportType {
	switch name {
	case Stream:
		return jwt.Stream
	case Service:
		return jwt.Service
	default:
		return jwt.Unknown
	}
}

// exportTypeFrom is the reverse of exportType.
func exportTypeFrom(t jwt.ExportType) string {
	switch t {
	case jwt.Stream:
		return Stream
	case jwt.Service:
		return Service
	default:
		return ""
	}
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
