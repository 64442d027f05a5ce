package user

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// signTimeout bounds signing. Signing waits until the second after the previous JWT of the same key, and up to five
// seconds if the clock was set back.
const signTimeout = 10 * time.Second

// attributeNames maps field names of the claims to attribute names that differ from them.
var attributeNames = claimattr.Names{
	"IssuerAccount": "account", "Expires": "expires_in", "Responses": "allow_responses", "Tags#": "",
}

// signing checks and signs users, for the resource and for the ephemeral resource.
type signing struct {
	data *connection.Data
	// clock determines when JWTs expire. Issue times always come from the machine's clock: see [claims.Clock].
	clock claims.Clock
	// seedAttr is the attribute with the signing seed. Its value can be null.
	seedAttr string
}

// checkClaims adds an error for each problem of claims that the seed is to sign, as far as both are known.
func (s *signing) checkClaims(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	user, unknown := config.user()
	user.Expires = config.expiry(s.clock.Now())
	// The validators of the attributes report invalid keys.
	if natsconn.CheckPublicKey(user.PublicKey, natsconn.UserKey) != nil {
		user.PublicKey = ""
	}
	if natsconn.CheckPublicKey(user.IssuerAccount, natsconn.AccountKey) != nil {
		user.IssuerAccount = ""
	}
	claimattr.AddProblems(diags, user.Problems(), attributeNames, unknown)
	if config.Scoped.ValueBool() {
		s.checkScoped(config, seed, diags)
	}
}

// checkScoped refuses claims that a scoped signing key cannot sign.
func (s *signing) checkScoped(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	limits := config.limits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if isSet(limits[name]) {
			diags.AddAttributeError(path.Root(name), "Scoped User With Limits",
				fmt.Sprintf("Attribute %s cannot be set together with scoped. The template of the scoped signing "+
					"key sets the user's permissions and limits, and servers refuse a user with its own.\n\nRemove %s, "+
					"or set scoped = false and sign with a plain signing key.", name, name))
		}
	}
	if signer, err := claims.PublicKeyOf(seed.ValueString(), natsconn.AccountKey); err == nil &&
		signer == config.Account.ValueString() {
		diags.AddAttributeError(path.Root("scoped"), "Scoped User Signed by the Account",
			fmt.Sprintf("Attribute scoped is true, but the seed in %s belongs to the account's identity, which has "+
				"no template.\n\nUse the seed of a scoped signing key of the account, or remove scoped.", s.seedAttr))
	}
}

// isSet reports whether the value of a limit is known and restricts the user. False does not restrict it.
func isSet(value attr.Value) bool {
	if value.IsNull() || value.IsUnknown() {
		return false
	}
	flag, ok := value.(basetypes.BoolValue)
	return !ok || flag.ValueBool()
}

// checkKey adds an error if there is no key to sign with.
func (s *signing) checkKey(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	if !seed.IsNull() {
		return
	}
	at := path.Root(s.seedAttr)
	if config.Scoped.ValueBool() {
		diags.AddAttributeError(at, "No Scoped Signing Key",
			fmt.Sprintf("Attribute scoped is true, but %s is not set. The provider's accounts.signing_key, which "+
				"signs the user then, is a plain signing key.\n\nSet %s to the seed of a scoped signing key of the "+
				"account, or remove scoped.", s.seedAttr, s.seedAttr))
		return
	}
	if s.data == nil {
		return
	}
	if err := s.data.CheckAccounts(); err != nil {
		diags.AddAttributeError(at, "No Key to Sign the User With", connection.NoSignerText(s.seedAttr, err))
	}
}

// signer returns the key that signs the user: the one with the seed, or the provider's if the seed is null. The caller
// closes it.
func (s *signing) signer(seed types.String) (*claims.Signer, error) {
	signer, err := s.data.SignerFor(seed)
	if err != nil && !seed.IsNull() {
		err = fmt.Errorf("%s: %w", s.seedAttr, err)
	}
	return signer, err
}

// issuer returns the public key of the signer, or an empty string if it is not known yet.
func (s *signing) issuer(seed types.String) string {
	signer, err := s.signer(seed)
	if err != nil {
		return ""
	}
	defer signer.Close()
	return signer.PublicKey()
}

// signNew signs a new user with a seed. It generates the user's key unless the model has one.
func (s *signing) signNew(ctx context.Context, m *claimsModel, seed types.String) error {
	if m.PublicKey.ValueString() != "" {
		// The user's key may have been revoked within this second, if this user replaces another with the same key.
		// Servers refuse JWTs that were issued in the second of the revocation.
		return s.sign(ctx, m, seed, "", time.Now())
	}
	public, generated, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		return err
	}
	m.PublicKey = types.StringValue(public)
	return s.sign(ctx, m, seed, generated, time.Time{})
}

// sign signs the user with a seed, at a later second than after. Own is the user's own seed, or empty if it is unknown.
func (s *signing) sign(ctx context.Context, m *claimsModel, seed types.String, own string, after time.Time) error {
	signer, err := s.signer(seed)
	if err != nil {
		return err
	}
	defer signer.Close()
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()

	user, _ := m.user()
	from := s.clock.Now()
	if next := after.Add(time.Second); next.After(from) {
		from = next // signing waits until then
	}
	user.Expires = m.expiry(from)
	m.ExpiresAt = customtype.Time{StringValue: types.StringNull()}
	if !user.Expires.IsZero() {
		m.ExpiresAt = customtype.Time{StringValue: types.StringValue(user.Expires.UTC().Format(time.RFC3339))}
	}
	token, err := user.Sign(ctx, signer, claims.SystemClock{}, after)
	if err != nil {
		return err
	}
	m.JWT, m.Issuer, m.Credentials = types.StringValue(token), types.StringValue(signer.PublicKey()), types.StringNull()
	m.JWTID = idOf(m.JWT)
	if own == "" {
		return nil
	}
	credentials, err := claims.FormatCredentials(token, own)
	m.Credentials = types.StringValue(credentials)
	return err
}

// idOf returns the ID of a user's JWT, or null if the JWT cannot be read.
func idOf(token types.String) types.String {
	_, signature, err := claims.DecodeUser(token.ValueString())
	if err != nil {
		return types.StringNull()
	}
	return attribute.Text(signature.ID)
}

// logged returns the log fields that identify the user.
func (m *claimsModel) logged() map[string]any {
	return map[string]any{"user": m.PublicKey.ValueString(), "name": m.Name.ValueString(),
		"account": m.Account.ValueString()}
}

// addError adds an error for a failed action on the user.
func addError(diags *diag.Diagnostics, action string, name types.String, err error) {
	diags.AddError(fmt.Sprintf("Unable to %s User", action),
		secret.Sprintf("User %q: %s", name.ValueString(), connection.Explain(err)))
}
