package claims

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the machine that plans may have no time zone database

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Problems returns what is wrong with the user. An empty PublicKey is not known yet.
func (u *User) Problems() []Problem {
	f := &findings{}
	f.claims(&u.Claims, natsconn.UserKey, true)
	f.userLimits(nil, &u.UserLimits, false)
	if u.IssuerAccount != "" {
		f.check(place{"IssuerAccount"}, publicKeyProblem(u.IssuerAccount, natsconn.AccountKey))
	}
	f.library(nil, u.PublicKey != "", u.claims().Validate)
	return f.problems
}

// connectionTypes are the types that nats-server knows.
var connectionTypes = []string{
	jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket, jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeLeafnodeWS,
	jwt.ConnectionTypeMqtt, jwt.ConnectionTypeMqttWS, jwt.ConnectionTypeInProcess,
}

// userLimits checks the limits of a user or of a scope's template.
func (f *findings) userLimits(p place, l *UserLimits, template bool) {
	f.permissions(p.at("Permissions"), &l.Permissions, template)
	f.limit32(p.at("Subscriptions"), l.Subscriptions)
	f.limit(p.at("Data"), l.Data)
	for _, limit := range []struct {
		name string
		n    *int64
	}{{"Subscriptions", l.Subscriptions}, {"Payload", l.Payload}, {"Data", l.Data}} {
		// jwt/v2 omits a 0 from the JWT, and reads a template without it as no limit.
		if template && limit.n != nil && *limit.n == 0 {
			f.add(p.at(limit.name),
				"In the template of a scoped signing key, 0 means no limit. Remove it, or set a limit above 0.")
		}
	}
	f.limit32(p.at("Payload"), l.Payload)
	for i, network := range l.SourceNetworks {
		if _, _, err := net.ParseCIDR(network); err != nil {
			f.add(p.at("SourceNetworks", i), "%q is not a network: "+
				"write it as 192.0.2.0/24 or 2001:db8::/32, and one address as 192.0.2.1/32.", network)
		}
	}
	for i, t := range l.Times {
		at := p.at("Times", i)
		for _, end := range []struct{ name, value string }{{"Start", t.Start}, {"End", t.End}} {
			if _, err := time.Parse(time.TimeOnly, end.value); err != nil {
				f.add(at.at(end.name), "%q is not a time of the day: write it as 08:30:00.", end.value)
			}
		}
		if t.Start == t.End && !f.under(at) {
			f.add(at, "The range starts and ends at %s and is empty. For the whole day, remove the range.", t.Start)
		}
	}
	if l.TimesLocation != "" {
		if _, err := time.LoadLocation(l.TimesLocation); err != nil {
			f.add(p.at("TimesLocation"), "%q is not a time zone of the IANA database: write one like Europe/Berlin or UTC.",
				l.TimesLocation)
		}
	}
	for i, t := range l.ConnectionTypes {
		if !slices.Contains(connectionTypes, t) {
			f.add(p.at("ConnectionTypes", i), "%q is not a type of connection: use %s.", t, strings.Join(connectionTypes, ", "))
		}
	}
	f.duplicates(p.at("ConnectionTypes"), l.ConnectionTypes)
	limits := l.claims()
	if len(p) > 0 { // the claims of a user are validated as a whole
		f.library(p, true, limits.Limits.Validate)
	}
}

// permissions checks lists of subjects. Those of a template may contain functions in braces, which the server replaces.
func (f *findings) permissions(p place, permissions *Permissions, template bool) {
	for _, side := range []struct {
		name       string
		permission Permission
		queues     bool
	}{{"Publish", permissions.Publish, false}, {"Subscribe", permissions.Subscribe, true}} {
		f.permitted(p.at(side.name, "Allow"), side.permission.Allow, side.queues, template)
		f.permitted(p.at(side.name, "Deny"), side.permission.Deny, side.queues, template)
	}
	if !template { // jwt/v2 does not validate templates
		claims := permissions.claims()
		f.library(p, true, claims.Validate)
	}
}

var (
	// functionPattern matches what the server replaces in templates (mustacheRE in server/auth.go).
	functionPattern = regexp.MustCompile(`\{{2}([^}]+)\}{2}`)
	// functions are the functions that processUserPermissionsTemplate supports. It accepts upper case, but then finds no
	// tag.
	functions = regexp.MustCompile(`^((?i:name|subject|account-name|account-subject)\(\)|(account-)?tag\([^()]+\))$`)
)

