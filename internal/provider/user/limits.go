package user

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// warnOfLimits warns about limits of a user with KINE's permissions that are lower than KINE needs.
func (m *claimsModel) warnOfLimits(diags *diag.Diagnostics) {
	limits, _ := m.user()
	if !kine.IsUserOfKINE(limits.Permissions.Publish.Allow) {
		return
	}
	claimattr.WarnOfKINE(diags, path.Empty(), kine.Limits{Subscriptions: limits.Subscriptions, Payload: limits.Payload},
		secret.Sprintf("User %q", m.Name.ValueString()), "A k3s that connects as this user", "")
}
