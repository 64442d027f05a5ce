package claimattr

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// WarnOfKINE warns of each limit below an attribute that is less than KINE needs. Whose are the limits, such as `User "k3s"`, k3s is the one that
// they hold for, such as "A k3s that connects as this user", and more is what else there is to say, empty or with a leading space.
func WarnOfKINE(diags *diag.Diagnostics, at path.Path, limits kine.Limits, whose, k3s, more string) {
	for _, found := range limits.Check() {
		limit, ok := errors.AsType[*kine.LimitError](found)
		if !ok {
			continue
		}
		summary, effect := "KINE Does Not Work Within a Limit", " does not start, or does not work."
		if _, ok := errors.AsType[*kine.CautionError](found); ok {
			summary, effect = "A Limit Is Tight for KINE", " starts, and may fail later."
		}
		diags.AddAttributeWarning(at.AtName(limit.Limit), summary, secret.Sprintf("%s: %s\n\n%s%s Raise the limit, or leave it out.%s", whose,
			connection.Sentence(limit.Text), k3s, effect, more))
	}
}
