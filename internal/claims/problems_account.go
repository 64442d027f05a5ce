package claims

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Problems returns what is wrong with the account. An empty PublicKey is not known yet, and checks that need
// it are skipped. Only servers can check that the exporting accounts exist and export what is imported.
func (a *Account) Problems() []Problem {
	f := &findings{}
	f.claims(&a.Claims, natsconn.AccountKey, true)
	f.info(nil, a.Description, a.InfoURL)
	f.limits(a)
	f.jetStream(a)
	f.exports(a)
	f.imports(a)
	f.signingKeys(a)
	f.permissions(place{"DefaultPermissions"}, &a.DefaultPermissions, false)
	for _, subject := range sortedKeys(a.Mappings) {
		f.mapping(subject, a.Mappings[subject])
	}
	f.revocations(place{"Revocations"}, a.Revocations, natsconn.UserKey)
	f.authorization(&a.Authorization)
	if t := a.Trace; t != nil {
		f.check(place{"Trace", "Destination"}, subjectProblem(t.Destination, false))
		if t.Sampling < 1 || t.Sampling > 100 {
			f.add(place{"Trace", "Sampling"}, "A sampling of %d percent is not between 1 and 100: "+
				"to trace nothing, leave the trace out.", t.Sampling)
		}
	}
	if a.ClusterTraffic != "" && a.ClusterTraffic != jwt.ClusterTrafficSystem &&
		a.ClusterTraffic != jwt.ClusterTrafficOwner {
		f.add(place{"ClusterTraffic"}, "%q is unknown: write %q or %q.", a.ClusterTraffic, jwt.ClusterTrafficSystem,
			jwt.ClusterTrafficOwner)
	}
	f.library(nil, a.PublicKey != "", a.claims().Validate)
	return f.problems
}

// limits checks the limits other than those of JetStream.
func (f *findings) limits(a *Account) {
	p, l := place{"Limits"}, &a.Limits
	for _, limit := range []struct {
		name string
		n    *int64
		int  bool // the server stores it in 32 bits
	}{
		{"Subscriptions", l.Subscriptions, true}, {"Data", l.Data, false}, {"Payload", l.Payload, true},
		{"Imports", l.Imports, false},
		{"Exports", l.Exports, false}, {"Connections", l.Connections, true}, {"LeafNodes", l.LeafNodes, true},
	} {
		if limit.int {
			f.limit32(p.at(limit.name), limit.n)
			continue
		}
		f.limit(p.at(limit.name), limit.n)
	}
	for _, count := range []struct {
		name  string
		limit *int64
		n     int
	}{{"Imports", l.Imports, len(a.Imports)}, {"Exports", l.Exports, len(a.Exports)}} {
		if count.limit != nil && int64(count.n) > max(*count.limit, 0) && *count.limit >= 0 {
			f.add(p.at(count.name), "The account has %d %s and a limit of %d: "+
				"raise the limit, or remove some.", count.n, strings.ToLower(count.name), *count.limit)
		}
	}
}

// tierPattern matches the tiers that the server knows: R and the number of replicas of a stream.
var tierPattern = regexp.MustCompile(`^R[1-5]$`)

// jetStream checks the limits of streams, flat or by tier.
func (f *findings) jetStream(a *Account) {
	if a.JetStream != nil {
		f.jetStreamLimits(place{"JetStream"}, a.JetStream)
		if a.JetStream.off() {
			f.add(place{"JetStream"},
				"Without memory storage and disk storage, JetStream is off and the other limits have no effect. "+
					"Allow storage, or remove the JetStream limits.")
		}
	}
	if len(a.Tiers) == 0 {
		return
	}
	if a.JetStream != nil {
		f.add(place{"Tiers"}, "Limits by tier and limits for all streams are mutually exclusive. Remove one of them.")
	}
	off := true
	for _, name := range sortedKeys(a.Tiers) {
		at, tier := place{"Tiers", Key(name)}, a.Tiers[name]
		if !tierPattern.MatchString(name) {
			f.add(at, "%q is not a tier. A tier is R and the number of replicas of a stream, R1 to R5.", name)
		}
		f.jetStreamLimits(at, &tier)
		off = off && tier.off()
	}
	if off {
		f.add(place{"Tiers"},
			"No tier allows memory storage or disk storage, so JetStream is off. Allow storage, or remove the tiers.")
	}
}

// off reports whether the limits allow no stream.
func (j *JetStream) off() bool {
	return j.MemoryStorage != nil && *j.MemoryStorage == 0 && j.DiskStorage != nil && *j.DiskStorage == 0
}

func (f *findings) jetStreamLimits(p place, j *JetStream) {
	f.limit(p.at("MemoryStorage"), j.MemoryStorage)
	f.limit(p.at("DiskStorage"), j.DiskStorage)
	f.limit(p.at("Streams"), j.Streams)
	f.limit(p.at("Consumers"), j.Consumers)
	f.limit(p.at("MaxAckPending"), j.MaxAckPending)
	for _, size := range []struct {
		name string
		n    *int64
	}{{"MemoryMaxStreamBytes", j.MemoryMaxStreamBytes}, {"DiskMaxStreamBytes", j.DiskMaxStreamBytes}} {
		f.limit(p.at(size.name), size.n)
		if size.n != nil && *size.n == 0 {
			f.add(p.at(size.name), "0 means no limit here. Remove it, or set the storage to 0 to forbid such streams.")
		}
	}
}

