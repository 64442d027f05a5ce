//go:build soak

package provider_test

import "testing"

// TestSoakOrphans is TestAccCLIOrphans with ten times as many rounds.
func TestSoakOrphans(t *testing.T) { runOrphans(t, 60) }
