//go:build soak

package account_test

import "testing"

// Two hundred accounts are made, listed, planned without a change and destroyed.
func TestAccSoakTwoHundredAccounts(t *testing.T) { manyAccounts(t, 200) }