// signingKeys checks the keys that sign users, and their scopes.
func (f *findings) signingKeys(a *Account) {
	p := place{"SigningKeys"}
	first := map[string]int{}
	for i, key := range a.SigningKeys {
		at := p.at(i)
		text := publicKeyProblem(key.PublicKey, natsconn.AccountKey)
		f.check(at.at("PublicKey"), text)
		if before, twice := first[key.PublicKey]; twice && text == "" {
			f.add(at.at("PublicKey"),
				"The key is in the list already, at index %d: a key has one scope, so remove one of them.", before)
		} else {
			first[key.PublicKey] = i
		}
		if key.PublicKey == a.PublicKey && a.PublicKey != "" {
			f.add(at.at("PublicKey"), "The account's identity cannot be a signing key. Create another key to sign with.")
		}
		if scope := key.Scope; scope != nil {
			f.check(at.at("Scope", "Role"), textProblem(scope.Role))
			f.info(at.at("Scope"), scope.Description, "")
			f.userLimits(at.at("Scope", "Template"), &scope.Template, true)
		}
		f.library(at, true, signingKeysOf(a.SigningKeys[i:i+1]).Validate)
	}
}

// mapping checks the destinations of a subject.
func (f *findings) mapping(subject string, destinations []Destination) {
	p := place{"Mappings", Key(subject)}
	f.check(p, subjectProblem(subject, true))
	sourceBad := f.under(p)
	if len(destinations) == 0 {
		f.add(p, "The subject has no destination, so it is not mapped. Add a destination, or remove it.")
	}
	first, sums := map[string]int{}, map[string]int{}
	for i, d := range destinations {
		at := p.at(i)
		if before, twice := first[d.Subject]; twice {
			f.add(at.at("Subject"), "%q is already a destination, at index %d. "+
				"nats-server rejects duplicates, even for different clusters.", d.Subject, before)
		} else {
			first[d.Subject] = i
		}
		f.check(at.at("Subject"), destinationProblem(subject, d.Subject, sourceBad))
		if d.Weight < 1 || d.Weight > 100 {
			f.add(at.at("Weight"), "A weight of %d is not between 1 and 100. To send no messages there, remove the "+
				"destination: 0 means 100.", d.Weight)
		} else {
			sums[d.Cluster] += int(d.Weight)
		}
		if strings.Contains(d.Cluster, " ") {
			f.add(at.at("Cluster"), "%q contains a space: the name of a cluster has none.", d.Cluster)
		}
		f.check(at.at("Cluster"), textProblem(d.Cluster))
	}
	for _, cluster := range slices.Sorted(maps.Keys(sums)) {
		if sum := sums[cluster]; sum > 100 {
			where := "without a cluster"
			if cluster != "" {
				where = secret.Sprintf("of the cluster %q", cluster)
			}
			f.add(p, "The weights %s add up to %d percent: at most 100 are allowed.", where, sum)
		}
	}
	f.library(p, true, new(mappingsOf(map[string][]Destination{subject: destinations})).Validate)
}

// destinationProblem checks a destination of messages to a subject, by the rules of nats-server.
func destinationProblem(subject, destination string, sourceBad bool) string {
	if destination == "" {
		return "A destination is missing: it is a subject, which can refer to the wildcards of the mapped one as $1 or " +
			"{{wildcard(1)}}."
	}
	if err := invisible.Check(destination); err != nil {
		return "This is not a destination: " + err.Error() + "."
	}
	if strings.Contains(functionPattern.ReplaceAllString(destination, "x"), " ") {
		return secret.Sprintf("The destination %q contains a space: remove it.", destination)
	}
	for token := range strings.SplitSeq(destination, ".") {
		if token == "*" {
			return secret.Sprintf("The destination %q contains *: "+
				"refer to the wildcards of the mapped subject as $1, $2 or {{wildcard(1)}}.", destination)
		}
	}
	if sourceBad { // reported separately
		return ""
	}
	if err := server.ValidateMapping(subject, destination); err != nil {
		return secret.Sprintf("%q is not a destination of %q (%v): "+
			"refer to existing wildcards, and end both or neither in >.", destination, subject, err)
	}
	return ""
}

// authorization checks the auth callout.
func (f *findings) authorization(a *Authorization) {
	p := place{"Authorization"}
	f.keys(p.at("AuthUsers"), a.AuthUsers, natsconn.UserKey)
	for i, key := range a.AllowedAccounts {
		switch {
		case key != jwt.AnyAccount:
			f.check(p.at("AllowedAccounts", i), publicKeyProblem(key, natsconn.AccountKey))
		case len(a.AllowedAccounts) > 1:
			f.add(p.at("AllowedAccounts", i), "* allows all accounts and must stand alone: remove it, or all others.")
		}
	}
	f.duplicates(p.at("AllowedAccounts"), a.AllowedAccounts)
	if a.XKey != "" {
		f.check(p.at("XKey"), publicKeyProblem(a.XKey, natsconn.CurveKey))
	}
	if len(a.AuthUsers) == 0 && (len(a.AllowedAccounts) > 0 || a.XKey != "") {
		f.add(p.at("AuthUsers"), "Without the users of the authentication service, authentication is not delegated. "+
			"Set them, or remove the authorization.")
	}
	f.library(p, true,
		(&jwt.ExternalAuthorization{AuthUsers: a.AuthUsers, AllowedAccounts: a.AllowedAccounts, XKey: a.XKey}).Validate)
}
