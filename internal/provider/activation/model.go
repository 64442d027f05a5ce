package activation

import (
	"cmp"
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

type activationModel struct {
	Account                 types.String    `tfsdk:"account"`
	ImportAccount           types.String    `tfsdk:"import_account"`
	Subject                 types.String    `tfsdk:"subject"`
	Type                    types.String    `tfsdk:"type"`
	Name                    types.String    `tfsdk:"name"`
	Tags                    types.Set       `tfsdk:"tags"`
	Audience                types.String    `tfsdk:"audience"`
	ExpiresAt               customtype.Time `tfsdk:"expires_at"`
	NotBefore               customtype.Time `tfsdk:"not_before"`
	SigningKeySeedWO        types.String    `tfsdk:"signing_key_seed_wo"`
	SigningKeySeedWOVersion types.String    `tfsdk:"signing_key_seed_wo_version"`
	JWT                     types.String    `tfsdk:"jwt"`
	Issuer                  types.String    `tfsdk:"issuer"`
	IssuedAt                types.String    `tfsdk:"issued_at"`

	// provider has the key that signs if the configuration does not have one. It is set only in a model of the
	// configuration.
	provider *connection.Data `tfsdk:"-"`
}

type identityModel struct {
	Account       types.String `tfsdk:"account"`
	ImportAccount types.String `tfsdk:"import_account"`
	Subject       types.String `tfsdk:"subject"`
	Type          types.String `tfsdk:"type"`
}

// Identity returns the identity of the resource.
func (m *activationModel) Identity() any {
	return identityModel{Account: m.Account, ImportAccount: m.ImportAccount, Subject: m.Subject, Type: m.Type}
}

// names maps field names of the claims to attribute names that differ from them.
var names = claimattr.Names{"PublicKey": "import_account", "IssuerAccount": "account", "Expires": "expires_at",
	"Tags#": ""}

// claims reads the model, and returns the paths of unknown values, which the claims omit.
func (m *activationModel) claims() (*claims.Activation, path.Paths) {
	in := attribute.NewObject(map[string]attr.Value{
		"account": m.Account, "import_account": m.ImportAccount, "subject": m.Subject, "type": m.Type, "name": m.Name,
		"tags":     m.Tags,
		"audience": m.Audience, "expires_at": m.ExpiresAt, "not_before": m.NotBefore,
	}, path.Empty())
	activation := &claims.Activation{
		Claims: claims.Claims{
			PublicKey: in.Text("import_account"), Name: in.Text("name"), Tags: in.Texts("tags"), Audience: in.Text("audience"),
			NotBefore: in.Time("not_before"), Expires: in.Time("expires_at"),
		},
		Subject: in.Text("subject"), Type: in.Text("type"), IssuerAccount: in.Text("account"),
	}
	return activation, in.Unknown()
}

// Check adds an error for each problem of the configuration, as far as its values are known.
func (m *activationModel) Check(diags *diag.Diagnostics) {
	activation, unknown := m.claims()
	claimattr.AddProblems(diags, activation.Problems(), names, unknown)
}

// signer returns the signer: the key in the configuration, or else the provider's. The caller closes it.
func (m *activationModel) signer() (*claims.Signer, error) {
	return m.provider.SignerFor(m.SigningKeySeedWO)
}

// issuer returns the public key of the signer, or an empty string if it is unknown.
func (m *activationModel) issuer() string {
	signer, err := m.signer()
	if err != nil {
		return ""
	}
	defer signer.Close()
	return signer.PublicKey()
}

// keeps reports whether the token in the state has the wanted claims, the version of the seed is unchanged, and the
// provider's key, if it signs, is still the issuer.
func (m *activationModel) keeps(plan, config *activationModel, wanted *claims.Activation) bool {
	if config.SigningKeySeedWO.IsNull() {
		if issuer := config.issuer(); issuer != "" && issuer != m.Issuer.ValueString() {
			return false
		}
	}
	// An imported token does not have a version yet.
	asked := !m.SigningKeySeedWOVersion.IsNull() && !m.SigningKeySeedWOVersion.Equal(plan.SigningKeySeedWOVersion)
	signed, _, err := decode(m.JWT.ValueString())
	return err == nil && !asked && signed.Equal(wanted)
}

// decode reads a token. It sets the exporting account if the account's identity signed the token.
func decode(token string) (*claims.Activation, claims.Signature, error) {
	activation, signature, err := claims.DecodeActivation(token)
	if err != nil {
		return nil, signature, err
	}
	activation.IssuerAccount = cmp.Or(activation.IssuerAccount, signature.Issuer)
	return activation, signature, nil
}

// Preview sets the known results in a plan.
func (m *activationModel) Preview(config, state *activationModel, diags *diag.Diagnostics) {
	m.Check(diags)
	if diags.HasError() {
		return
	}
	wanted, unknown := m.claims()
	keeps := state != nil && len(unknown) == 0 && !config.provider.SignerUnknown(config.SigningKeySeedWO) &&
		state.keeps(m, config, wanted)
	claimattr.CheckExpiry(diags, !keeps, wanted.Expires, "Activation", "activation", "servers do not accept the import")
	if keeps {
		m.JWT, m.Issuer, m.IssuedAt = state.JWT, state.Issuer, state.IssuedAt
		return
	}
	m.JWT, m.Issuer, m.IssuedAt = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	if config.SigningKeySeedWO.IsNull() && config.provider != nil {
		if err := config.provider.CheckAccounts(); err != nil {
			diags.AddAttributeError(path.Root("signing_key_seed_wo"), "Unable to Sign Activation",
				connection.NoSignerText("signing_key_seed_wo", err))
			return
		}
	}
	if public := config.issuer(); public != "" {
		m.Issuer = types.StringValue(public)
	}
}

// Apply signs the token unless the state already has it.
func (m *activationModel) Apply(ctx context.Context, config, state *activationModel, diags *diag.Diagnostics) {
	m.Check(diags) // all values are known now
	if diags.HasError() {
		return
	}
	wanted, _ := m.claims()
	var after time.Time
	if state != nil {
		if state.keeps(m, config, wanted) {
			m.JWT, m.Issuer, m.IssuedAt = state.JWT, state.Issuer, state.IssuedAt
			return
		}
		if _, signature, err := decode(state.JWT.ValueString()); err == nil {
			after = signature.IssuedAt
		}
	}
	at := path.Root("signing_key_seed_wo")
	signer, err := config.signer()
	if err != nil {
		diags.AddAttributeError(at, "Unable to Sign Activation", connection.Explain(err))
		return
	}
	defer signer.Close()
	if !m.Issuer.IsUnknown() && m.Issuer.ValueString() != signer.PublicKey() {
		diags.AddAttributeError(at, "Unable to Sign Activation",
			"The seed has changed since the plan was made: it belongs to "+
				signer.PublicKey()+" instead of "+m.Issuer.ValueString()+
				". Use a source that returns the same seed in plan and apply.")
		return
	}
	token, err := wanted.Sign(ctx, signer, claims.SystemClock{}, after)
	if err == nil {
		err = m.setToken(token)
	}
	if err != nil {
		diags.AddAttributeError(at, "Unable to Sign Activation", connection.Explain(err))
	}
}

// setToken sets the token, its issuer and the time at which it was issued.
func (m *activationModel) setToken(token string) error {
	_, signature, err := decode(token)
	if err != nil {
		return err
	}
	m.JWT, m.Issuer = types.StringValue(token), types.StringValue(signature.Issuer)
	m.IssuedAt = types.StringValue(signature.IssuedAt.UTC().Format(time.RFC3339))
	return nil
}
