package user

import (
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// claimsModel is the common part of the resource and the ephemeral resource: the claims, and the results of signing
// them.
type claimsModel struct {
	Account         types.String        `tfsdk:"account"`
	Name            types.String        `tfsdk:"name"`
	PublicKey       types.String        `tfsdk:"public_key"`
	Tags            types.Set           `tfsdk:"tags"`
	Audience        types.String        `tfsdk:"audience"`
	NotBefore       customtype.Time     `tfsdk:"not_before"`
	ExpiresIn       customtype.Duration `tfsdk:"expires_in"`
	Scoped          types.Bool          `tfsdk:"scoped"`
	JWT             types.String        `tfsdk:"jwt"`
	Credentials     types.String        `tfsdk:"credentials"`
	ExpiresAt       customtype.Time     `tfsdk:"expires_at"`
	Issuer          types.String        `tfsdk:"issuer"`
	JWTID           types.String        `tfsdk:"jwt_id"`
	Permissions     types.Object        `tfsdk:"permissions"`
	Subscriptions   types.Int64         `tfsdk:"subscriptions"`
	Data            customtype.ByteSize `tfsdk:"data"`
	Payload         customtype.ByteSize `tfsdk:"payload"`
	SourceNetworks  types.List          `tfsdk:"source_networks"`
	Times           types.List          `tfsdk:"times"`
	TimesLocation   types.String        `tfsdk:"times_location"`
	BearerToken     types.Bool          `tfsdk:"bearer_token"`
	ProxyRequired   types.Bool          `tfsdk:"proxy_required"`
	ConnectionTypes types.List          `tfsdk:"connection_types"`
}

type userModel struct {
	claimsModel

	RotateBefore      customtype.Duration `tfsdk:"rotate_before"`
	SigningKeySeed    types.String        `tfsdk:"signing_key_seed_wo"`
	SigningKeyVersion types.String        `tfsdk:"signing_key_seed_wo_version"`
	RevokeOnDestroy   types.Bool          `tfsdk:"revoke_on_destroy"`
	Timeouts          timeouts.Value      `tfsdk:"timeouts"`
}

type identityModel struct {
	Account   types.String `tfsdk:"account"`
	PublicKey types.String `tfsdk:"public_key"`
}

func (m *userModel) identity() identityModel {
	return identityModel{Account: m.Account, PublicKey: m.PublicKey}
}

// limits returns the attributes with the user's permissions and limits.
func (m *claimsModel) limits() map[string]attr.Value {
	return map[string]attr.Value{
		"permissions": m.Permissions, "subscriptions": m.Subscriptions, "data": m.Data, "payload": m.Payload,
		"source_networks": m.SourceNetworks, "times": m.Times, "times_location": m.TimesLocation,
		"bearer_token":   m.BearerToken,
		"proxy_required": m.ProxyRequired, "connection_types": m.ConnectionTypes,
	}
}

// user returns the claims that the model describes, without the expiry, and the paths of unknown values, which the
// claims omit.
func (m *claimsModel) user() (claims.User, path.Paths) {
	values := m.limits()
	values["account"], values["name"], values["public_key"] = m.Account, m.Name, m.PublicKey
	values["tags"], values["audience"], values["not_before"], values["scoped"] = m.Tags, m.Audience, m.NotBefore, m.Scoped
	o := attribute.NewObject(values, path.Empty())
	user := claims.User{
		Claims: claims.Claims{
			PublicKey: o.Text("public_key"), Name: o.Text("name"), Tags: o.Texts("tags"), Audience: o.Text("audience"),
			NotBefore: o.Time("not_before"),
		},
		UserLimits:    claimattr.Limits(o),
		IssuerAccount: o.Text("account"),
	}
	slices.Sort(user.Tags) // a set has no order
	if o.Bool("scoped") {
		user.UserLimits = claims.ScopedUserLimits()
	}
	return user, o.Unknown()
}

// expiry returns the time at which a JWT that is signed at the given time expires, or zero if it does not expire.
func (m *claimsModel) expiry(signed time.Time) time.Time {
	lifetime := m.expiresIn()
	if lifetime <= 0 {
		return time.Time{}
	}
	return signed.Add(lifetime).Truncate(time.Second)
}

// expiresIn returns the lifetime of a JWT, or 0 if it does not expire.
func (m *claimsModel) expiresIn() time.Duration { return time.Duration(m.ExpiresIn.Number()) }

// rotateBefore returns how long before its expiry a JWT is replaced.
func (m *userModel) rotateBefore() time.Duration { return time.Duration(m.RotateBefore.Number()) }
