package nkey

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

type ephemeralModel struct {
	Type      types.String `tfsdk:"type"`
	PublicKey types.String `tfsdk:"public_key"`
	Seed      types.String `tfsdk:"seed"`
}

// ephemeralKey implements a key pair whose seed is never in a state.
type ephemeralKey struct{}

// NewEphemeralResource returns the ephemeral resource nats_nkey.
func NewEphemeralResource() ephemeral.EphemeralResource { return &ephemeralKey{} }

func (*ephemeralKey) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_nkey"
}

func (*ephemeralKey) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = ephemeralSchema()
}

// Open generates a key pair. There is nothing to close.
func (*ephemeralKey) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model ephemeralModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	public, seed, err := claims.NewKey(natsconn.KeyKind(model.Type.ValueString()))
	if err != nil {
		resp.Diagnostics.AddError("Unable to Open NKey", connection.Explain(err))
		return
	}
	model.PublicKey, model.Seed = types.StringValue(public), types.StringValue(seed)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
}
