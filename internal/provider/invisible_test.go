package provider_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// anyText matches the places that accept such characters: texts for people, which may have several lines, version
// attributes, and paths, which the file system checks. A line break at the end of a path is refused.
var anyText = regexp.MustCompile(`description$|reason$|_version$|keepers|_file$`)

// elsewhere matches the places whose texts are only checked when their object is complete.
// TestInvisibleCharactersInClaims has the keys of mappings.
var elsewhere = regexp.MustCompile(`^mappings\[key\]$`)

// Every string of every schema rejects invisible characters, such as the line break at the end of a file.
func TestInvisibleCharacters(t *testing.T) {
	tried := 0
	for _, served := range acctest.Everything(t) {
		for _, place := range served.Places() {
			if !place.IsText() || !place.Configurable || elsewhere.MatchString(place.String()) {
				continue
			}
			if anyText.MatchString(place.String()) && place.String() != "k3s_version" &&
				place.String() != "assert_server_version" {
				continue
			}
			for _, value := range []string{"ab\n", "a\u200bb"} {
				tried++
				at := strings.Replace(place.String(), "[key]", fmt.Sprintf("[%q]", value), 1)
				found := served.Validate(t, place.In(nil, value))
				if !slices.ContainsFunc(found, func(d acctest.Diagnostic) bool {
					return !d.Warning && (d.Path == at || d.Path == strings.TrimSuffix(at, "[0]")) // elements of sets have no path
				}) {
					t.Errorf("%s takes %q at %s", served, value, place)
				}
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d texts were tried", tried)
	}
}