// permitted checks one list of subjects. Where queues are allowed, the name of a queue may follow the subject.
func (f *findings) permitted(p place, subjects []string, queues, template bool) {
	templated := slices.ContainsFunc(subjects, functionPattern.MatchString)
	for i, entry := range subjects {
		at, plain := p.at(i), entry
		if err := invisible.Check(strings.Trim(entry, " ")); err != nil { // spaces are reported below
			f.add(at, "This is not a subject: %s.", err)
			continue
		}
		for _, found := range functionPattern.FindAllStringSubmatch(entry, -1) {
			switch {
			case !template:
				f.add(at, "%q is taken literally, because only templates of scoped signing keys support functions. Write the "+
					"subject itself.", found[0])
			case !functions.MatchString(strings.TrimSpace(found[1])):
				f.add(at, "%s is not a function of templates: use {{name()}}, {{subject()}}, {{account-name()}}, "+
					"{{account-subject()}}, {{tag(x)}} or {{account-tag(x)}}.", found[0])
			}
			plain = strings.ReplaceAll(plain, found[0], "x")
		}
		if f.under(at) {
			continue
		}
		subject, queue, queued := strings.Cut(plain, " ")
		switch {
		case queued && !queues:
			f.add(at, "%q contains a space. The name of a queue can follow the subject only in the allow list of subscribe.",
				entry)
		case queued && template && templated:
			f.add(at, "%q names a queue. A list with functions cannot contain queues, because the server drops the entry.",
				entry)
		case queued && strings.Contains(queue, " "):
			f.add(at, "%q contains more than one space. Write a subject, or a subject and the name of a queue.", entry)
		case queued && subjectProblem(queue, true) != "":
			f.add(at, "The queue in %q is not valid. %s", entry, subjectProblem(queue, true))
		default:
			f.check(at, subjectProblem(subject, true))
		}
	}
}

// Problems returns what is wrong with the activation. An empty PublicKey is not known yet.
func (a *Activation) Problems() []Problem {
	f := &findings{}
	f.claims(&a.Claims, natsconn.AccountKey, false)
	f.exportType(place{"Type"}, a.Type)
	f.check(place{"Subject"}, subjectProblem(a.Subject, true))
	if a.IssuerAccount != "" {
		f.check(place{"IssuerAccount"}, publicKeyProblem(a.IssuerAccount, natsconn.AccountKey))
		if a.IssuerAccount == a.PublicKey {
			f.add(place{"PublicKey"}, "The importing account is the exporting account. An account cannot import from itself.")
		}
	}
	f.library(nil, a.PublicKey != "", a.claims().Validate)
	return f.problems
}

// Problems returns what is wrong with the operator. An empty PublicKey is not known yet.
func (o *Operator) Problems() []Problem {
	f := &findings{}
	f.claims(&o.Claims, natsconn.OperatorKey, true)
	f.keys(place{"SigningKeys"}, o.SigningKeys, natsconn.OperatorKey)
	if i := slices.Index(o.SigningKeys, o.PublicKey); i >= 0 && o.PublicKey != "" {
		f.add(place{"SigningKeys", i},
			"The operator's identity cannot be a signing key. Remove it, or create another key to sign with.")
	}
	if o.StrictSigningKeyUsage && len(o.SigningKeys) == 0 {
		f.add(place{"StrictSigningKeyUsage"},
			"Only signing keys may sign, but there is no signing key. Add one, or allow the identity to sign.")
	}
	if o.SystemAccount != "" {
		f.check(place{"SystemAccount"}, publicKeyProblem(o.SystemAccount, natsconn.AccountKey))
	}
	if o.AccountServerURL != "" {
		if text := textProblem(o.AccountServerURL); text != "" {
			f.add(place{"AccountServerURL"}, "%s", text)
		} else if u, err := url.Parse(o.AccountServerURL); err != nil || u.Scheme == "" {
			f.add(place{"AccountServerURL"}, "This is not a URL with a scheme: write it as https://example.com/jwt/v1.")
		}
	}
	for i, v := range o.ServiceURLs {
		if text := textProblem(v); text != "" {
			f.add(place{"ServiceURLs", i}, "%s", text)
		} else if v == "" || jwt.ValidateOperatorServiceURL(v) != nil {
			f.add(place{"ServiceURLs", i}, "This is not the URL of a NATS server: "+
				"write it as nats://example.com:4222 (or tls, ws, wss), without credentials and path.")
		}
	}
	if _, _, _, err := jwt.ParseServerVersion(o.AssertServerVersion); err != nil {
		f.add(place{"AssertServerVersion"}, "%q is not a version of nats-server: write it as 2.12.0.", o.AssertServerVersion)
	}
	f.library(nil, o.PublicKey != "", o.claims().Validate)
	return f.problems
}
