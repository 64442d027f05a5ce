// Package secret decides how errors, warnings and logs show a text. A text given by the user that is clearly not a
// path, URL, name or key, for example the content of a credentials file instead of its path, is described and never
// quoted, not even in part. For texts from a server, see [FromServer].
package secret

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
)

// Descriptions of texts that must not be quoted. Each completes "it is ...".
const (
	credentialsFile = "the content of a credentials file"
	contextFile     = "the content of a NATS context file"
	privateKey      = "a PEM block with a private key"
	pemBlock        = "a PEM block"
	seed            = "an nkey seed"
	partOfSeed      = "possibly a seed or a part of one"
	token           = "a JWT"
	jsonText        = "JSON"
	withLineBreaks  = "text with line breaks"
	urlWithUser     = "a URL with credentials"
	// textWith and inIt enclose the description of a secret that is part of a longer text.
	textWith, inIt = "text with ", " in it"
)

// begin starts a PEM block. natsBegin starts a part of a credentials file or a decorated JWT.
const (
	begin     = "-----BEGIN"
	natsBegin = "-----BEGIN NATS"
	seedBegin = "-----BEGIN USER NKEY"
)

// maxShown is the number of characters of a text that are quoted. Names, subjects, keys and most paths are shorter.
const maxShown = 160

var (
	// seedShape matches seeds, even in quotes or with missing letters. A public key, after which a file could be
	// named, never starts with S.
	seedShape = regexp.MustCompile(`(^|[^A-Z2-7])(S[ACNOUX][A-Z2-7]{38,})`)
	// tokenShape matches JWTs, whose header is base64-encoded JSON that starts with {".
	tokenShape = regexp.MustCompile(`(^|[^A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{13,}(\.[A-Za-z0-9_-]*)*)`)
	// jsonShape matches the start of a JSON object, and jsonKey matches its keys.
	jsonShape = regexp.MustCompile(`\{\s*"[^"]*"\s*:`)
	jsonKey   = regexp.MustCompile(`"([^"]*)"\s*:`)
	// mayContain matches all of these, regardless of the preceding character.
	mayContain = regexp.MustCompile(`-----BEGIN|S[ACNOUX][A-Z2-7]{38}|eyJ[A-Za-z0-9_-]{13}|\{\s*\\?"`)
	// contextSecret matches the keys of a context file whose values are secrets. The other keys, for example url and
	// user, occur in any JSON.
	contextSecret = regexp.MustCompile(`"(token|password|user_jwt|user_seed)"\s*:`)
	// userShape matches credentials in a URL.
	userShape = regexp.MustCompile(`://[^\s"'/?#]*@`)
)

// contextKeys are the keys that distinguish a NATS context file from other JSON.
var contextKeys = []string{"url", "token", "user", "password", "creds", "nkey", "cert", "key", "ca", "nsc", "user_jwt",
	"user_seed", "jetstream_domain"}

// Content describes a text that must not be quoted. It is empty for any other text.
type Content string

// String returns the description, which completes "it is ...".
func (c Content) String() string { return string(c) }

// Secret reports whether the content is secret.
func (c Content) Secret() bool {
	switch c {
	case credentialsFile, contextFile, privateKey, seed, textWith + seed + inIt:
		return true
	}
	return false
}

// IsSecret reports whether a text is secret. A context file is secret if it contains a secret itself, and not if it
// only refers to a file.
func IsSecret(text string) bool {
	what := Kind(text)
	if what == contextFile {
		return contextSecret.MatchString(text) || seedShape.MatchString(text)
	}
	return what.Secret() || what == jsonText && seedShape.MatchString(text)
}

// Token reports whether the content is a JWT, which may be secret.
func (c Content) Token() bool { return c == token || c == textWith+token+inIt }

// What describes a text that must not be quoted, so that the description completes "it is ...". It is empty for any
// other text.
func What(text string) string { return Kind(text).String() }

// Kind returns the kind of a text that must not be quoted. It is empty for any other text.
func Kind(text string) Content {
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, natsBegin) && !seedShape.MatchString(text) && !strings.Contains(text, "USER JWT"):
		return token // content of the .jwt file of an operator or an account
	case strings.Contains(text, natsBegin), strings.Contains(text, seedBegin):
		return credentialsFile
	case strings.Contains(text, begin) && strings.Contains(text, "PRIVATE KEY"):
		return privateKey
	case strings.Contains(text, begin):
		return pemBlock
	case jsonShape.MatchString(text):
		return whichJSON(text)
	case seedShape.MatchString(text):
		return in(text, seedShape, seed)
	case tokenShape.MatchString(text):
		return in(text, tokenShape, token)
	case strings.HasPrefix(trimmed, "[") && json.Valid([]byte(trimmed)) && strings.ContainsAny(trimmed, `"{`):
		return jsonText
	case MayBeSeed(text):
		return partOfSeed
	case strings.ContainsAny(trimmed, "\r\n\v\f\u0085\u2028\u2029"):
		return withLineBreaks
	case userShape.MatchString(text):
		return urlWithUser
	}
	return ""
}

// MayContain reports whether an encoded configuration may contain a secret. It is fast and has false positives.
func MayContain(encoded []byte) bool {
	return mayContain.Match(encoded)
}

// MayBeSeed reports whether a text may be a seed, a private key, or a part of one.
func MayBeSeed(text string) bool {
	text = invisible.Trim(text)
	return len(text) >= 20 && strings.ContainsAny(text[:1], "SP") && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '2' || r > '7')
	})
}

// in returns the kind of a text that is, or contains, what.
func in(text string, shape *regexp.Regexp, what Content) Content {
	if len(shape.FindString(text))+2 >= len(strings.TrimSpace(text)) { // quotes may surround it
		return what
	}
	return textWith + what + inIt
}

func whichJSON(text string) Content {
	for _, key := range jsonKey.FindAllStringSubmatch(text, -1) {
		if slices.Contains(contextKeys, key[1]) {
			return contextFile
		}
	}
	return jsonText
}

// Show returns a text as a message shows it: a description if the text must not be quoted, and otherwise the text in
// quotes, with control characters escaped and at most a line or two long.
func Show(text string) string {
	if what := What(text); what != "" {
		return what
	}
	if utf8.RuneCountInString(text) <= maxShown {
		return strconv.Quote(text)
	}
	runes := []rune(text)
	return fmt.Sprintf("%s… (%d characters)", strconv.Quote(string(runes[:maxShown])), len(runes))
}

// Text is a text that %q formats like [Show].
type Text string

// Format implements [fmt.Formatter].
func (t Text) Format(state fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = state.Write([]byte(Show(string(t))))
		return
	}
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), string(t))
}

// Sprintf is like [fmt.Sprintf], except that %q formats texts and lists of texts like [Show]. Every message that
// quotes a text given by the user must be built with Sprintf or [Errorf].
func Sprintf(format string, args ...any) string {
	for i := range args {
		args[i] = shown(args[i])
	}
	return fmt.Sprintf(format, args...)
}

// Errorf is like [fmt.Errorf], except that it formats texts like [Sprintf].
func Errorf(format string, args ...any) error {
	for i := range args {
		args[i] = shown(args[i])
	}
	return fmt.Errorf(format, args...)
}

func shown(arg any) any {
	switch arg := arg.(type) {
	case string:
		return Text(arg)
	case []string:
		texts := make([]Text, len(arg))
		for i, text := range arg {
			texts[i] = Text(text)
		}
		return texts
	}
	return arg
}
