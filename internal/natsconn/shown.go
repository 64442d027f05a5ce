package natsconn

import (
	"strings"
	"unicode"
)

// maxShown is how much of a text of a server is shown, in characters.
const maxShown = 500

// Shown returns a text that a server sent in the form in which a message shows it: on one line, without control or invisible characters, and
// not longer than 500 characters. Whatever comes from a server and is shown goes through here, since a server may be hostile, or something
// else than a server.
func Shown(text string) string {
	var shown strings.Builder
	length := 0
	for _, r := range text {
		if length++; length > maxShown {
			shown.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			r = unicode.ReplacementChar
		}
		shown.WriteRune(r)
	}
	return shown.String()
}

// shownError is an error whose text comes from a server.
type shownError struct{ err error }

func (e *shownError) Error() string { return Shown(e.err.Error()) }

func (e *shownError) Unwrap() error { return e.err }
