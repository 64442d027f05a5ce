package claims

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// exports checks the exports.
func (f *findings) exports(a *Account) {
	for i := range a.Exports {
		e, at := &a.Exports[i], place{"Exports", i}
		f.export(at, e)
		if a.Limits.NoWildcardExports && hasWildcards(e.Subject) {
			f.add(at.at("Subject"),
				"The account's limits forbid wildcards in exports. List the subjects one by one, or allow wildcards.")
		}
		if e.Latency != nil && e.Type == Service && slices.ContainsFunc(a.Exports, func(other Export) bool {
			return other.Type == Service && within(e.Latency.Results, other.Subject)
		}) {
			f.add(at.at("Latency", "Results"),
				"%q is exported as a service, and measurements must not be published as requests. "+
					"Choose another subject.", e.Latency.Results)
		}
		for j := range i {
			other := &a.Exports[j]
			switch {
			case other.Type != e.Type || e.Subject == "" || other.Subject == "":
			case within(e.Subject, other.Subject):
				f.add(at.at("Subject"), "%q is exported as a %s already, as %q at index %d: remove one of them.", e.Subject, e.Type,
					other.Subject, j)
			case within(other.Subject, e.Subject):
				f.add(place{"Exports", j, "Subject"}, "%q is exported as a %s already, as %q at index %d: "+
					"remove one of them.", other.Subject, e.Type, e.Subject, i)
			}
		}
		f.library(at, true, e.claims().Validate)
	}
}

// responseTypes are those of services.
var responseTypes = []string{"", jwt.ResponseTypeSingleton, jwt.ResponseTypeStream, jwt.ResponseTypeChunked}

// export checks one export.
func (f *findings) export(p place, e *Export) {
	f.check(p.at("Name"), textProblem(e.Name))
	f.exportType(p.at("Type"), e.Type)
	f.check(p.at("Subject"), subjectProblem(e.Subject, true))
	f.info(p, e.Description, e.InfoURL)
	f.revocations(p.at("Revocations"), e.Revocations, natsconn.AccountKey)
	if e.Type == Stream {
		for _, only := range []struct {
			field string
			set   bool
		}{
			{"ResponseType", e.ResponseType != ""}, {"ResponseThreshold", e.ResponseThreshold != 0},
			{"Latency", e.Latency != nil},
			{"AllowTrace", e.AllowTrace},
		} {
			if only.set {
				f.add(p.at(only.field), "This applies to services, but the export is a stream. Remove it.")
			}
		}
	} else if !slices.Contains(responseTypes, e.ResponseType) {
		f.add(p.at("ResponseType"), "%q is not a type of response: write %s.", e.ResponseType,
			strings.Join(responseTypes[1:], ", "))
	}
	if e.ResponseThreshold < 0 {
		f.add(p.at("ResponseThreshold"), "%s is negative. Remove it for the server's default of two minutes.",
			e.ResponseThreshold)
	}
	if l := e.Latency; l != nil {
		if l.Sampling < 0 || l.Sampling > 100 {
			f.add(p.at("Latency", "Sampling"), "A sampling of %d percent is not between 1 and 100, "+
				"or 0 for requests that ask for it in a header.", l.Sampling)
		}
		f.check(p.at("Latency", "Results"), subjectProblem(l.Results, false))
		if e.Type == Service && e.ResponseType != "" && e.ResponseType != jwt.ResponseTypeSingleton {
			f.add(p.at("Latency"), "Servers measure only services with a single response. "+
				"Remove it, or set the response type to %s.", jwt.ResponseTypeSingleton)
		}
	}
	if n := e.AccountTokenPosition; n > 0 {
		tokens := strings.Split(e.Subject, ".")
		if n > uint(len(tokens)) || tokens[n-1] != "*" {
			f.add(p.at("AccountTokenPosition"), "Token %d of %q is not *: "+
				"it must be the wildcard that stands for the importing account, counted from 1.", n, e.Subject)
		}
	}
}

// imports checks the imports.
func (f *findings) imports(a *Account) {
	for i := range a.Imports {
		im, at := &a.Imports[i], place{"Imports", i}
		f.imported(at, im, a.PublicKey)
		for j := range i {
			f.overlap(at, im, &a.Imports[j], j)
		}
		f.library(at, a.PublicKey != "", func(results *jwt.ValidationResults) { im.claims().Validate(a.PublicKey, results) })
	}
}

