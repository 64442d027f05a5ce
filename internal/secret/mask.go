package secret

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// masked replaces a secret in a text.
const masked = "*****"

// minLiteral is the minimum length of a secret that is masked everywhere. Shorter secrets are masked in URLs, but not
// wherever their letters occur in a text.
const minLiteral = 4

// badURL matches KINE's errors that quote the endpoint or any part of it (pkg/drivers/nats/config.go).
var badURL = regexp.MustCompile(`invalid connection string=.*`)

// Mask removes the secrets of one endpoint from texts and errors. The zero Mask only masks credentials in URLs.
type Mask struct {
	literals []string // longest first
}

// NewMask returns the mask of an endpoint, which may be any text that KINE is configured with.
func NewMask(endpoint string) *Mask {
	m := &Mask{}
	if endpoint == "" {
		return m
	}
	m.literals = append(m.literals, endpoint)
	for part := range strings.SplitSeq(endpoint, ",") {
		_, rest, found := strings.Cut(part, "://")
		if !found {
			rest = part
		}
		info := ""
		if end := strings.LastIndexByte(rest, '@'); end >= 0 {
			info = rest[:end]
		}
		_, secret, found := strings.Cut(info, ":")
		if !found {
			secret = info // a token
		}
		decoded, _ := url.PathUnescape(secret)
		for _, s := range []string{info, secret, decoded} {
			if len(s) >= minLiteral {
				m.literals = append(m.literals, s)
			}
		}
	}
	slices.SortFunc(m.literals, func(a, b string) int { return len(b) - len(a) })
	return m
}

// Text returns s without the endpoint's secrets, scrubbed as by [Scrub].
func (m *Mask) Text(s string) string {
	for _, l := range m.literals {
		s = strings.ReplaceAll(s, l, masked)
	}
	s = userShape.ReplaceAllString(s, "://"+masked+"@")
	return Scrub(badURL.ReplaceAllString(s, "invalid connection string="+masked))
}

// Error returns an error without secrets in its text. errors.Is and errors.As work as for err.
func (m *Mask) Error(err error) error {
	msg := err.Error()
	if parse, ok := errors.AsType[*url.Error](err); ok { // quotes the URL and the invalid part of it
		msg = strings.ReplaceAll(msg, parse.Error(), "invalid URL")
	}
	return &maskedError{msg: m.Text(msg), err: err}
}

// maskedError hides the text of an error but not its identity. It has no Unwrap, which would expose the text.
type maskedError struct {
	msg string
	err error
}

func (e *maskedError) Error() string        { return e.msg }
func (e *maskedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *maskedError) As(target any) bool   { return errors.As(e.err, target) }
