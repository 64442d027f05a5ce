package claims

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
)

// What a newer jwt/v2 refuses, and this package does not know of, is not lost.
func TestLibraryMessagesAreNotLost(t *testing.T) {
	says := func(text string) func(*jwt.ValidationResults) {
		return func(r *jwt.ValidationResults) { r.AddError("%s", text) }
	}
	f := &findings{}
	f.library(place{"Exports", 1}, true, says("the moon is full"))
	f.library(nil, true, says("the moon is full"))
	f.library(nil, true, says("the sun is out"))
	f.library(nil, true, says("JetStream Limits and tiered JetStream Limits are mutually exclusive"))
	f.library(nil, false, says("activation token doesn't match account it is being included in, \"a\""))
	f.add(place{"Mappings", Key("a")}, "Found before.")
	f.library(place{"Mappings", Key("a")}, true, says(`Mapping "a" has a weight 101 that exceeds 100`))
	f.library(nil, true, says(`Mapping "a" has a weight 101 that exceeds 100`))
	f.library(nil, true, func(r *jwt.ValidationResults) { r.AddTimeCheck("claim is expired"); r.AddWarning("careful") })
	var got []string
	for _, p := range f.problems {
		got = append(got, p.String())
	}
	want := []string{
		"Exports[1]: The JWT would not be valid: the moon is full.", "The JWT would not be valid: the sun is out.",
		"Tiers: The JWT would not be valid: JetStream Limits and tiered JetStream Limits are mutually exclusive.",
		`Mappings["a"]: Found before.`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each message that the library's source can produce is known, so that a new one in a newer version breaks this test.
func TestEveryLibraryMessageIsKnown(t *testing.T) {
	formats := libraryFormats(t)
	if len(formats) < 50 {
		t.Fatalf("only %d messages found in the library's source: the test looks for them in the wrong way", len(formats))
	}
	fill := strings.NewReplacer("%q", `"x"`, "%s", "service", "%d", "1", "%v", "x", "%%", "%")
	for _, format := range formats {
		text := fill.Replace(format)
		if format == "%s" { // the error of a check whose own messages are in the list
			continue
		}
		if _, ok := known(text); !ok {
			t.Errorf("%q is not known", text)
		}
	}
}

// libraryFormats returns the formats of all errors that jwt/v2 adds to results when it validates claims that this
// package makes.
func libraryFormats(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/nats-io/jwt/v2").Output()
	if err != nil {
		t.Fatalf("where the library is: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var formats []string
	for _, name := range files {
		if base := filepath.Base(name); strings.HasSuffix(base, "_test.go") || base == "authorization_claims.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			text, literal := call.Args[0].(*ast.BasicLit)
			if !ok || selector.Sel.Name != "AddError" && !strings.Contains(returned[filepath.Base(name)], selector.Sel.Name) {
				return true
			}
			if !literal || text.Kind != token.STRING {
				t.Errorf("%s: a message that is not a literal", name)
				return true
			}
			format, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !unrelated[format] {
				formats = append(formats, format)
			}
			return true
		})
	}
	return formats
}

// returned are the functions that make messages in files whose checks return errors.
var returned = map[string]string{"account_claims.go": "Errorf", "operator_claims.go": "Errorf", "exports.go": "Sprintf"}

// unrelated are what those make beside messages.
var unrelated = map[string]bool{"unknown sampling rate": true, "empty sampling rate": true, "%d": true}

// Whatever stands in the subjects, what the library refuses is found by a check of this package, at a field.
func FuzzSubjectProblems(f *testing.F) {
	for _, s := range []string{"", "a", "a.*", "a.>", ">", "*", "$1", "a.$2", "a b", "a..b", ".", "a*.>.b",
		"{{wildcard(1)}}", "a.$1.$1", "*.$1", "a.\x00"} {
		f.Add(s, "a.*.>", "a.$1.>", uint8(0))
		f.Add("a.*", s, "b.*", uint8(1))
		f.Add("a.*.*", "b.>", s, uint8(2))
	}
	k := newKeys(f)
	f.Fuzz(func(t *testing.T, one, two, three string, kind uint8) {
		of := []string{Stream, Service, "?"}[kind%3]
		a := &Account{
			Claims: Claims{PublicKey: k.account, Name: "a"},
			Exports: []Export{{Subject: one, Type: of, AccountTokenPosition: uint(kind) % 4,
				Latency: &Latency{Results: three}}, {Subject: two, Type: of}},
			Imports: []Import{{Subject: one, LocalSubject: two, Type: of, Account: k.other},
				{Subject: three, To: two, Type: of, Account: k.other}},
			Mappings: map[string][]Destination{one: {{Subject: two, Weight: 50}, {Subject: three, Weight: kind}}},
			Trace:    &Trace{Destination: three, Sampling: int(kind)},
			DefaultPermissions: Permissions{Publish: Permission{Allow: []string{one}},
				Subscribe: Permission{Deny: []string{two, three + " " + one}}},
		}
		for _, p := range a.Problems() {
			if strings.Contains(p.Text, "would not be valid") || len(p.Path) == 0 {
				t.Errorf("%q, %q, %q, %s: %s", one, two, three, of, p)
			}
		}
	})
}
