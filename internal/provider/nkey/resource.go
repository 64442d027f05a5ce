// Package nkey implements the resource and the ephemeral resource nats_nkey.
package nkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

var (
	_ resource.ResourceWithIdentity    = (*nkeyResource)(nil)
	_ resource.ResourceWithImportState = (*nkeyResource)(nil)
)

type resourceModel struct {
	Type      types.String `tfsdk:"type"`
	Keepers   types.Map    `tfsdk:"keepers"`
	PublicKey types.String `tfsdk:"public_key"`
	Seed      types.String `tfsdk:"seed"`
}

type identityModel struct {
	PublicKey types.String `tfsdk:"public_key"`
}

func (m *resourceModel) identity() identityModel { return identityModel{PublicKey: m.PublicKey} }

type nkeyResource struct{}

// NewResource returns the resource nats_nkey.
func NewResource() resource.Resource { return &nkeyResource{} }

func (r *nkeyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_nkey"
}

// Create generates the key pair. It makes no request.
func (r *nkeyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	public, seed, err := claims.NewKey(natsconn.KeyKind(plan.Type.ValueString()))
	if err != nil {
		resp.Diagnostics.AddError("Unable to Create NKey", connection.Explain(err))
		return
	}
	plan.PublicKey, plan.Seed = types.StringValue(public), types.StringValue(seed)
	tflog.Debug(ctx, "created nkey", map[string]any{"public_key": public})
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.State, &plan)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, plan.identity())...)
}

// Read sets only the identity, because the key pair exists only in the state.
func (r *nkeyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.identity())...)
}

// Update stores keepers that do not replace the key pair.
func (r *nkeyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan resourceModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Set(ctx, &resp.State, &plan)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, plan.identity())...)
}

// Delete does nothing. The framework removes the key pair from the state.
func (r *nkeyResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// ImportState reads the seed from a file. A seed as import ID would end up in the history of a shell or in a
// configuration.
func (r *nkeyResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	if req.ID == "" {
		resp.Diagnostics.AddError("NKey Cannot Be Imported by Its Identity",
			"The seed cannot be found from a public key. Import by ID: the ID is the path of a file that contains "+
				"the seed. nsc keeps such a file for each key.")
		return
	}
	imported, err := readSeed(req.ID)
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import ID",
			"The import ID must be the path of a file that contains a seed: "+err.Error()+".")
		return
	}
	for name, value := range map[string]types.String{"type": imported.Type, "public_key": imported.PublicKey,
		"seed": imported.Seed} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, imported.identity())...)
}

// readSeed reads a key pair from a file that contains only its seed. The error never contains the seed, even if the
// seed is passed instead of a path.
func readSeed(file string) (*resourceModel, error) {
	if natsconn.IsSeed(file) {
		return nil, errors.New("this is a seed, which is no longer secret on a command line or in a configuration. " +
			"Use another key, and pass the path of its file")
	}
	if strings.HasPrefix(file, "~") {
		return nil, errors.New("the ~ is not expanded: use the full path")
	}
	content, err := secret.ReadFile(file)
	if err != nil {
		return nil, err
	}
	seed, kind, err := natsconn.ParseSeed(string(content))
	if err != nil {
		return nil, fmt.Errorf("the content of %s is %w", file, err)
	}
	public, err := claims.PublicKey(seed)
	if err != nil {
		return nil, fmt.Errorf("the content of %s is %w", file, err)
	}
	return &resourceModel{
		Type: types.StringValue(string(kind)), PublicKey: types.StringValue(public), Seed: types.StringValue(seed),
	}, nil
}