// imported checks one import.
func (f *findings) imported(p place, im *Import, self string) {
	f.check(p.at("Name"), textProblem(im.Name))
	f.exportType(p.at("Type"), im.Type)
	f.check(p.at("Account"), publicKeyProblem(im.Account, natsconn.AccountKey))
	if im.Account == self && self != "" {
		f.add(p.at("Account"), "An account cannot import from itself. Set the exporting account.")
	}
	f.check(p.at("Subject"), subjectProblem(im.Subject, true))
	switch {
	case im.LocalSubject != "" && im.To != "":
		f.add(p.at("To"), "This is the older form of the local subject, and a local subject is set too. Remove it.")
	case im.LocalSubject != "":
		f.check(p.at("LocalSubject"), localSubjectProblem(im.LocalSubject, im.Subject))
	case im.To != "" && im.Type == Stream:
		f.check(p.at("To"), subjectProblem(strings.TrimSuffix(im.To, "."), false))
	case im.To != "":
		f.check(p.at("To"), subjectProblem(im.To, true))
		if hasWildcards(im.To) && !f.under(p.at("To")) && !f.under(p.at("Subject")) {
			f.check(p.at("To"), localSubjectProblem(im.Subject, im.To))
		}
	}
	if im.Share && im.Type != Service {
		f.add(p.at("Share"), "This applies to services, but the import is a stream. Remove it.")
	}
	if im.AllowTrace && im.Type == Service {
		f.add(p.at("AllowTrace"), "This applies to streams, but the import is a service. Remove it.")
	}
	if im.Token != "" {
		f.check(p.at("Token"), tokenProblem(im, self))
	}
}

// localSubjectProblem checks the subject under which an import is known, which names each wildcard of the imported
// subject once.
func localSubjectProblem(local, subject string) string {
	if text := subjectProblem(local, true); text != "" {
		return text
	}
	endsOpen := func(s string) bool { return s == ">" || strings.HasSuffix(s, ".>") }
	if endsOpen(local) != endsOpen(subject) {
		return secret.Sprintf("Both %q and %q must end in >, or neither.", subject, local)
	}
	var references []string
	wildcards, stars := 0, 0
	for token := range strings.SplitSeq(subject, ".") {
		if token == "*" {
			wildcards++
		}
	}
	for token := range strings.SplitSeq(local, ".") {
		if token == "*" { // counts as a reference, in order
			stars++
			token = "$" + strconv.Itoa(stars)
		}
		n, err := strconv.Atoi(strings.TrimPrefix(token, "$"))
		if !strings.HasPrefix(token, "$") || err != nil {
			continue
		}
		if n < 1 || n > wildcards {
			return secret.Sprintf("The local subject %q refers to a wildcard that %q does not have. It has %d: "+
				"refer to each of them once.", local, subject, wildcards)
		}
		if slices.Contains(references, token) {
			return secret.Sprintf("The local subject %q refers to the same wildcard twice: write $1, $2 and so on, each once.",
				local)
		}
		references = append(references, token)
	}
	if len(references) != wildcards {
		return secret.Sprintf("The local subject %q does not refer to each wildcard of %q: write $1, $2 and so on, or as "+
			"many *.", local, subject)
	}
	return ""
}

// tokenProblem checks an activation token against the import that it is for.
func tokenProblem(im *Import, self string) string {
	if invisible.Check(im.Token) != nil {
		return "This is not only an activation token. Remove everything around it, including line breaks."
	}
	activation, signature, err := DecodeActivation(im.Token)
	if err != nil {
		return "This is not an activation token. Use the token that the exporting account signed."
	}
	subject := im.Subject
	if im.Type == Service && im.To != "" {
		subject = im.To
	}
	switch {
	case signature.Issuer != im.Account && activation.IssuerAccount != im.Account:
		return "The activation token was not issued by the exporting account. Ask that account for a token."
	case self != "" && activation.PublicKey != self:
		return fmt.Sprintf("The activation token is for the account %s, not for this account. Ask for a token for %s.",
			activation.PublicKey, self)
	case activation.Type != im.Type:
		return fmt.Sprintf("The activation token is for a %s, but the import is a %s. "+
			"Change the type, or ask for another token.", activation.Type, im.Type)
	case !within(subject, activation.Subject):
		return secret.Sprintf("The activation token is for %q, which does not include %q. Ask for another token.",
			activation.Subject, subject)
	}
	if problems := activation.Problems(); len(problems) > 0 {
		return "The activation token is not valid: " + problems[0].Text
	}
	return ""
}

// overlap checks an import against an earlier one from the same account.
func (f *findings) overlap(p place, im, earlier *Import, index int) {
	if im.Account != earlier.Account || im.Type != earlier.Type || im.Subject == "" || earlier.Subject == "" {
		return
	}
	switch im.Type {
	case Stream:
		if im.Subject == earlier.Subject {
			f.add(p.at("Subject"),
				"The stream is already imported, at index %d. Servers ignore the second import, so remove it.", index)
		}
	case Service:
		field, subject := namespace(im)
		_, other := namespace(earlier)
		switch {
		case within(subject, other) || within(other, subject):
			f.add(p.at(field), "%q overlaps with %q of the import at index %d from the same account: "+
				"choose another local subject.", subject, other, index)
		case im.local() == earlier.local():
			f.add(p.at("Subject"), "Requests to %q already go to the import at index %d. Choose another local subject.",
				im.local(), index)
		}
	}
}

// namespace returns the field and the subject by which jwt/v2 distinguishes the services of an account.
func namespace(im *Import) (field, subject string) {
	switch {
	case im.To != "":
		return "To", im.To
	case im.LocalSubject != "":
		return "LocalSubject", im.local()
	default:
		return "Subject", im.Subject
	}
}

// local returns the subject for requests to a service.
func (i *Import) local() string {
	if i.LocalSubject != "" {
		return string(jwt.RenamingSubject(i.LocalSubject).ToSubject())
	}
	return i.Subject
}
