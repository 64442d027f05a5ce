// Package secret decides how a text that a user gave is shown in errors, warnings and logs. A text that plainly is no path, URL, name
// or key, such as the content of a credentials file where its path belongs, is described and never quoted, not even in part. It decides also
// how a text that a server sent is shown: see [FromServer].
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

// What a text can be. Each completes "it is ...".
const (
	credentialsFile = "the content of a credentials file"
	contextFile     = "the content of a NATS context file"
	privateKey      = "a PEM block with a private key"
	pemBlock        = "a PEM block"
	seed            = "an nkey seed"
	partOfSeed      = "what may be a seed or a part of one"
	token           = "a JWT"
	jsonText        = "JSON"
	withLineBreaks  = "text with line breaks"
	urlWithUser     = "a URL with credentials in it"
	// What has a secret in it is described by these around it.
	textWith, inIt = "text with ", " in it"
)

// begin begins a PEM block, and natsBegin the parts of a credentials file, also of a creds file's JWT alone.
const (
	begin     = "-----BEGIN"
	natsBegin = "-----BEGIN NATS"
	seedBegin = "-----BEGIN USER NKEY"
)

// maxShown is the number of characters of a text that are quoted. Names, subjects, keys and most paths are shorter.
const maxShown = 160

var (
	// seedShape finds seeds, also ones with quotes around them or with letters missing. No public key starts with an S, after which a file
	// could be named.
	seedShape = regexp.MustCompile(`(^|[^A-Z2-7])(S[ACNOUX][A-Z2-7]{38,})`)
	// tokenShape finds JWTs, whose header is JSON in base64 that begins with {".
	tokenShape = regexp.MustCompile(`(^|[^A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{13,}(\.[A-Za-z0-9_-]*)*)`)
	// jsonShape finds the beginning of an object of JSON, and jsonKey its keys.
	jsonShape = regexp.MustCompile(`\{\s*"[^"]*"\s*:`)
	jsonKey   = regexp.MustCompile(`"([^"]*)"\s*:`)
	// mayContain finds all of these, whatever stands before them.
	mayContain = regexp.MustCompile(`-----BEGIN|S[ACNOUX][A-Z2-7]{38}|eyJ[A-Za-z0-9_-]{13}|\{\s*\\?"`)
	// contextSecret finds the keys of a context file whose values are secret themselves. The others, such as url and user, are in JSON of any
	// kind.
	contextSecret = regexp.MustCompile(`"(token|password|user_jwt|user_seed)"\s*:`)
	// userShape finds credentials in a URL.
	userShape = regexp.MustCompile(`://[^\s"'/?#]*@`)
)

// contextKeys are keys of a NATS context file, by which one is told from other JSON.
var contextKeys = []string{"url", "token", "user", "password", "creds", "nkey", "cert", "key", "ca", "nsc", "user_jwt", "user_seed", "jetstream_domain"}

// Content is what a text is that is not to be quoted. It is empty for any other text.
type Content string

// String describes the content in words that complete "it is ...".
func (c Content) String() string { return string(c) }

// Secret reports whether the content is one that only those may have whom it is for.
func (c Content) Secret() bool {
	switch c {
	case credentialsFile, contextFile, privateKey, seed, textWith + seed + inIt:
		return true
	}
	return false
}

// IsSecret reports whether a text is one that only those may have whom it is for. A context file is if it holds a secret, and does not only
// name the file of one.
func IsSecret(text string) bool {
	what := Kind(text)
	if what == contextFile {
		return contextSecret.MatchString(text) || seedShape.MatchString(text)
	}
	return what.Secret() || what == jsonText && seedShape.MatchString(text)
}

// Token reports whether the content is a JWT, which may be one that is secret.
func (c Content) Token() bool { return c == token || c == textWith+token+inIt }

// What describes a text that is not to be quoted, in words that complete "it is ...". It is empty for any other text.
func What(text string) string { return Kind(text).String() }

// Kind returns what a text is that is not to be quoted.
func Kind(text string) Content {
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, natsBegin) && !seedShape.MatchString(text) && !strings.Contains(text, "USER JWT"):
		return token // the content of the .jwt file of an operator or an account
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

// MayContain reports whether the encoding of a configuration may have a secret in it. It is quick, and mistakes other things for secrets.
func MayContain(encoded []byte) bool {
	return mayContain.Match(encoded)
}

// MayBeSeed reports whether a text may be a seed or a private key, or what is left of one.
func MayBeSeed(text string) bool {
	text = invisible.Trim(text)
	return len(text) >= 20 && strings.ContainsAny(text[:1], "SP") && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '2' || r > '7')
	})
}

// in says whether a text is something or has it in it.
func in(text string, shape *regexp.Regexp, what Content) Content {
	if len(shape.FindString(text))+2 >= len(strings.TrimSpace(text)) { // quotes may be around it
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

// Show returns a text as a message shows it: described if it is not to be quoted, and otherwise in quotes, with control characters
// escaped and no longer than a line or two.
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

// Text is a text that %q formats as [Show] returns it.
type Text string

// Format implements [fmt.Formatter].
func (t Text) Format(state fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = state.Write([]byte(Show(string(t))))
		return
	}
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), string(t))
}

// Sprintf is [fmt.Sprintf], except that %q formats texts and lists of them as [Show] returns them. Every message that quotes a text
// which was given to the program is made by it, or by [Errorf].
func Sprintf(format string, args ...any) string {
	for i := range args {
		args[i] = shown(args[i])
	}
	return fmt.Sprintf(format, args...)
}

// Errorf is [fmt.Errorf] with texts formatted as by [Sprintf].
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
