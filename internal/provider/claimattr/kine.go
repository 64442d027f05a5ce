package claimattr

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// WarnOfKINE warns about each limit below an attribute that is lower than KINE needs. Whose names the owner of the
// limits, such as `User "k3s"`. K3s names what they apply to, such as "A k3s that connects as this user". More is an
// additional sentence, with a leading space, or empty.
func WarnOfKINE(diags *diag.Diagnostics, at path.Path, limits kine.Limits, whose, k3s, more string) {
	for _, found := range limits.Check() {
		limit, ok := errors.AsType[*kine.LimitError](found)
		if !ok {
			continue
		}
		summary, effect := "KINE Does Not Work Within a Limit", " does not start, or does not work."
		if _, ok := errors.AsType[*kine.CautionError](found); ok {
			summary, effect = "A Limit Is Tight for KINE", " starts, but may fail later."
		}
		diags.AddAttributeWarning(at.AtName(limit.Limit), summary,
			secret.Sprintf("%s: %s\n\n%s%s Raise the limit, or remove it.%s",
				whose, connection.Sentence(limit.Text), k3s, effect, more))
	}
}
