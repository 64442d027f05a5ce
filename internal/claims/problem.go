package claims

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Problem is one thing that is wrong with a value: what jwt/v2 or nats-server refuses, or what a server would silently take for
// something else than was meant.
type Problem struct {
	// Path leads to the field: strings are the names of Go fields, ints are indexes of lists, Keys are keys of maps. It is empty
	// for what concerns the value as a whole.
	Path []any
	// Text says what is wrong and what to do about it. It never contains a seed or a token.
	Text string
}

// Key is a key of a map in a [Problem]'s path.
type Key string

// String returns the path and the text.
func (p Problem) String() string {
	var b strings.Builder
	for _, step := range p.Path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case Key:
			b.WriteString(secret.Sprintf("[%q]", string(step)))
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + p.Text
}

// place is a path that problems are found at.
type place []any

// at returns a place further down.
func (p place) at(steps ...any) place { return append(slices.Clip(p), steps...) }

// findings collects problems.
type findings struct{ problems []Problem }

// add notes a problem at a place.
func (f *findings) add(p place, format string, args ...any) {
	f.problems = append(f.problems, Problem{Path: slices.Clone([]any(p)), Text: secret.Sprintf(format, args...)})
}

// check notes a problem at a place unless the text is empty.
func (f *findings) check(p place, text string) {
	if text != "" {
		f.add(p, "%s", text)
	}
}

// under tells whether there is a problem at the place or further down.
func (f *findings) under(p place) bool {
	return slices.ContainsFunc(f.problems, func(found Problem) bool {
		return len(found.Path) >= len(p) && slices.Equal(found.Path[:len(p)], []any(p))
	})
}
