package account

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// takesName reports whether the account gets a name on the servers that it did not have there. Before is nil for a new
// account.
func (m *accountModel) takesName(before *accountModel) bool {
	return m.Push.ValueBool() && m.Name.ValueString() != "" &&
		(before == nil || !before.Push.ValueBool() || !before.Name.Equal(m.Name))
}

// planName warns about other accounts with the planned name. It does not warn in a replacement, where the other account
// is the one to be destroyed.
func (r *accountResource) planName(
	ctx context.Context, plan, before *accountModel, replaces bool, diags *diag.Diagnostics,
) {
	if r.data == nil || !r.data.Known() || replaces || !plan.takesName(before) {
		return
	}
	name := plan.Name.ValueString()
	if before == nil && r.data.PlanName(name) {
		warnOfSameName(diags, secret.Sprintf("This configuration creates more than one nats_account with the name "+
			"%q.\n\n"+
			"%s Give each account a different name, unless this is intended.", name, indistinct))
	}
	plan.warnOfNamesakes(r.data.Namesakes(ctx, name, plan.PublicKey.ValueString(), true), diags)
}

// indistinct explains why accounts should have different names.
const indistinct = "Servers and the NATS CLI then list accounts that differ only in their public keys."

func warnOfSameName(diags *diag.Diagnostics, detail string) {
	diags.AddAttributeWarning(path.Root("name"), "Another Account Has the Same Name", detail)
}

// warnOfNamesakes warns about accounts on the servers that have the same name.
func (m *accountModel) warnOfNamesakes(others []*resolver.Stored, diags *diag.Diagnostics) {
	if len(others) == 0 {
		return
	}
	var lines strings.Builder
	for _, other := range others {
		lines.WriteString(secret.Sprintf("\n- %s, signed at %s by %s", other.Account.PublicKey,
			other.Signature.IssuedAt.UTC().Format(time.RFC3339), other.Signature.Issuer))
	}
	key := others[0].Account.PublicKey
	warnOfSameName(diags, secret.Sprintf("The servers have another account with the name %q:\n%s\n\n"+
		"%s The usual cause is a lost state, or another workspace that manages the same account. The existing users and "+
		"streams belong to the other public key, not to this account.\n\n"+
		"- To keep using the other account, import it: terraform import ADDRESS %s, where ADDRESS is the address of "+
		"this resource. If this account was already created, destroy it first.\n"+
		"- If the other account is no longer needed, import it to a separate address and destroy it. If this apply "+
		"destroys it, do nothing.\n"+
		"- If both accounts are needed, rename one of them.",
		m.Name.ValueString(), lines.String(), indistinct, key))
}
