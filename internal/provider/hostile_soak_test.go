//go:build soak

package provider_test

import "testing"

// TestSoakHostileServer is TestAccHostileServer with all lies.
func TestSoakHostileServer(t *testing.T) { runHostile(t, true) }
