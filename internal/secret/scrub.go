package secret

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	// blockShape finds a PEM block, also without its end, or with its line breaks escaped.
	blockShape = regexp.MustCompile(`(?s)-----BEGIN (.*-----END [^-\n]*-----|.*)`)
	// objectShape finds an object of JSON, also with its quotes escaped.
	objectShape = regexp.MustCompile(`(?s)\{\s*(\\n)*\s*\\?"[^"]*"\s*:(.*\}|.*)`)
	// contextShape finds a key of a NATS context file, whose values may be secret. Other JSON, such as a part of a stream's configuration,
	// is not.
	contextShape = regexp.MustCompile(`"(` + strings.Join(contextKeys, "|") + `)\\?"\s*:`)
)

// Scrub takes out of a message what has the shape of a secret, wherever it comes from: seeds, JWTs, PEM blocks and the JSON of a context
// file. It is for the messages of libraries, which quote what they were given. A message of this program has no need of it: see [Sprintf].
// Control characters, which could move the cursor of a terminal or reverse what is read, are replaced.
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
