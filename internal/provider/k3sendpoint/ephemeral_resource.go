package k3sendpoint

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/ephemeral/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

var (
	_ ephemeral.EphemeralResourceWithConfigure      = (*ephemeralEndpoint)(nil)
	_ ephemeral.EphemeralResourceWithValidateConfig = (*ephemeralEndpoint)(nil)
)

type ephemeralModel struct {
	endpointModel
	K3sToken types.String   `tfsdk:"k3s_token"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// ephemeralEndpoint is the endpoint without a URL in the state.
type ephemeralEndpoint struct {
	data *connection.Data
}

// NewEphemeralResource returns the ephemeral resource nats_k3s_datastore_endpoint.
func NewEphemeralResource() ephemeral.EphemeralResource { return &ephemeralEndpoint{} }

func (r *ephemeralEndpoint) Metadata(
	_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = req.ProviderTypeName + "_k3s_datastore_endpoint"
}

func (r *ephemeralEndpoint) Configure(
	_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse,
) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *ephemeralEndpoint) ValidateConfig(
	ctx context.Context, req ephemeral.ValidateConfigRequest, resp *ephemeral.ValidateConfigResponse,
) {
	var config ephemeralModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	config.Verify = verifyOrNone(config.Verify)
	config.check(&resp.Diagnostics)
	config.checkVerification(config.K3sToken, path.Root("k3s_token"), &resp.Diagnostics)
}

// verifyOrNone returns verify or its default. A plan opens the resource too, before an apply creates the bucket.
func verifyOrNone(verify types.String) types.String {
	if verify.IsNull() {
		return types.StringValue(verifyNone)
	}
	return verify
}

// Open builds the endpoint and verifies it.
func (r *ephemeralEndpoint) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model ephemeralModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	configured := model.Verify
	model.Verify = verifyOrNone(model.Verify)
	timeout, diags := model.Timeouts.Open(ctx, model.defaultTimeout())
	resp.Diagnostics.Append(diags...)
	// Values that were unknown at validation are known now.
	model.check(&resp.Diagnostics)
	model.derive(&resp.Diagnostics)
	model.warnOfK3s(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.mode() != verifyNone {
		v := verifier{data: r.data, timeout: timeout, endpoint: model.endpointModel,
			token: model.K3sToken.ValueString(), tokenPath: path.Root("k3s_token")}
		v.run(ctx, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	model.Verify = configured
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
}
