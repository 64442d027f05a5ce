package operator

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Preview sets in a plan what is known of the result: a JWT stays what it was if it says what is wanted.
func (m *operatorModel) Preview(config, state *operatorModel, diags *diag.Diagnostics) {
	m.SeedWO, m.SigningKeySeedWO = config.SeedWO, config.SigningKeySeedWO // write-only: a plan has none
	defer func() { m.SeedWO, m.SigningKeySeedWO = types.StringNull(), types.StringNull() }()

	m.PublicKey = m.identityKey(state)
	m.Check(diags)
	if diags.HasError() {
		return
	}
	if state != nil && !m.PublicKey.IsUnknown() && m.PublicKey != state.PublicKey {
		diags.AddAttributeWarning(seedPath, "Operator Becomes Another One",
			"The seed is that of another identity: "+m.PublicKey.ValueString()+" in place of "+state.PublicKey.ValueString()+
				". Servers have to be given the new JWT, and accounts that the old identity has signed have to be signed again.")
	}
	c := m.claims()
	m.JWT, m.SystemAccountJWT = types.StringUnknown(), types.StringUnknown()
	if m.SystemAccount.IsNull() {
		m.SystemAccountJWT = types.StringNull()
	}
	defer func() {
		claimattr.CheckExpiry(diags, m.JWT.IsUnknown(), c.operator.Expires, "Operator", "operator", "nats-server 2.15 starts with it all the same, and nsc and other tools refuse it")
	}()
	if state == nil {
		return
	}
	if len(c.unknown) == 0 {
		if state.keepsOperator(&c) {
			m.JWT = state.JWT
		}
		if c.system != nil && state.keepsSystem(&c, m.systemSigner(), m.signsAnew(state)) {
			m.SystemAccountJWT = state.SystemAccountJWT
		}
	}
	if m.JWT.IsUnknown() || m.SystemAccountJWT.IsUnknown() && m.SigningKeySeedWO.IsNull() {
		m.checkIdentity(diags)
	}
}

// identityKey returns the public key of the operator, which only another version of the seed changes: a seed from an ephemeral
// resource may be another one each time.
func (m *operatorModel) identityKey(state *operatorModel) types.String {
	if state != nil && m.SeedWOVersion.Equal(state.SeedWOVersion) {
		return state.PublicKey
	}
	return publicKey(m.SeedWO)
}

// publicKey returns the public key of a seed, null or unknown for one that is.
func publicKey(seed types.String) types.String {
	if seed.IsNull() || seed.IsUnknown() {
		return seed
	}
	public, err := claims.PublicKeyOf(seed.ValueString(), natsconn.OperatorKey)
	if err != nil {
		return types.StringUnknown() // which validation tells
	}
	return types.StringValue(public)
}

// systemSigner returns the public key of what signs the system account.
func (m *operatorModel) systemSigner() types.String {
	if m.SigningKeySeedWO.IsNull() {
		return m.PublicKey
	}
	return publicKey(m.SigningKeySeedWO)
}

// signsAnew tells whether the version of the seed that signs the system account was changed.
func (m *operatorModel) signsAnew(state *operatorModel) bool {
	return !m.SigningKeySeedWOVersion.Equal(state.SigningKeySeedWOVersion)
}

// keepsOperator tells whether the JWT in the state says just this.
func (m *operatorModel) keepsOperator(c *operatorClaims) bool {
	signed, signature, err := claims.DecodeOperator(m.JWT.ValueString())
	return err == nil && signed.Equal(c.operator) && signature.Issuer == c.operator.PublicKey
}

// keepsSystem tells whether the JWT of the system account in the state says just this, and was signed by a key that servers trust
// and, where anew, by that very signer.
func (m *operatorModel) keepsSystem(c *operatorClaims, signer types.String, anew bool) bool {
	signed, signature, err := claims.DecodeAccount(m.SystemAccountJWT.ValueString())
	return err == nil && signed.Equal(c.system) && c.operator.Trusts(signature.Issuer) &&
		(!anew || signer.Equal(types.StringValue(signature.Issuer)))
}

