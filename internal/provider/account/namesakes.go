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

// takesName reports whether the account gets a name on the servers that it has not had there. Before is what it was,
// nil if it was not.
func (m *accountModel) takesName(before *accountModel) bool {
	return m.Push.ValueBool() && m.Name.ValueString() != "" &&
		(before == nil || !before.Push.ValueBool() || !before.Name.Equal(m.Name))
}

// planName warns of other accounts with the name that this one is going to have. It says nothing in a replacement,
// where the other account is the one that goes.
func (r *accountResource) planName(
	ctx context.Context, plan, before *accountModel, replaces bool, diags *diag.Diagnostics,
) {
	if r.data == nil || !r.data.Known() || replaces || !plan.takesName(before) {
		return
	}
	name := plan.Name.ValueString()
	if before == nil && r.data.PlanName(name) {
		warnOfSameName(diags, secret.Sprintf("This configuration creates more than one nats_account with the name %q.\n\n"+
			"%s Give each a name of its own, unless that is what you want.", name, indistinct))
	}
	plan.warnOfNamesakes(r.data.Namesakes(ctx, name, plan.PublicKey.ValueString(), true), diags)
}

// indistinct is why accounts should not have the same name.
const indistinct = "Servers and the NATS CLI then show accounts that only their public keys tell apart."

func warnOfSameName(diags *diag.Diagnostics, detail string) {
	diags.AddAttributeWarning(path.Root("name"), "Another Account Has the Same Name", detail)
}

// warnOfNamesakes warns of accounts that the servers have under the same name.
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
		"%s Usually a state was lost, or another workspace manages the same account. Its users and streams belong to the "+
		"other public key, and this account has none of them.\n\n"+
		"- If you mean the other account, import it: terraform import ADDRESS %s, where ADDRESS is the address of this "+
		"resource. If this account was created already, destroy it first.\n"+
		"- If the other account is not needed any more, import it to an address of its own and destroy it. Do nothing if "+
		"this apply destroys it.\n"+
		"- If both are needed, give one of them another name.",
		m.Name.ValueString(), lines.String(), indistinct, key))
}
