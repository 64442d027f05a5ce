package secret

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// masked stands for a secret in a text.
const masked = "*****"

// minLiteral is the length from which a secret is looked for by itself. Shorter ones are masked where they stand in a
// URL, but not wherever their letters happen to occur in a sentence.
const minLiteral = 4

// badURL begins the errors in which KINE quotes the endpoint or a part of it as it was given (pkg/drivers/nats/config.go), whatever that
// part is.
var badURL = regexp.MustCompile(`invalid connection string=.*`)

// Mask takes the secrets of one endpoint out of texts and errors. Its zero value knows no secret, and masks credentials in URLs
// alone.
type Mask struct {
	literals []string // longest first
}

// NewMask returns the mask of an endpoint, which may be any text that KINE is given as one.
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

// Text returns s without the endpoint's secrets, and without what [Scrub] takes out.
func (m *Mask) Text(s string) string {
	for _, l := range m.literals {
		s = strings.ReplaceAll(s, l, masked)
	}
	s = userShape.ReplaceAllString(s, "://"+masked+"@")
	return Scrub(badURL.ReplaceAllString(s, "invalid connection string="+masked))
}

// Error returns err with the same chain for errors.Is and errors.As, and a text without secrets.
func (m *Mask) Error(err error) error {
	msg := err.Error()
	if parse, ok := errors.AsType[*url.Error](err); ok { // it quotes the URL, and then the piece of it that is wrong
		msg = strings.ReplaceAll(msg, parse.Error(), "parse of a URL failed")
	}
	return &maskedError{msg: m.Text(msg), err: err}
}

// maskedError hides the text of an error but not what it is. It has no Unwrap, by which the text would come back.
type maskedError struct {
	msg string
	err error
}

func (e *maskedError) Error() string        { return e.msg }
func (e *maskedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *maskedError) As(target any) bool   { return errors.As(e.err, target) }
