package claimattr

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

// Model is the model M of a resource, a pointer to S.
type Model[S any] interface {
	*S
	// Check tells what is wrong with a configuration, as far as it is known.
	Check(diags *diag.Diagnostics)
	// Preview sets in a plan what is known of the result. State is nil for a new resource.
	Preview(config, state *S, diags *diag.Diagnostics)
	// Apply signs what the state, nil for a new resource, does not have yet.
	Apply(ctx context.Context, config, state *S, diags *diag.Diagnostics)
	// Identity is the resource's identity.
	Identity() any
}

// Resource is the part that resources share which are signed on this machine: all of one is in its state, and no server is asked
// or told. It is to be embedded.
type Resource[S any, M Model[S]] struct {
	// Name is what follows the provider's name in that of the type, such as "operator".
	Name string
	// Prepare adds to a configuration what does not stand in it, such as the provider's keys; nil adds nothing.
	Prepare func(config *S)
}

// prepare calls Prepare if there is one.
func (r *Resource[S, M]) prepare(config *S) {
	if r.Prepare != nil {
		r.Prepare(config)
	}
}

// Metadata implements [resource.Resource]. The identity is what was signed, which changes in place: nothing is lost with the old one.
func (r *Resource[S, M]) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + r.Name
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true}
}

// ValidateConfig implements [resource.ResourceWithValidateConfig].
func (r *Resource[S, M]) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config := M(new(S))
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, config)...)
	if !resp.Diagnostics.HasError() {
		config.Check(&resp.Diagnostics)
	}
}

// ModifyPlan implements [resource.ResourceWithModifyPlan]: it says what is going to be signed.
func (r *Resource[S, M]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
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
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
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
	diags.Append(next.Set(ctx, plan)...)
	diags.Append(identity.Set(ctx, plan.Identity())...)
}

// Read implements [resource.Resource]: there is nowhere to look but the state.
func (r *Resource[S, M]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := M(new(S))
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.Identity())...)
}

// Delete implements [resource.Resource]: it only forgets.
func (r *Resource[S, M]) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
