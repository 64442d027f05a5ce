// Package k3sendpoint implements the resource and the ephemeral resource nats_k3s_datastore_endpoint: the datastore
// endpoint that k3s is started with.
package k3sendpoint

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// Default timeouts of the verification. The verification of the contract sends a dozen requests and may repeat one.
// KINE reads the whole bucket when it starts and, for a watch, each revision since the last compaction with a separate
// request: some thousands on a live cluster.
const (
	contractTimeout = time.Minute
	etcdTimeout     = 5 * time.Minute
)

var (
	_ resource.ResourceWithConfigure      = (*endpointResource)(nil)
	_ resource.ResourceWithIdentity       = (*endpointResource)(nil)
	_ resource.ResourceWithImportState    = (*endpointResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*endpointResource)(nil)
	_ resource.ResourceWithValidateConfig = (*endpointResource)(nil)
)

type resourceModel struct {
	endpointModel
	K3sTokenWO        types.String   `tfsdk:"k3s_token_wo"`
	K3sTokenWOVersion types.String   `tfsdk:"k3s_token_wo_version"`
	Verified          types.String   `tfsdk:"verified"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

type identityModel struct {
	URLRedacted types.String `tfsdk:"url_redacted"`
}

type endpointResource struct {
	data *connection.Data
}

// NewResource returns the resource nats_k3s_datastore_endpoint.
func NewResource() resource.Resource { return &endpointResource{} }

func (r *endpointResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_k3s_datastore_endpoint"
	// The identity is the endpoint, which can change in place.
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true}
}

func (r *endpointResource) Configure(
	_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse,
) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *endpointResource) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var config resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validators.PositiveTimeouts(config.Timeouts, &resp.Diagnostics)
	config.check(&resp.Diagnostics)
	config.checkVerification(config.K3sTokenWO, path.Root("k3s_token_wo"), &resp.Diagnostics)
}

// ModifyPlan builds the endpoint as far as its parts are known, so that a plan shows it, and plans the verification.
func (r *endpointResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// Values that were unknown at validation may be known now.
	plan.check(&resp.Diagnostics)
	plan.derive(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var state *resourceModel
	if !req.State.Raw.IsNull() {
		state = new(resourceModel)
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, state)...)
	}
	plan.Verified = plan.verifies(state)
	if state == nil || !plan.K3sVersion.Equal(state.K3sVersion) {
		plan.warnOfK3s(&resp.Diagnostics)
	}
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.Plan, &plan)...)
}

// verifies returns the planned value of verified: the value of verify, or the prior value if no verification is needed.
func (m *resourceModel) verifies(state *resourceModel) types.String {
	switch {
	case m.Verify.IsUnknown():
		return types.StringUnknown()
	case m.Verify.ValueString() == verifyNone:
		return types.StringNull()
	case state != nil && !m.needsVerification(state):
		return state.Verified
	}
	return m.Verify
}

// needsVerification reports whether a value that the verification depends on has changed.
func (m *resourceModel) needsVerification(state *resourceModel) bool {
	return !m.Verify.Equal(state.Verify) || !m.URL.Equal(state.URL) || !m.Datastore.Equal(state.Datastore) ||
		!m.TLS.Equal(state.TLS) || !m.Verification.Equal(state.Verification) || !m.K3sVersion.Equal(state.K3sVersion) ||
		!m.K3sTokenWOVersion.Equal(state.K3sTokenWOVersion)
}

func (r *endpointResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	timeout, diags := plan.Timeouts.Create(ctx, plan.defaultTimeout())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.apply(ctx, &plan, &config, nil, timeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.State, &plan)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, plan.identity())...)
}

func (r *endpointResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, config, state resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &config)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, plan.defaultTimeout())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.apply(ctx, &plan, &config, &state, timeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.State, &plan)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, plan.identity())...)
}

// apply builds the endpoint and verifies it if needed. state is nil for a creation.
func (r *endpointResource) apply(
	ctx context.Context, plan, config, state *resourceModel, timeout time.Duration, diags *diag.Diagnostics,
) {
	plan.check(diags)
	plan.derive(diags)
	if diags.HasError() {
		return
	}
	plan.Verified = plan.verifies(state)
	if plan.Verify.ValueString() == verifyNone || state != nil && !plan.needsVerification(state) {
		return
	}
	v := verifier{data: r.data, timeout: timeout, endpoint: plan.endpointModel,
		token: config.K3sTokenWO.ValueString(), tokenPath: path.Root("k3s_token_wo")}
	v.endpoint.Verification = config.Verification // the plan has no write-only values
	v.run(ctx, diags)
}

// Read leaves the endpoint unchanged: it depends only on its parts.
func (r *endpointResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.identity())...)
}

// Delete removes the endpoint from the state.
func (r *endpointResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}

// ImportState imports a datastore endpoint from its URL. The next apply verifies it.
func (r *endpointResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	text := req.ID
	if text == "" {
		var identity identityModel
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		text = identity.URLRedacted.ValueString()
	}
	endpoint, err := kine.ParseEndpoint(text)
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID",
			"The ID must be a datastore endpoint of k3s, with or without its credentials: "+err.Error()+".")
		return
	}
	imported, diags := newModel(ctx, endpoint)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	for name, value := range map[string]attr.Value{
		"servers": imported.Servers, "datastore": imported.Datastore, "credentials_file": imported.CredentialsFile,
		"context_file": imported.ContextFile, "user": imported.User, "password": imported.Password, "token": imported.Token,
		"slow_method": imported.SlowMethod, "url": imported.URL, "url_redacted": imported.URLRedacted,
		"k3s_config": imported.K3sConfig, "environment": imported.Environment,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, identityModel{URLRedacted: imported.URLRedacted})...)
}

func (m *resourceModel) identity() identityModel { return identityModel{URLRedacted: m.URLRedacted} }
