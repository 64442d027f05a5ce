package secret

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	// blockShape matches a PEM block, even if its end is missing or its line breaks are escaped.
	blockShape = regexp.MustCompile(`(?s)-----BEGIN (.*-----END [^-\n]*-----|.*)`)
	// objectShape matches a JSON object, even if its quotes are escaped.
	objectShape = regexp.MustCompile(`(?s)\{\s*(\\n)*\s*\\?"[^"]*"\s*:(.*\}|.*)`)
	// contextShape matches a key of a NATS context file, whose values may be secret. It does not match other JSON,
	// for example parts of a stream configuration.
	contextShape = regexp.MustCompile(`"(` + strings.Join(contextKeys, "|") + `)\\?"\s*:`)
)

// Scrub replaces everything in a message that looks like a secret: seeds, JWTs, PEM blocks and the JSON of a context
// file. It also replaces control characters, which could move the cursor of a terminal or reverse the text. Use it
// for messages of libraries, which quote their input; messages of this program use [Sprintf] instead.
func Scrub(message string) string {
	message = blockShape.ReplaceAllString(message, "("+pemBlock+")")
	message = objectShape.ReplaceAllStringFunc(message, func(object string) string {
		if !contextShape.MatchString(object) {
			return object
		}
		return "(" + jsonText + ")"
	})
	message = seedShape.ReplaceAllString(message, "$1("+seed+")")
	message = tokenShape.ReplaceAllString(message, "$1("+token+")")
	return strings.Map(func(r rune) rune {
		if !strings.ContainsRune("\n\r\t", r) && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, message)
}
