// Package bucketid is what a bucket or a mirror of one is known by: its name, its account and its JetStream domain, as attributes,
// as an identity, and as the id of an import.
package bucketid

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// The names of the attributes, in the resource as in its identity.
const (
	Name            = "name"
	Account         = "account"
	JetStreamDomain = "jetstream_domain"
)

// Model is the identity.
type Model struct {
	Name            types.String `tfsdk:"name"`
	Account         types.String `tfsdk:"account"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
}

// Schema is the schema of the identity. noun is what is identified, such as "bucket".
func Schema(noun string) identityschema.Schema {
	return identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			Name: identityschema.StringAttribute{
				Description:       fmt.Sprintf("Name of the %s.", noun),
				RequiredForImport: true,
			},
			Account: identityschema.StringAttribute{
				Description: fmt.Sprintf("Public key of the account that the %s is in; empty for that of the provider's own credentials, where these do not tell it.",
					noun),
				OptionalForImport: true,
			},
			JetStreamDomain: identityschema.StringAttribute{
				Description:       fmt.Sprintf("JetStream domain that the %s is in; empty for the domain of the connected server.", noun),
				OptionalForImport: true,
			},
		},
	}
}

// ImportID returns the id by which it is imported.
func (m Model) ImportID() string {
	id := m.Name.ValueString()
	if domain := m.JetStreamDomain.ValueString(); domain != "" {
		id = domain + ":" + id
	}
	if account := m.Account.ValueString(); account != "" {
		id = account + "/" + id
	}
	return id
}

// Import sets the identity and the attributes of what is imported, by its id or by its identity. Where no account is named, it
// is that of the provider's own credentials, and where no domain is, that of its configuration. noun is what is imported, such as "bucket".
func Import(
	ctx context.Context, noun string, data *connection.Data, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	var identity Model
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		if resp.Diagnostics.HasError() {
			return
		}
		identity.nullEmpty()
		if err := identity.check(); err != nil {
			resp.Diagnostics.AddError("Invalid Import Identity", connection.Sentence(err.Error()))
			return
		}
	} else {
		var err error
		if identity, err = parse(req.ID); err != nil {
			resp.Diagnostics.AddError("Invalid Import ID",
				secret.Sprintf("%q is not of the form [<account>/][<jetstream_domain>:]<%s>: %v.", req.ID, noun, err))
			return
		}
	}
	if identity.JetStreamDomain.IsNull() {
		// An error is told by the read that follows.
		if domain, err := data.Domain(); err == nil && domain != "" {
			identity.JetStreamDomain = types.StringValue(domain)
		}
	}
	TellAccount(&identity.Account, data)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(Name), identity.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(Account), identity.Account)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(JetStreamDomain), identity.JetStreamDomain)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
}

// parse reads [<account>/][<domain>:]<name>.
func parse(id string) (Model, error) {
	var m Model
	name := id
	if account, rest, ok := strings.Cut(name, "/"); ok {
		m.Account, name = types.StringValue(account), rest
	}
	if domain, rest, ok := strings.Cut(name, ":"); ok {
		m.JetStreamDomain, name = types.StringValue(domain), rest
	}
	m.Name = types.StringValue(name)
	if strings.HasPrefix(name, kine.StreamName("")) && kine.CheckBucket(name) == nil {
		return m, errors.New("give the name of the bucket, without the KV_ of its stream; a bucket that really begins with KV_ is " +
			"imported by its identity")
	}
	return m, m.check()
}

// TellDomain fills in the JetStream domain that nobody has named with the one that the server says it is.
func TellDomain(known *types.String, told string) {
	if known.ValueString() == "" {
		*known = attribute.Text(told)
	}
}

// FindDomain is TellDomain for a new bucket, whose domain the answer to its creation may not name. If nobody answers, the next refresh fills it
// in.
func FindDomain(ctx context.Context, js *natsconn.JetStream, bucket string, known *types.String, told string) {
	if known.IsUnknown() && told == "" {
		told, _ = kine.DomainOf(ctx, js, bucket)
	}
	TellDomain(known, told)
}

// nullEmpty has what is optional null where it is empty.
func (m *Model) nullEmpty() {
	for _, optional := range []*types.String{&m.Account, &m.JetStreamDomain} {
		if optional.ValueString() == "" {
			*optional = types.StringNull()
		}
	}
}

// check tells what is wrong with an identity.
func (m Model) check() error {
	if !m.Account.IsNull() {
		if err := natsconn.CheckPublicKey(m.Account.ValueString(), natsconn.AccountKey); err != nil {
			return fmt.Errorf("the account cannot be one: %w", err)
		}
	}
	if !m.JetStreamDomain.IsNull() {
		if err := natsconn.CheckDomain(m.JetStreamDomain.ValueString()); err != nil {
			return fmt.Errorf("the JetStream domain cannot be one: %w", err)
		}
	}
	return kine.CheckBucket(m.Name.ValueString())
}
