// Package provider is the Terraform provider for NATS-backed k3s: its configuration, resources, data sources and
// functions.
package provider

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/activation"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/functions"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/k3sendpoint"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/kinebucket"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/kvmirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/nkey"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/operator"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/server"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/user"
)

// Address is the registry address of the provider. To publish it elsewhere, change this line and the module path.
const Address = "registry.terraform.io/nats-k3s/nats"

// typeName is the prefix of the names of all resources and data sources.
const typeName = "nats"

var (
	_ provider.ProviderWithEphemeralResources = (*natsProvider)(nil)
	_ provider.ProviderWithFunctions          = (*natsProvider)(nil)
	_ provider.ProviderWithValidateConfig     = (*natsProvider)(nil)
)

type natsProvider struct {
	version string
	env     natsconn.Environment
}

// New returns a function that creates the provider. The version is reported to the CLI.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &natsProvider{version: version, env: os.Getenv} }
}

func (p *natsProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = typeName
	resp.Version = p.version
}

func (p *natsProvider) ValidateConfig(
	ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse,
) {
	var config configModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() {
		tlsconfig.Validate(config.TLS, path.Root("tls"), &resp.Diagnostics)
	}
}

// Configure reads the configuration. It does no I/O: the first resource that needs a server connects.
func (p *natsProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config configModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := natsconn.NewClient(config.settings(ctx, &resp.Diagnostics), p.env)
	data := connection.NewData(client, config.unknown(), config.Unreachable.ValueString() == unreachableWarn)
	data.ConfigureOperator(operatorConfig(config.Operator), p.env)
	data.ConfigureAccounts(accountsConfig(config.Accounts), p.env)
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.EphemeralResourceData = data
}

func (p *natsProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		account.NewResource,
		activation.NewResource,
		kinebucket.NewResource,
		k3sendpoint.NewResource,
		kvmirror.NewResource,
		nkey.NewResource,
		operator.NewResource,
		user.NewResource,
	}
}

func (p *natsProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		account.NewDataSource,
		account.NewListDataSource,
		kvmirror.NewDataSource,
		server.NewConfigDataSource,
	}
}

func (p *natsProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		k3sendpoint.NewEphemeralResource,
		nkey.NewEphemeralResource,
		user.NewEphemeralResource,
	}
}

func (p *natsProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		functions.NewDatastoreEndpointParse,
		functions.NewJWTDecode,
		functions.NewK3sTokenHash,
		functions.NewKINEMirrorExports,
		functions.NewKINEMirrorImports,
		functions.NewKINEPermissions,
		functions.NewNKeyPublic,
	}
}
