package user

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

var (
	_ ephemeral.EphemeralResourceWithClose          = (*ephemeralCredentials)(nil)
	_ ephemeral.EphemeralResourceWithConfigure      = (*ephemeralCredentials)(nil)
	_ ephemeral.EphemeralResourceWithValidateConfig = (*ephemeralCredentials)(nil)
)

// ephemeralSeedAttr is the attribute with the signing seed.
const ephemeralSeedAttr = "signing_key_seed"

type ephemeralModel struct {
	claimsModel

	SigningKeySeed types.String `tfsdk:"signing_key_seed"`
}

// ephemeralCredentials implements credentials that are needed only during an apply.
type ephemeralCredentials struct{ signing }

// NewEphemeralResource returns the ephemeral resource nats_user_credentials.
func NewEphemeralResource() ephemeral.EphemeralResource {
	return &ephemeralCredentials{signing{clock: claims.SystemClock{}, seedAttr: ephemeralSeedAttr}}
}

func (r *ephemeralCredentials) Metadata(
	_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = req.ProviderTypeName + "_user_credentials"
}

func (r *ephemeralCredentials) Configure(
	_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse,
) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig refuses the same configurations as [userResource.ValidateConfig].
func (r *ephemeralCredentials) ValidateConfig(
	ctx context.Context, req ephemeral.ValidateConfigRequest, resp *ephemeral.ValidateConfigResponse,
) {
	var config ephemeralModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if !resp.Diagnostics.HasError() {
		r.check(config, &resp.Diagnostics)
	}
}

func (r *ephemeralCredentials) check(config ephemeralModel, diags *diag.Diagnostics) {
	config.setLifetime()
	r.checkClaims(&config.claimsModel, config.SigningKeySeed, diags)
	r.checkKey(&config.claimsModel, config.SigningKeySeed, diags)
}

// setLifetime sets the default of expires_in.
func (m *ephemeralModel) setLifetime() {
	if m.ExpiresIn.IsNull() {
		m.ExpiresIn = customtype.Duration{StringValue: types.StringValue(defaultLifetime)}
	}
}

// Open signs the user. It asks a server about the account if possible, and changes nothing on the servers.
func (r *ephemeralCredentials) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model ephemeralModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &model)...)
	if !resp.Diagnostics.HasError() {
		// Values that were unknown during validation are known now.
		r.check(model, &resp.Diagnostics)
		r.checkAccount(ctx, &model.claimsModel, model.SigningKeySeed, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	configured := model.ExpiresIn
	model.setLifetime()
	if err := r.signNew(ctx, &model.claimsModel, model.SigningKeySeed); err != nil {
		addOpenError(&resp.Diagnostics, model.Name, err)
		return
	}
	model.warnOfLength(&resp.Diagnostics)
	tflog.Info(ctx, "signed user of an ephemeral resource", model.logged())
	private, err := json.Marshal(model.opened())
	if err != nil {
		addOpenError(&resp.Diagnostics, model.Name, err)
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, openedKey, private)...)
	model.ExpiresIn = configured
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
}

// addOpenError adds an error for credentials that cannot be opened. A plan opens them as soon as their arguments are
// known, even if the provider's configuration is not.
func addOpenError(diags *diag.Diagnostics, name types.String, err error) {
	if _, ok := errors.AsType[*connection.UnknownError](err); ok {
		diags.AddAttributeError(path.Root(ephemeralSeedAttr), "Key to Sign the User With Is Not Known Yet",
			connection.Explain(err)+"\n\n"+
				"Alternatively, set "+ephemeralSeedAttr+" to the same seed here. The apply then opens the credentials once "+
				"the seed is known.")
		return
	}
	addError(diags, "Sign", name, err)
}

// openedKey is the private data key of [opened].
const openedKey = "opened"

// opened is the private data of open credentials. It contains no secret.
type opened struct {
	Name      string    `json:"name"`
	ExpiresIn string    `json:"expires_in"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (m *ephemeralModel) opened() opened {
	return opened{m.Name.ValueString(), m.ExpiresIn.ValueString(), time.Unix(m.ExpiresAt.Number(), 0).UTC()}
}

// Close warns if the credentials expired while they were in use. It makes no request. A Renew method would not help: a
// signed JWT cannot be extended, Terraform before 1.17 drops its diagnostics, and in other CLIs its error would fail an
// apply that needed the credentials only at the beginning. CLIs do not close credentials after an error of a resource
// that uses them.
func (r *ephemeralCredentials) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	private, diags := req.Private.GetKey(ctx, openedKey)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	var of opened
	if err := json.Unmarshal(private, &of); err != nil {
		resp.Diagnostics.AddError("Unable to Close User Credentials", connection.Explain(err))
		return
	}
	if r.clock.Now().Before(of.ExpiresAt) {
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("expires_in"), "Credentials Have Expired",
		secret.Sprintf("The credentials of the user %q expired at %s, %s after they were signed, before the "+
			"operations that depend on them were complete. From then on, servers refused them and closed their "+
			"connections.\n\nIncrease expires_in.", of.Name, of.ExpiresAt.Format(time.RFC3339), of.ExpiresIn))
}
