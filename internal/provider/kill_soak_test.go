//go:build soak

package provider_test

import "testing"

// The server is killed before and at every request of every operation of each resource and data source. The log has the
// table.
func TestAccSoakKillTable(t *testing.T) {
	results := &table{}
	t.Cleanup(func() { t.Logf("killed servers:\n%s", results) })
	for name, of := range killedAll() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of(t).everyKill(t, results, func(kill) bool { return true })
		})
	}
}
