//go:build soak

package kinebucket_test

import "testing"

// What [TestAccKineBucketServerKilled] leaves out.
func TestAccSoakKineBucketServerKilled(t *testing.T) {
	testServerKilled(t, killing{"request", "at once"}, killing{"reply", "later"})
}
