package account

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

var (
	_ datasource.DataSourceWithConfigure = (*accountData)(nil)
	_ datasource.DataSourceWithConfigure = (*accountsData)(nil)
)

// accountData reads one account from the servers.
type accountData struct {
	data *connection.Data
}

// NewDataSource returns the data source nats_account.
func NewDataSource() datasource.DataSource { return &accountData{} }

func (d *accountData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_account"
}

func (d *accountData) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

// readAttributes returns the attributes of the data source in addition to the claims.
func readAttributes() map[string]schema.Attribute {
	number := func(description string) schema.Int64Attribute {
		return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
	}
	return map[string]schema.Attribute{
		"jwt": schema.StringAttribute{MarkdownDescription: "The account's JWT. It is not secret.", Computed: true},
		"issuer": schema.StringAttribute{
			MarkdownDescription: "Public key of the operator or of the operator's signing key that signed the account.",
			Computed:            true,
		},
		"issued_at": schema.StringAttribute{MarkdownDescription: "Time at which the account was signed.", Computed: true},
		"servers_behind": number("Number of servers that have older claims of the account or do not have it. They " +
			"catch up automatically, by default within a minute."),
		"usage": schema.SingleNestedAttribute{
			MarkdownDescription: "Current usage of the account, summed over all running servers.",
			Computed:            true,
			Attributes: map[string]schema.Attribute{
				"connections":   number("Number of client connections."),
				"leaf_nodes":    number("Number of leaf node connections."),
				"subscriptions": number("Number of subscriptions."),
				"streams":       number("Number of streams."),
				"consumers":     number("Number of consumers."),
				"disk_storage": number("Bytes that streams use on disk. Each replica counts, as it does for the " +
					"limits."),
				"memory_storage": number("Bytes that streams use in memory. Each replica counts."),
			},
		},
	}
}

func (d *accountData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := attribute.DataSource(claimsAttributes())
	attributes["public_key"] = schema.StringAttribute{
		MarkdownDescription: "Public key of the account, which starts with `A`.",
		Required:            true, Validators: []validator.String{validators.PublicKey(natsconn.AccountKey)},
	}
	maps.Copy(attributes, readAttributes())
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads an account from the servers: its claims, including all revocations, and its " +
			"current usage. Requires the credentials of a system account user in the provider's `operator` block. " +
			"With `unreachable = \"warn\"` in the provider configuration, all attributes except `public_key` are " +
			"null while the servers cannot be reached.",
		Attributes: attributes,
	}
}

func (d *accountData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var publicKey types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("public_key"), &publicKey)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Reading(ctx, readTimeout)
	defer cancel()
	stored, usage, err := d.read(ctx, publicKey.ValueString())
	if d.data.PassOver("the account", publicKey.ValueString(), err, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("public_key"), publicKey)...)
		return
	}
	if err != nil {
		detail := fmt.Sprintf("Account %s: %s", publicKey.ValueString(), connection.Explain(connection.Tolerable(err)))
		if errors.Is(err, resolver.ErrNotFound) {
			detail += "\n\n" + checkPublicKey
		}
		resp.Diagnostics.AddAttributeError(path.Root("public_key"), "Unable to Read "+what, detail)
		return
	}
	fields := accountFields(*stored.Account)
	fields["jwt"], fields["issuer"], fields["issued_at"] = stored.Token, stored.Signature.Issuer, stored.Signature.IssuedAt
	fields["servers_behind"] = stored.Behind
	fields["usage"] = attribute.Fields{
		"connections": usage.Connections, "leaf_nodes": usage.LeafNodes, "subscriptions": usage.Subscriptions,
		"streams":   usage.Streams,
		"consumers": usage.Consumers, "disk_storage": usage.DiskStorage, "memory_storage": usage.MemoryStorage,
	}
	for name, attributeType := range attributeTypes(resp.State.Schema.GetAttributes()) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name),
			attribute.Value(ctx, attributeType, fields[name]))...)
	}
}

func (d *accountData) read(ctx context.Context, publicKey string) (*resolver.Stored, *resolver.Usage, error) {
	accounts, err := d.data.Resolver()
	if err != nil {
		return nil, nil, err
	}
	stored, err := accounts.Lookup(ctx, publicKey)
	if err != nil {
		return nil, nil, err
	}
	usage, err := accounts.Usage(ctx, publicKey)
	return stored, usage, err
}

// attributeTypes returns the types of a schema's attributes.
func attributeTypes[A interface{ GetType() attr.Type }](attributes map[string]A) map[string]attr.Type {
	of := map[string]attr.Type{}
	for name, attribute := range attributes {
		of[name] = attribute.GetType()
	}
	return of
}

// accountsData lists the accounts on the servers.
type accountsData struct {
	data *connection.Data
}

// NewListDataSource returns the data source nats_accounts.
func NewListDataSource() datasource.DataSource { return &accountsData{} }

func (d *accountsData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_accounts"
}

func (d *accountsData) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (d *accountsData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the accounts on the servers, including the system account. The list includes an " +
			"account that was destroyed while a server was down and that this server restored when it returned. " +
			"With `unreachable = \"warn\"` in the provider configuration, `accounts` is null while the servers " +
			"cannot be reached.",
		Attributes: map[string]schema.Attribute{
			"accounts": schema.ListNestedAttribute{
				MarkdownDescription: "Accounts, sorted by public key.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"public_key": schema.StringAttribute{MarkdownDescription: "Public key of the account.",
						Computed: true},
					"name": schema.StringAttribute{MarkdownDescription: "Name of the account. Names are not unique.", Computed: true},
					"issuer": schema.StringAttribute{
						MarkdownDescription: "Public key of the operator or of the operator's signing key that " +
							"signed the account.",
						Computed: true,
					},
				}},
			},
		},
	}
}

func (d *accountsData) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := natsconn.Reading(ctx, readTimeout)
	defer cancel()
	found, err := d.read(ctx)
	listType := resp.State.Schema.GetAttributes()["accounts"].GetType()
	if d.data.PassOver("the accounts", "of the servers", err, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("accounts"), attribute.Value(ctx, listType, nil))...)
		return
	}
	if err != nil {
		resp.Diagnostics.AddError("Unable to List Accounts", connection.Explain(connection.Tolerable(err)))
		return
	}
	accounts := []attribute.Fields{}
	for _, stored := range found {
		accounts = append(accounts, attribute.Fields{
			"public_key": stored.Account.PublicKey, "name": stored.Account.Name, "issuer": stored.Signature.Issuer,
		})
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("accounts"),
		attribute.Value(ctx, listType, accounts))...)
}

func (d *accountsData) read(ctx context.Context) ([]*resolver.Stored, error) {
	accounts, err := d.data.Resolver()
	if err != nil {
		return nil, err
	}
	publicKeys, err := accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []*resolver.Stored
	for _, publicKey := range publicKeys {
		stored, err := accounts.Lookup(ctx, publicKey)
		if errors.Is(err, resolver.ErrNotFound) {
			continue // deleted since the list was read
		}
		if err != nil {
			return nil, err
		}
		found = append(found, stored)
	}
	return found, nil
}
