package claimattr

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

// Model is the pointer to the model S of a resource.
type Model[S any] interface {
	*S
	// Check reports what is wrong with a configuration, as far as its values are known.
	Check(diags *diag.Diagnostics)
	// Preview sets the known results in a plan. State is nil for a new resource.
	Preview(config, state *S, diags *diag.Diagnostics)
	// Apply signs if the state does not have what is planned. State is nil for a new resource.
	Apply(ctx context.Context, config, state *S, diags *diag.Diagnostics)
	// Identity returns the resource's identity.
	Identity() any
}

// Resource is embedded by resources that sign locally. Their objects exist only in the state, and no server is
// involved.
type Resource[S any, M Model[S]] struct {
	// Name is the type name without the provider's prefix, such as "operator".
	Name string
	// Prepare adds values to a configuration that it does not contain, such as the provider's keys. Nil adds nothing.
	Prepare func(config *S)
}

// prepare calls Prepare if it is set.
func (r *Resource[S, M]) prepare(config *S) {
	if r.Prepare != nil {
		r.Prepare(config)
	}
}

// Metadata implements [resource.Resource]. The identity identifies the signed JWT, so it changes when the object is
// signed again.
func (r *Resource[S, M]) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + r.Name
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true}
}

// ValidateConfig implements [resource.ResourceWithValidateConfig].
func (r *Resource[S, M]) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	config := M(new(S))
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, config)...)
	if !resp.Diagnostics.HasError() {
		config.Check(&resp.Diagnostics)
	}
}

// ModifyPlan implements [resource.ResourceWithModifyPlan]. It plans what will be signed.
func (r *Resource[S, M]) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	plan, config := M(new(S)), new(S)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, config)...)
	var state *S
	if !req.State.Raw.IsNull() {
		state = new(S)
		resp.Diagnostics.Append(attribute.Get(ctx, req.State, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	r.prepare(config)
	plan.Preview(config, state, &resp.Diagnostics)
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.Plan, plan)...)
}

// Create implements [resource.Resource].
func (r *Resource[S, M]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	r.sign(ctx, req.Plan, req.Config, nil, &resp.State, resp.Identity, &resp.Diagnostics)
}

// Update implements [resource.Resource].
func (r *Resource[S, M]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	r.sign(ctx, req.Plan, req.Config, &req.State, &resp.State, resp.Identity, &resp.Diagnostics)
}

// sign signs what is planned and sets the new state and identity. The prior state is nil for a new resource.
func (r *Resource[S, M]) sign(
	ctx context.Context, planned tfsdk.Plan, configured tfsdk.Config, prior *tfsdk.State,
	next *tfsdk.State, identity *tfsdk.ResourceIdentity, diags *diag.Diagnostics,
) {
	plan, config := M(new(S)), new(S)
	diags.Append(attribute.Get(ctx, planned, plan)...)
	diags.Append(attribute.Get(ctx, configured, config)...)
	var state *S
	if prior != nil {
		state = new(S)
		diags.Append(attribute.Get(ctx, *prior, state)...)
	}
	if diags.HasError() {
		return
	}
	r.prepare(config)
	plan.Apply(ctx, config, state, diags)
	if diags.HasError() {
		return
	}
	diags.Append(attribute.Set(ctx, next, plan)...)
	diags.Append(attribute.Set(ctx, identity, plan.Identity())...)
}

// Read implements [resource.Resource]. It only sets the identity, because the object exists only in the state.
func (r *Resource[S, M]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := M(new(S))
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, state)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.Identity())...)
}

// Delete implements [resource.Resource]. The framework removes the object from the state.
func (r *Resource[S, M]) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
