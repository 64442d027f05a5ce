package claims

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
)

// message is a validation message of jwt/v2 and the fields that it can be about.
type message struct {
	pattern *regexp.Regexp
	fields  []string
	// needsKey is set for messages that require the account's public key.
	needsKey bool
}

// subjectFields are the fields that contain subjects.
var subjectFields = []string{"Subject", "Exports", "Imports", "Mappings", "DefaultPermissions", "Permissions", "Trace",
	"SigningKeys"}

// messages lists everything that jwt/v2 rejects. The checks of this package report each case with a better path and
// text. If they miss one, the message of the library is reported, also if it is not in this list.
var messages = func() []message {
	var all []message
	add := func(fields []string, patterns ...string) {
		for _, p := range patterns {
			all = append(all, message{pattern: regexp.MustCompile(p), fields: fields})
		}
	}
	add(subjectFields, "^subject cannot be empty$", `^subject ".*" cannot (have spaces|start or end|contain consecutive)`)
	add([]string{"Tiers"}, "mutually exclusive$", "^Tiered JetStream Limits can not contain a blank")
	add([]string{"Mappings"}, `^Mapping ".*" (has a weight|in cluster|exceeds)`)
	add([]string{"Authorization"}, "^External authorization cannot", "^AuthUser ", "^AllowedAccounts can only",
		`^Account ".*" is not a valid`, "^XKey ")
	add([]string{"Trace"}, `^the account Trace\.`)
	add([]string{"Limits"}, "^the account contains more (imports|exports) than allowed")
	add([]string{"Exports"}, "^the account contains wildcard exports", "^null export", "^invalid export type",
		"^invalid response type",
		"^AllowTrace only valid for service", "^latency tracking only", "^sampling percentage", "^results subject",
		"response threshold",
		"^Account Token Position", `^(service|stream) export subject`)
	add([]string{"Imports", "Type"}, "^invalid import type")
	add([]string{"Imports"}, "^null import", "^AllowTrace only valid for stream", "^account to import from",
		"^Local Subject replaces To", "^sharing information", "invalid activation token",
		"^activation token doesn't match account for",
		"^mismatch between token import type", "^activation token import subject", "^overlapping subject namespace",
		"^both, renaming subject", `^Reference \$`, "^subject does not contain enough")
	add([]string{"IssuerAccount"}, "^account_id is not")
	add([]string{"SigningKeys", "SystemAccount"}, "is not an account public key$", "is not a valid account signing key$",
		"is not an operator public key$")
	add([]string{"Description", "Exports"}, "^Description is too long")
	add([]string{"InfoURL", "Exports"}, "^Info URL is too long", "^error parsing info url")
	add([]string{"ClusterTraffic"}, "^unknown cluster traffic")
	add([]string{"SourceNetworks"}, "^invalid cidr")
	add([]string{"Times"}, "^time ranges (start|end) must", "^(start|end) in time range")
	add([]string{"TimesLocation"}, "^could not parse iana time zone")
	add([]string{"Permissions", "DefaultPermissions"}, "^Permission Subject")
	add([]string{"AccountServerURL"}, "account server url")
	add([]string{"ServiceURLs"}, "operator service url")
	add([]string{"AssertServerVersion"}, "assert(ed)? server version")
	return append(all, message{
		pattern: regexp.MustCompile("^activation token doesn't match account it is"), fields: []string{"Imports"},
		needsKey: true,
	})
}()

// known returns the entry of messages that matches a text.
func known(text string) (message, bool) {
	i := slices.IndexFunc(messages, func(m message) bool { return m.pattern.MatchString(text) })
	if i < 0 {
		return message{}, false
	}
	return messages[i], true
}

// library validates the element at a place with jwt/v2 and adds the problems that were not found before. Checks that
// depend on the time of day are left to the server. keyKnown reports whether the account's public key is known.
func (f *findings) library(p place, keyKnown bool, validate func(*jwt.ValidationResults)) {
	results := jwt.CreateValidationResults()
	validate(results)
	var texts []string
	for _, issue := range results.Issues {
		if issue.Blocking {
			texts = append(texts, issue.Description)
		}
	}
	slices.Sort(texts) // the library iterates over maps
	for _, text := range slices.Compact(texts) {
		m, ok := known(text)
		if ok && (m.needsKey && !keyKnown || f.found(p, m)) {
			continue
		}
		at := p
		if ok && len(p) == 0 && len(m.fields) == 1 {
			at = place{m.fields[0]}
		}
		if complaint := "The JWT would not be valid: " + strings.TrimSuffix(text, ".") + "."; !f.has(complaint) {
			f.add(at, "%s", complaint)
		}
	}
}

// found reports whether an earlier problem explains the message: one of the element, or, for the claims as a whole, of
// one of the fields.
func (f *findings) found(p place, m message) bool {
	if len(p) > 0 {
		return f.under(p)
	}
	return slices.ContainsFunc(m.fields, func(field string) bool { return f.under(place{field}) })
}

// has reports whether a problem has this text.
func (f *findings) has(text string) bool {
	return slices.ContainsFunc(f.problems, func(p Problem) bool { return p.Text == text })
}
