// Package server implements the data source nats_server_config, which renders the configuration of a nats-server.
package server

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/serverconf"
)

var _ datasource.DataSourceWithValidateConfig = (*configDataSource)(nil)

// configDataSource does not use the provider's configuration, because it makes no request.
type configDataSource struct{}

// NewConfigDataSource returns the data source nats_server_config.
func NewConfigDataSource() datasource.DataSource { return configDataSource{} }

func (configDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_server_config"
}

// ValidateConfig checks the known values. If all values are known, it checks the rendered configuration as far as that
// is possible without the server's files.
func (configDataSource) ValidateConfig(
	ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse,
) {
	config, unknown := read(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if len(unknown) > 0 {
		tell(config.CheckFields(), &resp.Diagnostics)
		return
	}
	_, problems := config.Render()
	tell(problems, &resp.Diagnostics)
}

func (configDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config, unknown := read(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.State.Raw = req.Config.Raw
	if len(unknown) > 0 {
		// A CLI reads the data source once all of its configuration is known.
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("config"), types.StringUnknown())...)
		return
	}
	text, problems := config.Render()
	tell(problems, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("config"), text)...)
	}
}

// read returns the server's configuration, without unknown values, and the paths of these values.
func read(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (serverconf.Config, path.Paths) {
	var object types.Object
	diags.Append(config.Get(ctx, &object)...)
	if diags.HasError() {
		return serverconf.Config{}, nil
	}
	o := attribute.NewObject(object.Attributes(), path.Empty())
	return newConfig(o), o.Unknown()
}

// tell adds an error for each problem at its attribute.
func tell(problems []serverconf.Problem, diags *diag.Diagnostics) {
	const summary = "Invalid Server Configuration"
	for _, problem := range problems {
		if len(problem.Path) == 0 {
			diags.AddError(summary, "Server configuration: "+problem.Text+".")
			continue
		}
		at := pathOf(problem.Path)
		// A CLI shows the data source but not the path of a nested attribute.
		diags.AddAttributeError(at, summary, fmt.Sprintf("Attribute %s: %s.", at, problem.Text))
	}
}

func pathOf(steps serverconf.Path) path.Path {
	at := path.Empty()
	for _, step := range steps {
		switch step := step.(type) {
		case serverconf.Index:
			at = at.AtListIndex(int(step))
		case serverconf.Key:
			at = at.AtMapKey(string(step))
		case string:
			at = at.AtName(step)
		}
	}
	return at
}
