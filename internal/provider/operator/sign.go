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

// Preview sets the known results in a plan. It keeps a JWT in the state that has the planned claims.
func (m *operatorModel) Preview(config, state *operatorModel, diags *diag.Diagnostics) {
	m.SeedWO, m.SigningKeySeedWO = config.SeedWO, config.SigningKeySeedWO // a plan has no write-only values
	defer func() { m.SeedWO, m.SigningKeySeedWO = types.StringNull(), types.StringNull() }()

	m.PublicKey = m.identityKey(state)
	m.Check(diags)
	if diags.HasError() {
		return
	}
	if state != nil && !m.PublicKey.IsUnknown() && m.PublicKey != state.PublicKey {
		diags.AddAttributeWarning(seedPath, "Operator Identity Changes",
			"The seed belongs to another identity: "+m.PublicKey.ValueString()+" instead of "+state.PublicKey.ValueString()+
				". Configure the servers with the new JWT, and sign all accounts of the old identity again.")
	}
	c := m.claims()
	m.JWT, m.SystemAccountJWT = types.StringUnknown(), types.StringUnknown()
	if m.SystemAccount.IsNull() {
		m.SystemAccountJWT = types.StringNull()
	}
	defer func() {
		claimattr.CheckExpiry(diags, m.JWT.IsUnknown(), c.operator.Expires, "Operator", "operator",
			"nats-server 2.15 still starts with it, but nsc and other tools refuse it")
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

// identityKey returns the public key of the operator. It changes only with the version of the seed, because an
// ephemeral seed can differ in each run.
func (m *operatorModel) identityKey(state *operatorModel) types.String {
	if state != nil && m.SeedWOVersion.Equal(state.SeedWOVersion) {
		return state.PublicKey
	}
	return publicKey(m.SeedWO)
}

// publicKey returns the public key of a seed. It is null or unknown if the seed is.
func publicKey(seed types.String) types.String {
	if seed.IsNull() || seed.IsUnknown() {
		return seed
	}
	public, err := claims.PublicKeyOf(seed.ValueString(), natsconn.OperatorKey)
	if err != nil {
		return types.StringUnknown() // validation reports the error
	}
	return types.StringValue(public)
}

// systemSigner returns the public key of the key that signs the system account.
func (m *operatorModel) systemSigner() types.String {
	if m.SigningKeySeedWO.IsNull() {
		return m.PublicKey
	}
	return publicKey(m.SigningKeySeedWO)
}

// signsAnew reports whether the version of the system account's signing seed has changed.
func (m *operatorModel) signsAnew(state *operatorModel) bool {
	return !m.SigningKeySeedWOVersion.Equal(state.SigningKeySeedWOVersion)
}

// keepsOperator reports whether the JWT in the state has exactly these claims.
func (m *operatorModel) keepsOperator(c *operatorClaims) bool {
	signed, signature, err := claims.DecodeOperator(m.JWT.ValueString())
	return err == nil && signed.Equal(c.operator) && signature.Issuer == c.operator.PublicKey
}

// keepsSystem reports whether the system account's JWT in the state has exactly these claims and is signed by a key
// that servers trust. If anew is true, that key must be the given signer.
func (m *operatorModel) keepsSystem(c *operatorClaims, signer types.String, anew bool) bool {
	signed, signature, err := claims.DecodeAccount(m.SystemAccountJWT.ValueString())
	return err == nil && signed.Equal(c.system) && c.operator.Trusts(signature.Issuer) &&
		(!anew || signer.Equal(types.StringValue(signature.Issuer)))
}

// checkIdentity adds an error if the seed does not belong to the operator's identity.
func (m *operatorModel) checkIdentity(diags *diag.Diagnostics) {
	seed := publicKey(m.SeedWO)
	if !m.PublicKey.IsUnknown() && !seed.IsUnknown() && !seed.Equal(m.PublicKey) {
		diags.AddAttributeError(seedPath, "Wrong Identity Seed",
			"The operator "+m.PublicKey.ValueString()+" must be signed again, but the seed belongs to "+seed.ValueString()+
				". Set the seed of the operator, or change seed_wo_version to replace its identity.")
	}
}

// Apply signs the operator and the system account unless the state already has their JWTs.
func (m *operatorModel) Apply(ctx context.Context, config, state *operatorModel, diags *diag.Diagnostics) {
	m.SeedWO, m.SigningKeySeedWO = config.SeedWO, config.SigningKeySeedWO
	defer func() { m.SeedWO, m.SigningKeySeedWO = types.StringNull(), types.StringNull() }()

	if m.PublicKey.IsUnknown() {
		m.PublicKey = publicKey(m.SeedWO)
	}
	if key := m.systemKeyConfigured(); !m.SystemAccount.IsNull() && key.IsUnknown() {
		public, _, err := claims.NewKey(natsconn.AccountKey) // the seed is discarded
		if err != nil {
			diags.AddAttributeError(systemKeyPath, "Unable to Sign Operator", connection.Explain(err))
			return
		}
		m.setSystemKey(ctx, public, diags)
	}
	m.Check(diags) // all values are known now
	if diags.HasError() {
		return
	}
	c := m.claims()
	m.signOperator(ctx, &c, state, diags)
	m.signSystem(ctx, &c, state, diags)
}

func (m *operatorModel) signOperator(
	ctx context.Context, c *operatorClaims, state *operatorModel, diags *diag.Diagnostics,
) {
	if state != nil && state.keepsOperator(c) {
		m.JWT = state.JWT
		return
	}
	m.checkIdentity(diags)
	if diags.HasError() {
		return
	}
	m.JWT = sign(ctx, m.SeedWO, seedPath, "Operator",
		issuedAt(state, func(s *operatorModel) types.String { return s.JWT }), c.operator.Sign, diags)
}

func (m *operatorModel) signSystem(
	ctx context.Context, c *operatorClaims, state *operatorModel, diags *diag.Diagnostics,
) {
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
	m.SystemAccountJWT = sign(ctx, seed, at, "System Account",
		issuedAt(state, func(s *operatorModel) types.String { return s.SystemAccountJWT }),
		c.system.Sign, diags)
}

// issuedAt returns the time at which a JWT in the state was issued, or zero if there is none.
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

// sign signs with a seed. The diagnostics never contain the seed.
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
