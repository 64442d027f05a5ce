package claims

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Equal tells whether the claims of two accounts mean the same.
func (a *Account) Equal(other *Account) bool { return len(a.Diff(other)) == 0 }

// Diff returns the names of the fields in which the claims of two accounts differ, in order: "Name", or with the element for what
// consists of several, such as "Exports[service orders]" or "SigningKeys[A...]". The order of lists has no meaning in claims and
// makes no difference. Values that claims do not tell apart, such as nil and empty, make none either.
func (a *Account) Diff(other *Account) []string {
	one, two := a.canonical(), other.canonical()
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Account]()) {
		if field.Anonymous {
			continue // its own fields are visible
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

// title names the export among others.
func (e Export) title() string { return e.Type + " " + e.Subject }

// title names the import among others.
func (i Import) title() string { return i.Type + " " + i.Subject + " from " + i.Account }

// group puts the elements of a list under their titles.
func group[E any](list []E, title func(E) string) map[string][]E {
	m := make(map[string][]E, len(list))
	for _, e := range list {
		m[title(e)] = append(m[title(e)], e)
	}
	return m
}

// diffKeys names the keys whose values differ, or that only one of the maps has.
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

// canonical returns a copy as it would be read back once signed, with every list in order.
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

// sort puts every list in order.
func (p *Permissions) sort() {
	for _, list := range [][]string{p.Publish.Allow, p.Publish.Deny, p.Subscribe.Allow, p.Subscribe.Deny} {
		slices.Sort(list)
	}
}

// sort puts every list in order.
func (l *UserLimits) sort() {
	l.Permissions.sort()
	slices.Sort(l.SourceNetworks)
	slices.Sort(l.ConnectionTypes)
	slices.SortFunc(l.Times, func(a, b TimeRange) int { return strings.Compare(a.Start+a.End, b.Start+b.End) })
}

// MergeRevocations returns what the revocations of an account should become: those that are configured, and those that others
// have stored. Before is what this writer had configured the last time, so that what it no longer configures goes. What another
// writer has stored since is kept if it is later. Those that a revocation of all ("*") covers are left out.
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
