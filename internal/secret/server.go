package secret

import (
	"strings"
	"unicode"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
)

// maxFromServer is the maximum length of a shown text from a server, in characters.
const maxFromServer = 500

// FromServer returns a text from a server in the form in which a message shows it: on one line, without control or
// invisible characters, and at most 500 characters long. Everything that a server sends must pass through FromServer
// before it is shown because the server may be hostile, or not a NATS server at all.
func FromServer(text string) string {
	var shown strings.Builder
	length := 0
	for _, r := range text {
		if length++; length > maxFromServer {
			shown.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case invisible.Is(r), !unicode.IsPrint(r):
			r = unicode.ReplacementChar
		}
		shown.WriteRune(r)
	}
	return shown.String()
}

// ServerError is an error whose text comes from a server.
type ServerError struct{ Err error }

func (e *ServerError) Error() string { return FromServer(e.Err.Error()) }

func (e *ServerError) Unwrap() error { return e.Err }
