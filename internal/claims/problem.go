package claims

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Problem describes an invalid value: one that jwt/v2 or nats-server rejects, or that a server would silently
// misinterpret.
type Problem struct {
	// Path is the path of the field: strings are names of Go fields, ints are indexes of lists, and Keys are keys of maps.
	// It is empty for a problem of the value as a whole.
	Path []any
	// Text describes the problem and the remedy. It never contains a seed or a token.
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

// place is the path of a problem.
type place []any

// at returns a place below p.
func (p place) at(steps ...any) place { return append(slices.Clip(p), steps...) }

// findings collects problems.
type findings struct{ problems []Problem }

// add adds a problem at a place.
func (f *findings) add(p place, format string, args ...any) {
	f.problems = append(f.problems, Problem{Path: slices.Clone([]any(p)), Text: secret.Sprintf(format, args...)})
}

// check adds a problem at a place unless the text is empty.
func (f *findings) check(p place, text string) {
	if text != "" {
		f.add(p, "%s", text)
	}
}

// under reports whether there is a problem at or below the place.
func (f *findings) under(p place) bool {
	return slices.ContainsFunc(f.problems, func(found Problem) bool {
		return len(found.Path) >= len(p) && slices.Equal(found.Path[:len(p)], []any(p))
	})
}
