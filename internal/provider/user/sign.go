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

// signTimeout bounds signing, which waits for the second after the last JWT of the same key, and for five if a clock was set back.
const signTimeout = 10 * time.Second

// attributeNames are the attributes whose names do not follow from those of the claims.
var attributeNames = claimattr.Names{
	"IssuerAccount": "account", "Expires": "expires_in", "Responses": "allow_responses", "Tags#": "",
}

// signing checks and signs users, for the resource and for the ephemeral resource.
type signing struct {
	data *connection.Data
	// clock tells when JWTs expire. When they were issued the machine's clock tells alone: see [account.Clock].
	clock claims.Clock
	// seedAttr is the attribute with the seed that signs, which can be null.
	seedAttr string
}

// checkClaims tells what is wrong with claims that the seed is to sign, as far as both are known.
func (s *signing) checkClaims(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	user, unknown := config.user()
	user.Expires = config.expiry(s.clock.Now())
	// What is no key at all, the validators of the attributes tell.
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

// checkScoped refuses what a scoped signing key cannot sign.
func (s *signing) checkScoped(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	limits := config.limits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if isSet(limits[name]) {
			diags.AddAttributeError(path.Root(name), "Scoped User With Limits", fmt.Sprintf("Attribute %s cannot be set together with scoped: what the user "+
				"may do stands in the template of the scoped signing key, and servers refuse a user who says more.\n\nLeave %s out, or set scoped = "+
				"false and sign with a plain signing key.", name, name))
		}
	}
	if signer, err := claims.PublicKeyOf(seed.ValueString(), natsconn.AccountKey); err == nil && signer == config.Account.ValueString() {
		diags.AddAttributeError(path.Root("scoped"), "Scoped User Signed by the Account", fmt.Sprintf("Attribute scoped is true, and the seed in %s "+
			"is that of the account's identity, which has no template.\n\nUse the seed of a scoped signing key of the account, or leave scoped out.", s.seedAttr))
	}
}

// isSet tells whether the value of a limit is known and limits anything: false does not.
func isSet(value attr.Value) bool {
	if value.IsNull() || value.IsUnknown() {
		return false
	}
	flag, ok := value.(basetypes.BoolValue)
	return !ok || flag.ValueBool()
}

// checkKey refuses what there is no key to sign with.
func (s *signing) checkKey(config *claimsModel, seed types.String, diags *diag.Diagnostics) {
	if !seed.IsNull() {
		return
	}
	at := path.Root(s.seedAttr)
	if config.Scoped.ValueBool() {
		diags.AddAttributeError(at, "No Scoped Signing Key", fmt.Sprintf("Attribute scoped is true, and without %s the provider's accounts.signing_key "+
			"signs the user, which is a plain signing key.\n\nGive the seed of a scoped signing key of the account, or leave scoped out.", s.seedAttr))
		return
	}
	if s.data == nil {
		return
	}
	if err := s.data.CheckAccounts(); err != nil {
		diags.AddAttributeError(at, "No Key to Sign the User With", connection.NoSignerText(s.seedAttr, err))
	}
}

// signer returns what signs the user: the key with the seed, or else the provider's. The caller closes it.
func (s *signing) signer(seed types.String) (*claims.Signer, error) {
	signer, err := s.data.SignerFor(seed)
	if err != nil && !seed.IsNull() {
		err = fmt.Errorf("%s: %w", s.seedAttr, err)
	}
	return signer, err
}

// issuer is the public half of what signs the user, empty if that is not known yet.
func (s *signing) issuer(seed types.String) string {
	signer, err := s.signer(seed)
	if err != nil {
		return ""
	}
	defer signer.Close()
	return signer.PublicKey()
}

// signNew signs a new user with a seed: one whose key was brought, or is generated here.
func (s *signing) signNew(ctx context.Context, m *claimsModel, seed types.String) error {
	if m.PublicKey.ValueString() != "" {
		// The key may have been revoked a moment ago, as that of a user that this one takes the place of. What is issued in the same
		// second as a revocation is refused too.
		return s.sign(ctx, m, seed, "", time.Now())
	}
	public, generated, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		return err
	}
	m.PublicKey = types.StringValue(public)
	return s.sign(ctx, m, seed, generated, time.Time{})
}

// sign signs the user with a seed, in a later second than after. Its own seed is empty if it is not here.
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
		from = next // which signing waits for
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

// idOf returns the ID of a user's JWT, null if the JWT cannot be read.
func idOf(token types.String) types.String {
	_, signature, err := claims.DecodeUser(token.ValueString())
	if err != nil {
		return types.StringNull()
	}
	return attribute.Text(signature.ID)
}

// logged is what a log says of the user.
func (m *claimsModel) logged() map[string]any {
	return map[string]any{"user": m.PublicKey.ValueString(), "name": m.Name.ValueString(), "account": m.Account.ValueString()}
}

// addError tells a failure of an action on the user of that name.
func addError(diags *diag.Diagnostics, action string, name types.String, err error) {
	diags.AddError(fmt.Sprintf("Unable to %s User", action), secret.Sprintf("User %q: %s", name.ValueString(), connection.Explain(err)))
}
