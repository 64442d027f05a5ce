// Package claimattr is what the resources whose attributes become the claims of a JWT share: the attributes that say what a user
// may do, problems of claims at the attributes that the claims were read from, and the part of a resource that signs on this
// machine alone.
package claimattr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// Names are the attributes of fields, by the field's name in Go, where the one does not follow from the other: an attribute's name
// is that of its field in lower case, with underscores between the words. A name with a dot is an attribute in another. With [] at
// the end of a map's name, it is the attribute in each entry that holds what the entry is in Go; with # at the end of a list's
// name, it says that the attribute is a set, whose elements have no path.
type Names map[string]string

// AddProblems adds an error for each problem. What is not known yet has no problems: those of the attributes in unknown, of what is
// above and below them, and of the list elements that they are part of, are left for the apply to find.
func AddProblems(diags *diag.Diagnostics, problems []claims.Problem, names Names, unknown path.Paths) {
	for _, problem := range problems {
		at := names.Path(problem.Path)
		if undecided(at, unknown) {
			continue
		}
		// A CLI shows the resource and not the attribute, if that is a nested one.
		where := "The claims"
		if !at.Equal(path.Empty()) {
			where = fmt.Sprintf("Attribute %s", at)
		}
		diags.AddAttributeError(at, "Invalid Claims", fmt.Sprintf("%s: %s", where, problem.Text))
	}
}

// Path returns the path of the attribute for a field.
func (n Names) Path(fields []any) path.Path {
	at, last := path.Empty(), ""
	for i, field := range fields {
		switch field := field.(type) {
		case string:
			at, last = below(at, n.name(field)), field
		case int:
			if _, isSet := n[last+"#"]; isSet {
				return at
			}
			at = at.AtListIndex(field)
		case claims.Key:
			at = at.AtMapKey(string(field))
			if name, ok := n[last+"[]"]; ok && i+1 < len(fields) {
				at = below(at, name)
			}
		}
	}
	return at
}

// below returns the path of an attribute, whose name may have dots, in the object at another path.
func below(at path.Path, names string) path.Path {
	for name := range strings.SplitSeq(names, ".") {
		if at.Equal(path.Empty()) {
			at = path.Root(name)
		} else {
			at = at.AtName(name)
		}
	}
	return at
}

// boundary is where a word of a field's name begins.
var boundary = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

func (n Names) name(field string) string {
	if name, ok := n[field]; ok {
		return name
	}
	return strings.ToLower(boundary.ReplaceAllString(field, "${1}${3}_${2}${4}"))
}

// undecided tells whether what is unknown may decide a problem at this path.
func undecided(at path.Path, unknown path.Paths) bool {
	return !Known(at, unknown) || slices.ContainsFunc(unknown, func(u path.Path) bool { return isWithin(at, elementOf(u)) })
}

// Known tells whether all of an attribute is known: neither it nor what it is in, nor anything in it, is unknown.
func Known(at path.Path, unknown path.Paths) bool {
	return !slices.ContainsFunc(unknown, func(u path.Path) bool { return isWithin(at, u) || isWithin(u, at) })
}

// isWithin tells whether a path is another one or below it.
func isWithin(at, parent path.Path) bool {
	if len(parent.Steps()) > len(at.Steps()) {
		return false
	}
	for i, step := range parent.Steps() {
		if !step.Equal(at.Steps()[i]) {
			return false
		}
	}
	return true
}

// elementOf returns the element of the outermost list or map that a path leads into, or its attribute of the first level.
func elementOf(at path.Path) path.Path {
	for len(at.Steps()) > 2 {
		at = at.ParentPath()
	}
	if len(at.Steps()) == 2 {
		if _, named := at.Steps()[1].(path.PathStepAttributeName); named {
			at = at.ParentPath()
		}
	}
	return at
}
