package claims

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// allKeys represents all keys in revocations.
const allKeys = jwt.All

// publicKeyProblem checks a public key. It does not quote a possible seed.
func publicKeyProblem(key string, kind natsconn.KeyKind) string {
	err := natsconn.CheckPublicKey(key, kind)
	switch {
	case err == nil:
		return ""
	case key == "":
		return "A key is missing" + strings.TrimPrefix(err.Error(), "it is empty") + "."
	case secret.MayBeSeed(key):
		_, needed, _ := strings.Cut(err.Error(), ": ")
		return "This may be a seed, which is secret: " + needed + "."
	}
	return sentence(err)
}

// sentence turns the text of an error into a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// subjectProblem checks a subject with or without wildcards, as nats-server does, and for tokens that the server takes
// literally although a wildcard was probably meant.
func subjectProblem(subject string, wildcards bool) string {
	if subject == "" {
		return "A subject is missing: it consists of tokens separated by dots, such as orders.new."
	}
	if strings.ContainsRune(subject, utf8.RuneError) {
		return "The subject is not valid UTF-8."
	}
	if err := invisible.Check(subject); err != nil {
		return "This is not a subject: " + err.Error() + "."
	}
	if strings.Contains(subject, " ") {
		return secret.Sprintf("The subject %q contains a space: remove it.", subject)
	}
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		switch {
		case token == "":
			return secret.Sprintf("The subject %q starts or ends with a dot, or has two in a row: each token needs at least "+
				"one character.", subject)
		case token == ">" && i < len(tokens)-1:
			return secret.Sprintf("In the subject %q, > is not the last token. Only as the last token does it match all that "+
				"follows.", subject)
		case token != "*" && token != ">" && strings.ContainsAny(token, "*>"):
			return secret.Sprintf("In the subject %q, the token %q contains a * or > that is not a wildcard, because a "+
				"wildcard is a whole token. Rename the token, or make it * or >.", subject, token)
		case !wildcards && (token == "*" || token == ">"):
			return secret.Sprintf("The subject %q contains a wildcard, but messages are published to it. Write a subject "+
				"without wildcards.", subject)
		}
	}
	return ""
}

// hasWildcards reports whether a subject has wildcards.
func hasWildcards(subject string) bool { return jwt.Subject(subject).HasWildCards() }

// within reports whether a subject is a subset of another subject.
func within(subject, other string) bool {
	return jwt.Subject(subject).IsContainedIn(jwt.Subject(other))
}

// textProblem checks a name or other short text: no invisible characters, no spaces around it.
func textProblem(text string) string {
	if err := invisible.Check(text); err != nil {
		return sentence(err)
	}
	return ""
}

// endOfTime is the last second that nats-server supports. It stores times as nanoseconds since 1970 in 64 bits, and
// treats later times as past.
var endOfTime = time.Unix(math.MaxInt64/int64(time.Second), 0).UTC()

// timeProblem checks a point in time for claims, which hold whole seconds since 1970.
func timeProblem(t time.Time) string {
	switch {
	case t.Nanosecond() != 0:
		return fmt.Sprintf("%s is not a whole second, and JWTs store whole seconds.", t.Format(time.RFC3339Nano))
	case t.Unix() <= 0:
		return fmt.Sprintf("%s is before 1970. JWTs count seconds from 1970.", t.Format(time.RFC3339))
	case t.After(endOfTime):
		return fmt.Sprintf("%s is later than %s, the last second that nats-server supports. It treats later times as past. "+
			"Choose an earlier time, or remove it.", t.Format(time.RFC3339), endOfTime.Format(time.RFC3339))
	}
	return ""
}

// claims checks the common claims.
func (f *findings) claims(c *Claims, kind natsconn.KeyKind, nameNeeded bool) {
	if c.PublicKey != "" { // it may not be known yet
		f.check(place{"PublicKey"}, publicKeyProblem(c.PublicKey, kind))
	}
	if c.Name == "" && nameNeeded {
		f.add(place{"Name"}, "A name is missing: servers log it, and tools show it.")
	}
	f.check(place{"Name"}, textProblem(c.Name))
	f.check(place{"Audience"}, textProblem(c.Audience))
	f.tags(place{"Tags"}, c.Tags)
	for _, bound := range []struct {
		name string
		at   time.Time
	}{{"NotBefore", c.NotBefore}, {"Expires", c.Expires}} {
		if !bound.at.IsZero() {
			f.check(place{bound.name}, timeProblem(bound.at))
		}
	}
	if !c.Expires.IsZero() && !c.NotBefore.IsZero() && !c.Expires.After(c.NotBefore) {
		f.add(place{"Expires"},
			"The JWT expires before or when it becomes valid, so it is never valid. Choose a time after %s.",
			c.NotBefore.UTC().Format(time.RFC3339))
	}
}

