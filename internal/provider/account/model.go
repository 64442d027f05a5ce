package account

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

type accountModel struct {
	Name                types.String    `tfsdk:"name"`
	PublicKey           types.String    `tfsdk:"public_key"`
	Description         types.String    `tfsdk:"description"`
	InfoURL             types.String    `tfsdk:"info_url"`
	Tags                types.Set       `tfsdk:"tags"`
	Audience            types.String    `tfsdk:"audience"`
	NotBefore           customtype.Time `tfsdk:"not_before"`
	ExpiresAt           customtype.Time `tfsdk:"expires_at"`
	Limits              types.Object    `tfsdk:"limits"`
	JetStream           types.Object    `tfsdk:"jetstream"`
	Exports             types.List      `tfsdk:"exports"`
	Imports             types.List      `tfsdk:"imports"`
	SigningKeys         types.List      `tfsdk:"signing_keys"`
	ProviderSigningKeys types.Set       `tfsdk:"provider_signing_keys"`
	DefaultPermissions  types.Object    `tfsdk:"default_permissions"`
	Mappings            types.Map       `tfsdk:"mappings"`
	Revocations         types.Map       `tfsdk:"revocations"`
	Authorization       types.Object    `tfsdk:"authorization"`
	Trace               types.Object    `tfsdk:"trace"`
	ClusterTraffic      types.String    `tfsdk:"cluster_traffic"`
	Push                types.Bool      `tfsdk:"push"`
	DeletionProtection  types.Bool      `tfsdk:"deletion_protection"`
	ForceDestroy        types.Bool      `tfsdk:"force_destroy"`
	JWT                 types.String    `tfsdk:"jwt"`
	Issuer              types.String    `tfsdk:"issuer"`
	Pending             types.String    `tfsdk:"pending"`
	Timeouts            timeouts.Value  `tfsdk:"timeouts"`
}

type identityModel struct {
	PublicKey types.String `tfsdk:"public_key"`
}

// claimsTypes are the types of the attributes that make up the claims.
var claimsTypes = attributeTypes(claimsAttributes())

// values are the attributes that make up the claims.
func (m *accountModel) values() map[string]attr.Value {
	return map[string]attr.Value{
		"name": m.Name, "public_key": m.PublicKey, "description": m.Description, "info_url": m.InfoURL, "tags": m.Tags,
		"audience": m.Audience, "not_before": m.NotBefore, "expires_at": m.ExpiresAt, "limits": m.Limits,
		"jetstream": m.JetStream,
		"exports":   m.Exports, "imports": m.Imports, "signing_keys": m.SigningKeys,
		"default_permissions": m.DefaultPermissions,
		"mappings":            m.Mappings, "revocations": m.Revocations, "authorization": m.Authorization, "trace": m.Trace,
		"cluster_traffic": m.ClusterTraffic,
	}
}

// account returns the claims that the model describes, and the paths of its unknown values, which the claims omit.
func (m *accountModel) account() (claims.Account, path.Paths) {
	o := attribute.NewObject(m.values(), path.Empty())
	account := readAccount(o)
	m.addProviderKeys(&account)
	unknown := o.Unknown()
	if m.ProviderSigningKeys.IsUnknown() {
		unknown = append(unknown, path.Root(providerKeysAttr))
	}
	return account, unknown
}

// setAccount sets the model to a server's claims. Values that mean the same keep the form that they have in the model.
// Provider lists the signing keys that the provider uses in accounts.
func (m *accountModel) setAccount(ctx context.Context, account claims.Account, provider []string) diag.Diagnostics {
	m.takeProviderKeys(&account, provider)
	account.Exports = attribute.InOrder(account.Exports, keysOf(m.Exports, "type", "subject"),
		func(e claims.Export) string { return e.Type + " " + e.Subject })
	account.Imports = attribute.InOrder(account.Imports, keysOf(m.Imports, "type", "account", "subject", "local_subject"),
		func(i claims.Import) string { return i.Type + " " + i.Account + " " + i.Subject + " " + i.LocalSubject })
	account.SigningKeys = attribute.InOrder(account.SigningKeys, keysOf(m.SigningKeys, "public_key"),
		func(k claims.SigningKey) string { return k.PublicKey })
	fresh := attribute.Value(ctx, types.ObjectType{AttrTypes: claimsTypes}, accountFields(account))
	prior, diags := types.ObjectValue(claimsTypes, m.values())
	if diags.HasError() {
		return diags
	}
	kept, ok := attribute.Keep(ctx, prior, fresh).(types.Object)
	if !ok {
		diags.AddError("Unexpected Value", "The claims are not an object. This is a bug in the provider: please report it.")
		return diags
	}
	m.setValues(kept.Attributes())
	return diags
}

// setValues sets the attributes that values returns.
func (m *accountModel) setValues(values map[string]attr.Value) {
	assign(&m.Name, values["name"])
	assign(&m.PublicKey, values["public_key"])
	assign(&m.Description, values["description"])
	assign(&m.InfoURL, values["info_url"])
	assign(&m.Tags, values["tags"])
	assign(&m.Audience, values["audience"])
	assign(&m.NotBefore, values["not_before"])
	assign(&m.ExpiresAt, values["expires_at"])
	assign(&m.Limits, values["limits"])
	assign(&m.JetStream, values["jetstream"])
	assign(&m.Exports, values["exports"])
	assign(&m.Imports, values["imports"])
	assign(&m.SigningKeys, values["signing_keys"])
	assign(&m.DefaultPermissions, values["default_permissions"])
	assign(&m.Mappings, values["mappings"])
	assign(&m.Revocations, values["revocations"])
	assign(&m.Authorization, values["authorization"])
	assign(&m.Trace, values["trace"])
	assign(&m.ClusterTraffic, values["cluster_traffic"])
}

func assign[T attr.Value](to *T, value attr.Value) {
	if v, ok := value.(T); ok {
		*to = v
	}
}

// keysOf returns a key for each object of a list, built from its attributes with these names.
func keysOf(list types.List, names ...string) []string {
	keys := make([]string, len(list.Elements()))
	for i, element := range list.Elements() {
		object, ok := element.(types.Object)
		if !ok {
			continue
		}
		for j, name := range names {
			if j > 0 {
				keys[i] += " "
			}
			if text, ok := object.Attributes()[name].(types.String); ok {
				keys[i] += text.ValueString()
			}
		}
	}
	return keys
}
