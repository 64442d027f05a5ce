package operator

import (
	"cmp"
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

type operatorModel struct {
	Name                    types.String    `tfsdk:"name"`
	SeedWO                  types.String    `tfsdk:"seed_wo"`
	SeedWOVersion           types.String    `tfsdk:"seed_wo_version"`
	SigningKeys             types.Set       `tfsdk:"signing_keys"`
	SigningKeySeedWO        types.String    `tfsdk:"signing_key_seed_wo"`
	SigningKeySeedWOVersion types.String    `tfsdk:"signing_key_seed_wo_version"`
	StrictSigningKeyUsage   types.Bool      `tfsdk:"strict_signing_key_usage"`
	AccountServerURL        types.String    `tfsdk:"account_server_url"`
	OperatorServiceURLs     types.List      `tfsdk:"operator_service_urls"`
	AssertServerVersion     types.String    `tfsdk:"assert_server_version"`
	Tags                    types.Set       `tfsdk:"tags"`
	ExpiresAt               customtype.Time `tfsdk:"expires_at"`
	NotBefore               customtype.Time `tfsdk:"not_before"`
	Audience                types.String    `tfsdk:"audience"`
	SystemAccount           types.Object    `tfsdk:"system_account"`
	PublicKey               types.String    `tfsdk:"public_key"`
	JWT                     types.String    `tfsdk:"jwt"`
	SystemAccountJWT        types.String    `tfsdk:"system_account_jwt"`
}

type identityModel struct {
	PublicKey types.String `tfsdk:"public_key"`
}

// Identity returns the identity of the resource.
func (m *operatorModel) Identity() any { return identityModel{PublicKey: m.PublicKey} }

// Attribute names of claims fields whose names differ.
var (
	names = claimattr.Names{
		"Expires": "expires_at", "ServiceURLs": "operator_service_urls", "SystemAccount": "system_account.public_key",
		"SigningKeys#": "", "Tags#": "",
	}
	systemNames = claimattr.Names{
		"Name": "system_account.name", "PublicKey": "system_account.public_key", "SigningKeys": "system_account.signing_keys",
		"SigningKeys#": "",
	}
)

// operatorClaims are the claims that the model describes.
type operatorClaims struct {
	operator *claims.Operator
	// system is nil without a system account.
	system *claims.Account
	// unknown lists the paths of unknown values.
	unknown path.Paths
}

// claims reads the model. The claims omit unknown values.
func (m *operatorModel) claims() operatorClaims {
	in := attribute.NewObject(map[string]attr.Value{
		"name": m.Name, "signing_keys": m.SigningKeys, "strict_signing_key_usage": m.StrictSigningKeyUsage,
		"account_server_url": m.AccountServerURL, "operator_service_urls": m.OperatorServiceURLs,
		"assert_server_version": m.AssertServerVersion, "tags": m.Tags, "expires_at": m.ExpiresAt, "not_before": m.NotBefore,
		"audience": m.Audience, "system_account": m.SystemAccount, "public_key": m.PublicKey,
	}, path.Empty())
	system := in.Object("system_account")
	c := operatorClaims{operator: &claims.Operator{
		Claims: claims.Claims{
			PublicKey: in.Text("public_key"), Name: in.Text("name"), Tags: in.Texts("tags"), Audience: in.Text("audience"),
			NotBefore: in.Time("not_before"), Expires: in.Time("expires_at"),
		},
		SigningKeys: in.Texts("signing_keys"), AccountServerURL: in.Text("account_server_url"),
		ServiceURLs:   in.Texts("operator_service_urls"),
		SystemAccount: system.Text("public_key"), AssertServerVersion: in.Text("assert_server_version"),
		StrictSigningKeyUsage: in.Bool("strict_signing_key_usage"),
	}}
	if !system.IsNull() {
		c.system = claims.SystemAccount(system.Text("public_key"), cmp.Or(system.Text("name"), systemName),
			system.Texts("signing_keys"))
	}
	c.unknown = in.Unknown()
	return c
}

// knows reports whether an attribute is completely known.
func (c *operatorClaims) knows(at path.Path) bool { return claimattr.Known(at, c.unknown) }

var (
	signingKeysPath = path.Root("signing_keys")
	strictPath      = path.Root("strict_signing_key_usage")
	seedPath        = path.Root("seed_wo")
	signingSeedPath = path.Root("signing_key_seed_wo")
	systemPath      = path.Root("system_account")
	systemKeyPath   = systemPath.AtName("public_key")
	systemKeysPath  = systemPath.AtName("signing_keys")
)

// Check adds an error for each problem of the configuration, as far as its values are known.
func (m *operatorModel) Check(diags *diag.Diagnostics) {
	c := m.claims()
	undecided := c.unknown
	if !c.knows(signingKeysPath) {
		undecided = append(undecided, strictPath) // it requires a signing key
	}
	claimattr.AddProblems(diags, c.operator.Problems(), names, undecided)
	if c.system == nil {
		return
	}
	claimattr.AddProblems(diags, c.system.Problems(), systemNames, c.unknown)
	m.checkSystemUsers(&c, diags)
	m.checkSystemSigner(&c, diags)
}

// checkSystemUsers adds an error if no key could sign users of the system account.
func (m *operatorModel) checkSystemUsers(c *operatorClaims, diags *diag.Diagnostics) {
	switch {
	case len(c.system.SigningKeys) > 0 || !c.knows(systemKeysPath):
	case c.operator.StrictSigningKeyUsage:
		diags.AddAttributeError(systemKeysPath, "Missing Signing Key",
			"With strict_signing_key_usage, servers refuse users that the system account's identity has signed. Set "+
				"signing_keys to the public key of at least one signing key (A...), for example of a nats_nkey of "+
				"the type account.")
	case c.system.PublicKey == "" && m.systemKeyConfigured().IsNull():
		diags.AddAttributeError(systemKeysPath, "Missing Signing Key",
			"The provider generates the identity of the system account and discards its seed, so the identity "+
				"cannot sign users. Set signing_keys to the public key of at least one signing key (A...), for "+
				"example of a nats_nkey of the type account, or set public_key to an identity of your own.")
	}
}

// systemKeyConfigured returns system_account.public_key.
func (m *operatorModel) systemKeyConfigured() types.String {
	key, _ := m.SystemAccount.Attributes()["public_key"].(types.String)
	return key
}

// checkSystemSigner adds an error if servers would refuse the system account because of the key that signs it.
func (m *operatorModel) checkSystemSigner(c *operatorClaims, diags *diag.Diagnostics) {
	switch {
	case m.SigningKeySeedWO.IsUnknown():
	case m.SigningKeySeedWO.IsNull():
		if c.operator.StrictSigningKeyUsage {
			diags.AddAttributeError(signingSeedPath, "Missing Signing Key",
				"With strict_signing_key_usage, servers refuse a system account that the operator's identity has "+
					"signed. Set signing_key_seed_wo to the seed of one of signing_keys.")
		}
	default:
		public, err := claims.PublicKeyOf(m.SigningKeySeedWO.ValueString(), natsconn.OperatorKey)
		if err == nil && c.knows(signingKeysPath) && !contains(m.SigningKeys, public) {
			diags.AddAttributeError(signingSeedPath, "Unknown Signing Key",
				"Attribute signing_key_seed_wo must be the seed of one of signing_keys, but it is the seed of "+
					public+". Servers would refuse the system account that it signs. Add that key to "+
					"signing_keys, or set the seed of a listed key.")
		}
	}
}

// contains reports whether a string is in a set.
func contains(set types.Set, text string) bool {
	for _, element := range set.Elements() {
		if element.Equal(types.StringValue(text)) {
			return true
		}
	}
	return false
}

// setSystemKey sets system_account.public_key.
func (m *operatorModel) setSystemKey(ctx context.Context, public string, diags *diag.Diagnostics) {
	attributes := m.SystemAccount.Attributes()
	attributes["public_key"] = types.StringValue(public)
	object, d := basetypes.NewObjectValue(m.SystemAccount.AttributeTypes(ctx), attributes)
	diags.Append(d...)
	m.SystemAccount = object
}
