package claimattr

import (
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// CheckExpiry refuses to sign what has expired already, and warns of what was signed and has expired since. Title is what it is, such as
// "Account", which in words may be `account "a"`; outcome completes "has expired: ".
func CheckExpiry(diags *diag.Diagnostics, signing bool, expires time.Time, title, words, outcome string) {
	if expires.IsZero() || expires.After(claims.SystemClock{}.Now()) {
		return
	}
	at, summary := path.Root("expires_at"), title+" Has Expired"
	text := fmt.Sprintf("The %s has expired at %s: %s.\n\nSet a time to come, or leave expires_at out.", words, expires.Format(time.RFC3339), outcome)
	if signing {
		diags.AddAttributeError(at, summary, text)
		return
	}
	diags.AddAttributeWarning(at, summary, text)
}
