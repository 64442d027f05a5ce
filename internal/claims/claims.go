package claims

import (
	"maps"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Claims holds the fields that all kinds of JWT have in common.
type Claims struct {
	// PublicKey is the identity of the JWT's subject: O..., A... or U....
	PublicKey string
	Name      string
	// Tags are in lower case, without duplicates.
	Tags []string
	// Audience is free text. nats-server ignores it for accounts and users.
	Audience string
	// NotBefore and Expires limit the time in which the JWT is valid, in whole seconds. Zero means no limit.
	NotBefore, Expires time.Time
}

// data returns the common claims, without the tags.
func (c *Claims) data() jwt.ClaimsData {
	return jwt.ClaimsData{
		Subject: c.PublicKey, Name: c.Name, Audience: c.Audience, NotBefore: seconds(c.NotBefore),
		Expires: seconds(c.Expires),
	}
}

// claimsFrom is the reverse of data.
func claimsFrom(data *jwt.ClaimsData, tags jwt.TagList) Claims {
	return Claims{
		PublicKey: data.Subject, Name: data.Name, Tags: list(tags), Audience: data.Audience,
		NotBefore: timeFrom(data.NotBefore), Expires: timeFrom(data.Expires),
	}
}

// seconds returns the time in Unix seconds. Zero means no time.
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

// list returns a copy, or nil if the list is empty: claims do not distinguish the two.
func list[S ~[]string](s S) []string { return slices.Clone([]string(emptyToNil(s))) }

// emptyToNil turns an empty list into nil.
func emptyToNil[S ~[]E, E any](s S) S {
	if len(s) == 0 {
		return nil
	}
	return s
}

// sorted returns a sorted copy.
func sorted[S ~[]string](s S) []string {
	c := list(s)
	slices.Sort(c)
	return c
}

// limit returns a limit in the form of jwt/v2: jwt.NoLimit for nil.
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

// streamLimit returns the size limit of a stream in the form of jwt/v2: 0 for nil.
func streamLimit(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// streamLimitFrom is the reverse of streamLimit. Some tools write jwt.NoLimit, which the server treats as 0.
func streamLimitFrom(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return limitFrom(n)
}

// revocationList returns revocations in the form of jwt/v2.
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

// exportType returns the type of an export or import in the form of jwt/v2, or jwt.Unknown for an invalid name.
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

// sortedKeys returns the sorted keys of a map.
func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
