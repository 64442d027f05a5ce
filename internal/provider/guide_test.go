package provider_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// The permissions of the system account's user in the guide are those that the provider needs.
func TestSecurityGuidePermissions(t *testing.T) {
	guide := text(t, filepath.Join("..", "..", "templates", "guides", "security.md.tmpl"))
	listed := func(direction string) []string {
		block := regexp.MustCompile(`(?s)` + direction + ` = \{ allow = \[(.*?)\]`).FindStringSubmatch(guide)
		if block == nil {
			t.Fatalf("the guide lists nothing to %s", direction)
		}
		var subjects []string
		for _, match := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(block[1], -1) {
			subjects = append(subjects, match[1])
		}
		slices.Sort(subjects)
		return subjects
	}
	need := resolver.SystemPermissions()
	for direction, want := range map[string][]string{"publish": need.Publish.Allow, "subscribe": need.Subscribe.Allow} {
		want = slices.Sorted(slices.Values(want))
		if got := listed(direction); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("the guide lists to %s\n%q, and the provider needs\n%q", direction, got, want)
		}
	}
}
