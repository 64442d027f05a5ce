package provider_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The troubleshooting guide lists every error and warning of the provider by its summary.
func TestTroubleshootingGuideIsComplete(t *testing.T) {
	guide := text(t, filepath.Join("..", "..", "templates", "guides", "troubleshooting.md.tmpl"))
	var listed []string
	for _, match := range regexp.MustCompile(`(?m)^\| (.+?) \|`).FindAllStringSubmatch(guide, -1) {
		listed = append(listed, match[1])
	}
	found := summaries(t)
	if len(found) < 80 {
		t.Fatalf("only %d summaries are found in the code", len(found))
	}
	for summary, at := range found {
		if !isListed(summary, listed) {
			t.Errorf("%s: %q is not in the guide", at, summary)
		}
	}
}

// anyPart stands for a part of a summary that is not a literal.
const anyPart = "…"

// isListed reports whether the guide has a summary. Variable parts match each other.
func isListed(summary string, listed []string) bool {
	pattern := func(text string) *regexp.Regexp {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(text), anyPart, ".+") + "$")
	}
	for _, other := range listed {
		if pattern(summary).MatchString(other) || pattern(other).MatchString(summary) {
			return true
		}
	}
	return false
}

// summaryArgument is the index of the summary argument of each function that creates a diagnostic.
var summaryArgument = map[string]int{
	"AddError": 0, "AddWarning": 0, "AddAttributeError": 1, "AddAttributeWarning": 1, "NewErrorDiagnostic": 0,
	"NewWarningDiagnostic":        0,
	"NewAttributeErrorDiagnostic": 1, "NewAttributeWarningDiagnostic": 1, "validators.String": 1, "String": 1,
}

// summaries returns the summaries of all diagnostics in the code with one location each, except those that are entirely
// in a variable.
func summaries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := token.NewFileSet()
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(files, file, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			if i, ok := summaryArgument[called(call.Fun)]; ok && i < len(call.Args) {
				if summary := literal(call.Args[i]); strings.Trim(summary, anyPart) != "" {
					found[summary] = files.Position(call.Pos()).String()
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// called returns the name of a function, with its package if it is a validator.
func called(function ast.Expr) string {
	switch f := function.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if in, ok := f.X.(*ast.Ident); ok && in.Name == "validators" {
			return in.Name + "." + f.Sel.Name
		}
		if f.Sel.Name != "String" { // the method of many types
			return f.Sel.Name
		}
	}
	return ""
}

// literal returns the text of an expression with a mark for each part that is not a literal.
func literal(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if value, err := strconv.Unquote(e.Value); err == nil {
			return value
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	case *ast.CallExpr: // fmt.Sprintf
		if len(e.Args) > 0 {
			return strings.ReplaceAll(literal(e.Args[0]), "%s", anyPart)
		}
	}
	return anyPart
}
