package provider_test

import (
	"slices"
	"testing"
)

// The server is killed at some requests of each operation of each resource and data source. TestAccSoakKillTable covers
// all.
func TestAccServerKilled(t *testing.T) {
	results := &table{}
	t.Cleanup(func() { t.Logf("killed servers:\n%s", results) })
	some := []kill{{n: 2}, {n: 7}, {n: 1, reply: true}, {n: 5, reply: true}}
	for name, of := range killedAll() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of(t).everyKill(t, results, func(at kill) bool { return slices.Contains(some, at) })
		})
	}
}
