package user

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// checkPlanned tells in a plan what has servers refuse a user, by what the plan makes of its account: an error if the user is to be
// signed, and a warning if it was already. It asks no server, since what servers have now need not be what they have after the apply.
func (s *signing) checkPlanned(m *claimsModel, seed types.String, signing bool, diags *diag.Diagnostics) {
	if s.data == nil {
		return
	}
	s.refuse(s.data.NotedAccount(m.Account.ValueString()), m, seed, signing, diags)
}

// checkAccount refuses to sign a user whom servers refuse, by what is known of its account.
func (s *signing) checkAccount(ctx context.Context, m *claimsModel, seed types.String, diags *diag.Diagnostics) {
	if s.data == nil || diags.HasError() {
		return
	}
	s.refuse(s.data.KnownAccount(ctx, m.Account.ValueString()), m, seed, true, diags)
}

func (s *signing) refuse(of *claims.Account, m *claimsModel, seed types.String, signing bool, diags *diag.Diagnostics) {
	issuer := s.issuer(seed)
	if of == nil || issuer == "" {
		return
	}
	user, unknown := m.user()
	names := map[string]path.Path{"SigningKey": path.Root(s.seedAttr)}
	if seed.IsNull() {
		names["SigningKey"] = path.Root("account")
	}
	for _, problem := range of.Refusals(&user, issuer, time.Now()) {
		at := attributeNames.Path(problem.Path)
		if field, ok := problem.Path[0].(string); ok && names[field].String() != "" {
			at = names[field]
		}
		if !claimattr.Known(at, unknown) || !claimattr.Known(path.Root("scoped"), unknown) {
			continue
		}
		text := secret.Sprintf("The user %q of the account %q (%s) cannot connect. %s", user.Name, of.Name, of.PublicKey, problem.Text)
		if signing {
			diags.AddAttributeError(at, "User Cannot Connect", text+"\n\nNothing was signed. Where the same apply is to change the account, let the user "+
				"refer to it, as in account = nats_account.a.public_key.")
			continue
		}
		diags.AddAttributeWarning(at, "User Cannot Connect", text)
	}
}

// warnOfLength warns of a user whose JWT is longer than servers take.
func (m *claimsModel) warnOfLength(diags *diag.Diagnostics) {
	user, _ := m.user()
	if length, most := len(m.JWT.ValueString()), user.LongestToken(); length > most {
		diags.AddAttributeWarning(path.Root("permissions"), "User's JWT Is Too Long", secret.Sprintf("The JWT of the user %q has %d bytes. Unless the servers are "+
			"configured otherwise (max_control_line), they refuse a client with one of more than about %d bytes: \"maximum control line exceeded\".\n\nGive the "+
			"user fewer permissions or tags, move what all users may do to default_permissions of the account, or sign with a scoped signing key, whose template is "+
			"in the account. Or raise max_control_line of every server, as nats_server_config can.", user.Name, length, most))
	}
}
