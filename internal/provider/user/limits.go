package user

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// warnOfLimits warns of the limits of a user with KINE's permissions that are less than KINE needs.
func (m *claimsModel) warnOfLimits(diags *diag.Diagnostics) {
	limits, _ := m.user()
	if !kine.IsUserOfKINE(limits.Permissions.Publish.Allow) {
		return
	}
	for _, found := range (kine.Limits{Subscriptions: limits.Subscriptions, Payload: limits.Payload}).Check() {
		limit, ok := errors.AsType[*kine.LimitError](found)
		if !ok {
			continue
		}
		summary, effect := "KINE Does Not Work Within a Limit", "A k3s that connects as this user does not start, or does not work."
		if _, ok := errors.AsType[*kine.CautionError](found); ok {
			summary, effect = "A Limit Is Tight for KINE", "A k3s that connects as this user starts, and may fail later."
		}
		diags.AddAttributeWarning(path.Root(limit.Limit), summary, secret.Sprintf("User %q: %s\n\n%s Raise the limit, or leave it out.", m.Name.ValueString(),
			connection.Sentence(limit.Text), effect))
	}
}
