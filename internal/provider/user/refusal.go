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

// checkPlanned reports in a plan why servers would refuse a user, based on the planned account: an error if the user
// will be signed, or a warning if it already is. It makes no request, because the account on the servers can differ
// from the account after the apply.
func (s *signing) checkPlanned(m *claimsModel, seed types.String, signing bool, diags *diag.Diagnostics) {
	if s.data == nil {
		return
	}
	s.refuse(s.data.NotedAccount(m.Account.ValueString()), m, seed, signing, diags)
}

// checkAccount adds an error if servers would refuse the user, as far as its account is known.
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
		text := secret.Sprintf("The user %q of the account %q (%s) cannot connect. %s", user.Name, of.Name, of.PublicKey,
			problem.Text)
		if signing {
			diags.AddAttributeError(at, "User Cannot Connect", text+"\n\nNothing was signed. If the same apply "+
				"changes the account, refer to the account's attributes in the user, for example account = "+
				"nats_account.a.public_key.")
			continue
		}
		diags.AddAttributeWarning(at, "User Cannot Connect", text)
	}
}

// warnOfLength warns about a user whose JWT is longer than servers accept by default.
func (m *claimsModel) warnOfLength(diags *diag.Diagnostics) {
	user, _ := m.user()
	if length, most := len(m.JWT.ValueString()), user.LongestToken(); length > most {
		diags.AddAttributeWarning(path.Root("permissions"), "User's JWT Is Too Long",
			secret.Sprintf("The JWT of the user %q is %d bytes long. By default (max_control_line), servers refuse "+
				"a client with a JWT of more than about %d bytes: \"maximum control line exceeded\".\n\nGive the user "+
				"fewer permissions or tags, move common permissions to default_permissions of the account, or sign with "+
				"a scoped signing key, whose template is part of the account. Alternatively, raise max_control_line on "+
				"every server, for example with nats_server_config.", user.Name, length, most))
	}
}