// checkIdentity makes sure that what the identity is going to sign is not signed by another one.
func (m *operatorModel) checkIdentity(diags *diag.Diagnostics) {
	seed := publicKey(m.SeedWO)
	if !m.PublicKey.IsUnknown() && !seed.IsUnknown() && !seed.Equal(m.PublicKey) {
		diags.AddAttributeError(seedPath, "Another Identity",
			"The operator has to be signed again by "+m.PublicKey.ValueString()+", and the seed is that of "+seed.ValueString()+
				". Give the seed that belongs to the operator, or change seed_wo_version to make it another operator.")
	}
}

// Apply signs what the state does not have yet.
func (m *operatorModel) Apply(ctx context.Context, config, state *operatorModel, diags *diag.Diagnostics) {
	m.SeedWO, m.SigningKeySeedWO = config.SeedWO, config.SigningKeySeedWO
	defer func() { m.SeedWO, m.SigningKeySeedWO = types.StringNull(), types.StringNull() }()

	if m.PublicKey.IsUnknown() {
		m.PublicKey = publicKey(m.SeedWO)
	}
	if key := m.systemKeyConfigured(); !m.SystemAccount.IsNull() && key.IsUnknown() {
		public, _, err := claims.NewKey(natsconn.AccountKey) // the seed is thrown away: nobody is to have it
		if err != nil {
			diags.AddAttributeError(systemKeyPath, "Unable to Sign Operator", connection.Explain(err))
			return
		}
		m.setSystemKey(ctx, public, diags)
	}
	m.Check(diags) // also what was not known before
	if diags.HasError() {
		return
	}
	c := m.claims()
	m.signOperator(ctx, &c, state, diags)
	m.signSystem(ctx, &c, state, diags)
}

func (m *operatorModel) signOperator(ctx context.Context, c *operatorClaims, state *operatorModel, diags *diag.Diagnostics) {
	if state != nil && state.keepsOperator(c) {
		m.JWT = state.JWT
		return
	}
	m.checkIdentity(diags)
	if diags.HasError() {
		return
	}
	m.JWT = sign(ctx, m.SeedWO, seedPath, "Operator", issuedAt(state, func(s *operatorModel) types.String { return s.JWT }), c.operator.Sign, diags)
}

func (m *operatorModel) signSystem(ctx context.Context, c *operatorClaims, state *operatorModel, diags *diag.Diagnostics) {
	switch {
	case diags.HasError():
		return
	case c.system == nil:
		m.SystemAccountJWT = types.StringNull()
		return
	case state != nil && state.keepsSystem(c, m.systemSigner(), m.signsAnew(state)):
		m.SystemAccountJWT = state.SystemAccountJWT
		return
	}
	seed, at := m.SigningKeySeedWO, signingSeedPath
	if seed.IsNull() {
		if m.checkIdentity(diags); diags.HasError() {
			return
		}
		seed, at = m.SeedWO, seedPath
	}
	m.SystemAccountJWT = sign(ctx, seed, at, "System Account", issuedAt(state, func(s *operatorModel) types.String { return s.SystemAccountJWT }),
		c.system.Sign, diags)
}

// issuedAt returns when a JWT in the state was issued; zero if there is none.
func issuedAt(state *operatorModel, of func(*operatorModel) types.String) time.Time {
	if state == nil {
		return time.Time{}
	}
	token, err := claims.DecodeToken(of(state).ValueString())
	if err != nil {
		return time.Time{}
	}
	return token.IssuedAt
}

// sign signs with a seed. The diagnostics never show it.
func sign(ctx context.Context, seed types.String, at path.Path, what string, after time.Time,
	do func(context.Context, *claims.Signer, claims.Clock, time.Time) (string, error), diags *diag.Diagnostics) types.String {
	signer, err := claims.NewOperatorSigner(seed.ValueString())
	if err == nil {
		defer signer.Close()
		var token string
		if token, err = do(ctx, signer, claims.SystemClock{}, after); err == nil {
			return types.StringValue(token)
		}
	}
	diags.AddAttributeError(at, "Unable to Sign "+what, connection.Explain(err))
	return types.StringUnknown()
}