// tags checks a list of tags, which jwt/v2 keeps in lower case and without duplicates.
func (f *findings) tags(p place, tags []string) {
	for i, tag := range tags {
		lower := strings.ToLower(tag)
		switch err := invisible.Check(tag); {
		case invisible.Trim(tag) == "":
			f.add(p.at(i), "A tag is empty: remove it.")
		case err != nil:
			f.add(p.at(i), "A tag cannot be used: %s.", err)
		case tag != lower:
			f.add(p.at(i), "The tag %q is not in lower case: write %q.", tag, lower)
		}
	}
	f.duplicates(p, tags)
}

// duplicates checks that a list has no duplicates.
func (f *findings) duplicates(p place, texts []string) {
	for i, text := range texts {
		if first := slices.Index(texts, text); first < i && !secret.MayBeSeed(text) {
			f.add(p.at(i), "%q is in the list already, at index %d: remove one of them.", text, first)
		}
	}
}

// keys checks a list of public keys without duplicates.
func (f *findings) keys(p place, keys []string, kind natsconn.KeyKind) {
	for i, key := range keys {
		f.check(p.at(i), publicKeyProblem(key, kind))
	}
	f.duplicates(p, keys)
}

// info checks a description and the URL of more information.
func (f *findings) info(p place, description, infoURL string) {
	if len(description) > jwt.MaxInfoLength {
		f.add(p.at("Description"), "The description has %d bytes: at most %d are allowed.", len(description),
			jwt.MaxInfoLength)
	}
	if err := invisible.CheckLines(description); err != nil {
		f.add(p.at("Description"), "%s", sentence(err))
	}
	if infoURL == "" {
		return
	}
	if text := textProblem(infoURL); text != "" {
		f.add(p.at("InfoURL"), "%s", text)
		return
	}
	u, err := url.Parse(infoURL)
	switch {
	case len(infoURL) > jwt.MaxInfoLength:
		f.add(p.at("InfoURL"), "The URL has %d bytes: at most %d are allowed.", len(infoURL), jwt.MaxInfoLength)
	case err != nil || u.Scheme == "" || u.Hostname() == "":
		f.add(p.at("InfoURL"),
			"%q is not an absolute URL: it needs a scheme and a host, as in https://example.com/orders.", infoURL)
	}
}

// revocations checks revocations of keys of a kind.
func (f *findings) revocations(p place, revocations map[string]time.Time, kind natsconn.KeyKind) {
	for _, key := range sortedKeys(revocations) {
		if key != allKeys {
			if text := publicKeyProblem(key, kind); text != "" {
				f.add(p.at(mapKey(key)), "%s For all of them at once, write %q.", text, allKeys)
			}
		}
		f.check(p.at(mapKey(key)), timeProblem(revocations[key]))
	}
}

// mapKey returns a key of a map for a path. It hides a seed, because paths are shown.
func mapKey(key string) Key {
	if secret.MayBeSeed(key) {
		return Key(invisible.Trim(key)[:2] + "...")
	}
	return Key(key)
}

// limit32 is limit for a value that nats-server stores in 32 bits.
func (f *findings) limit32(p place, n *int64) {
	f.limit(p, n)
	if n != nil && *n > math.MaxInt32 {
		f.add(p, "A limit of %d is more than nats-server supports. The maximum is %d. Remove it for no limit.", *n,
			math.MaxInt32)
	}
}

// limit checks a limit. It must not be negative. Nil means no limit.
func (f *findings) limit(p place, n *int64) {
	if n != nil && *n < 0 {
		f.add(p, "A limit of %d is negative. Remove it for no limit.", *n)
	}
}

// exportType checks the type of an export or import.
func (f *findings) exportType(p place, name string) {
	if name != Stream && name != Service {
		f.add(p, "%q is not a type: write %q or %q.", name, Stream, Service)
	}
}
