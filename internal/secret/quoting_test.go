package secret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// All code that quotes a text uses this package: no other code quotes texts with fmt. Code for tests and the demo,
// and code that writes a server's configuration, is excluded.
func TestQuotingIsDoneHere(t *testing.T) {
	t.Parallel()
	left := []string{"acctest", "bench", "demo", "etcdtest", "kinelab", "natslab", "secret", "tools", "workspace"}
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, dir := range left {
			if path == filepath.Join("..", dir) {
				return filepath.SkipDir
			}
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := function.X.(*ast.Ident)
			if !ok || of.Name != "fmt" {
				return true
			}
			for _, arg := range call.Args {
				ast.Inspect(arg, func(n ast.Node) bool {
					if inner, ok := n.(*ast.CallExpr); ok && inner != call {
						return false
					}
					if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && strings.Contains(literal.Value, "%q") {
						t.Errorf("%s: use secret.%s, which describes a secret instead of quoting it", set.Position(literal.Pos()),
							strings.TrimPrefix(function.Sel.Name, "F"))
					}
					return true
				})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were checked", files)
	}
}
