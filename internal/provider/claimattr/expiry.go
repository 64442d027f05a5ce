package claimattr

import (
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// CheckExpiry adds an error if claims to be signed have already expired, and a warning if signed claims have expired
// since. Title names the object, such as "Account", and words describe it, such as `account "a"`. Outcome is what the
// expiry means, such as "servers accept none of its users".
func CheckExpiry(diags *diag.Diagnostics, signing bool, expires time.Time, title, words, outcome string) {
	if expires.IsZero() || expires.After(claims.SystemClock{}.Now()) {
		return
	}
	at, summary := path.Root("expires_at"), title+" Has Expired"
	text := fmt.Sprintf("The %s expired at %s: %s.\n\nSet expires_at to a time in the future, or remove it.",
		words, expires.Format(time.RFC3339), outcome)
	if signing {
		diags.AddAttributeError(at, summary, text)
		return
	}
	diags.AddAttributeWarning(at, summary, text)
}
