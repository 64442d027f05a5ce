package claims

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Equal reports whether the claims of two accounts are equivalent.
func (a *Account) Equal(other *Account) bool { return len(a.Diff(other)) == 0 }

// Diff returns the sorted names of the fields in which the claims of two accounts differ: "Name", or with an element,
// such as "Exports[service orders]" or "SigningKeys[A...]". The order of lists is ignored, because it has no meaning in
// claims, and so are differences that claims cannot express, such as nil and empty.
func (a *Account) Diff(other *Account) []string {
	one, two := a.canonical(), other.canonical()
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Account]()) {
		if field.Anonymous {
			continue // its fields are compared one by one
		}
		switch field.Name {
		case "Exports":
			names = append(names, diffKeys(field.Name, group(one.Exports, Export.title), group(two.Exports, Export.title))...)
		case "Imports":
			names = append(names, diffKeys(field.Name, group(one.Imports, Import.title), group(two.Imports, Import.title))...)
		case "SigningKeys":
			title := func(k SigningKey) string { return k.PublicKey }
			names = append(names, diffKeys(field.Name, group(one.SigningKeys, title), group(two.SigningKeys, title))...)
		case "Tiers":
			names = append(names, diffKeys(field.Name, one.Tiers, two.Tiers)...)
		case "Mappings":
			names = append(names, diffKeys(field.Name, one.Mappings, two.Mappings)...)
		case "Revocations":
			names = append(names, diffKeys(field.Name, one.Revocations, two.Revocations)...)
		default:
			before, after := reflect.ValueOf(*one).FieldByIndex(field.Index), reflect.ValueOf(*two).FieldByIndex(field.Index)
			if !reflect.DeepEqual(before.Interface(), after.Interface()) {
				names = append(names, field.Name)
			}
		}
	}
	return names
}

// title identifies the export.
func (e Export) title() string { return e.Type + " " + e.Subject }

// title identifies the import.
func (i Import) title() string { return i.Type + " " + i.Subject + " from " + i.Account }

// group groups the elements of a list by title.
func group[E any](list []E, title func(E) string) map[string][]E {
	m := make(map[string][]E, len(list))
	for _, e := range list {
		m[title(e)] = append(m[title(e)], e)
	}
	return m
}

// diffKeys returns the keys whose values differ, or that are in only one of the maps.
func diffKeys[V any](field string, one, two map[string]V) []string {
	all := maps.Clone(one)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, two)
	var names []string
	for _, key := range sortedKeys(all) {
		before, had := one[key]
		after, has := two[key]
		if had != has || !reflect.DeepEqual(before, after) {
			names = append(names, fmt.Sprintf("%s[%s]", field, key))
		}
	}
	return names
}

// canonical returns a copy as it is read back after signing, with every list sorted.
func (a *Account) canonical() *Account {
	c := accountFrom(a.claims())
	slices.Sort(c.Tags)
	slices.Sort(c.Authorization.AuthUsers)
	slices.Sort(c.Authorization.AllowedAccounts)
	c.DefaultPermissions.sort()
	for _, key := range c.SigningKeys {
		if key.Scope != nil {
			key.Scope.Template.sort()
		}
	}
	for _, destinations := range c.Mappings {
		slices.SortFunc(destinations, func(a, b Destination) int {
			return strings.Compare(a.Subject+" "+a.Cluster, b.Subject+" "+b.Cluster)
		})
	}
	return c
}

// sort sorts every list.
func (p *Permissions) sort() {
	for _, list := range [][]string{p.Publish.Allow, p.Publish.Deny, p.Subscribe.Allow, p.Subscribe.Deny} {
		slices.Sort(list)
	}
}

// sort sorts every list.
func (l *UserLimits) sort() {
	l.Permissions.sort()
	slices.Sort(l.SourceNetworks)
	slices.Sort(l.ConnectionTypes)
	slices.SortFunc(l.Times, func(a, b TimeRange) int { return strings.Compare(a.Start+a.End, b.Start+b.End) })
}

// MergeRevocations returns the revocations that an account should have: the configured ones, and those that other
// writers stored. before holds what this writer configured the last time, so that revocations it no longer configures
// are removed. Later revocations of other writers are kept. Revocations that a revocation of all keys ("*") covers are
// left out.
func MergeRevocations(configured, stored, before map[string]time.Time) map[string]time.Time {
	merged := map[string]time.Time{}
	for key, at := range configured {
		merged[key] = time.Unix(at.Unix(), 0).UTC()
	}
	for key, at := range stored {
		own, mine := before[key]
		if mine && at.Unix() <= own.Unix() {
			continue
		}
		if at.Unix() > merged[key].Unix() {
			merged[key] = time.Unix(at.Unix(), 0).UTC()
		}
	}
	if all, ok := merged[allKeys]; ok {
		maps.DeleteFunc(merged, func(key string, at time.Time) bool { return key != allKeys && !at.After(all) })
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
}
