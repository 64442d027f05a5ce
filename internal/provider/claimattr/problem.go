// Package claimattr is shared by the resources whose attributes become the claims of a JWT. It has the attributes for
// permissions and limits of users, reports problems of claims at the attributes that the claims come from, and
// implements resources that only sign JWTs locally.
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

// Names maps a field's name in Go to the attribute's name. It needs an entry only if the attribute's name is not the
// field's name in snake case. A value with dots is the path of a nested attribute. A key that ends in [] is a map: the
// value is the attribute of each entry that holds the entry's Go value. A key that ends in # is a list whose attribute
// is a set, so that its elements have no path.
type Names map[string]string

// AddProblems adds an error for each problem. It leaves a problem to the apply if an unknown value can decide it: a
// value at, above or below the problem's attribute, or in the same list element.
func AddProblems(diags *diag.Diagnostics, problems []claims.Problem, names Names, unknown path.Paths) {
	for _, problem := range problems {
		at := names.Path(problem.Path)
		if undecided(at, unknown) {
			continue
		}
		// A CLI shows the resource but not the path of a nested attribute.
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

// below returns the path of an attribute in the object at another path. The name can contain dots.
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

// boundary matches where a word of a field's name begins.
var boundary = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

func (n Names) name(field string) string {
	if name, ok := n[field]; ok {
		return name
	}
	return strings.ToLower(boundary.ReplaceAllString(field, "${1}${3}_${2}${4}"))
}

// undecided reports whether an unknown value can decide a problem at this path.
func undecided(at path.Path, unknown path.Paths) bool {
	return !Known(at, unknown) ||
		slices.ContainsFunc(unknown, func(u path.Path) bool { return isWithin(at, elementOf(u)) })
}

// Known reports whether an attribute, all its parents and everything below it are known.
func Known(at path.Path, unknown path.Paths) bool {
	return !slices.ContainsFunc(unknown, func(u path.Path) bool { return isWithin(at, u) || isWithin(u, at) })
}

// isWithin reports whether a path is equal to parent or below it.
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

// elementOf returns the path of the element of the outermost list or map that contains a path, or of the root
// attribute.
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
