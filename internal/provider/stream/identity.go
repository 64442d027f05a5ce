// Package stream is what the resources with a stream behind them share, a bucket and a mirror: their identity, placement, differences, source
// and datastore as attributes, and the diagnostics of their failures.
package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// The names of the attributes, in the resource as in its identity.
const (
	NameAttr            = "name"
	AccountAttr         = "account"
	JetStreamDomainAttr = "jetstream_domain"
)

// Identity is the identity.
type Identity struct {
	Name            types.String `tfsdk:"name"`
	Account         types.String `tfsdk:"account"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
}

// IdentitySchema is the schema of the identity. noun is what is identified, such as "bucket".
func IdentitySchema(noun string) identityschema.Schema {
	return identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			NameAttr: identityschema.StringAttribute{
				Description:       fmt.Sprintf("Name of the %s.", noun),
				RequiredForImport: true,
			},
			AccountAttr: identityschema.StringAttribute{
				Description: fmt.Sprintf("Public key of the account that the %s is in; empty for that of the provider's own credentials, where these do not tell it.",
					noun),
				OptionalForImport: true,
			},
			JetStreamDomainAttr: identityschema.StringAttribute{
				Description:       fmt.Sprintf("JetStream domain that the %s is in; empty for the domain of the connected server.", noun),
				OptionalForImport: true,
			},
		},
	}
}

// ImportID returns the id by which it is imported.
func (m Identity) ImportID() string {
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
	var identity Identity
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
		if identity, err = parseImportID(req.ID); err != nil {
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
	FillAccount(&identity.Account, data)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(NameAttr), identity.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(AccountAttr), identity.Account)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(JetStreamDomainAttr), identity.JetStreamDomain)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
}

// parseImportID reads [<account>/][<domain>:]<name>.
func parseImportID(id string) (Identity, error) {
	var m Identity
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

// FillDomain fills in the JetStream domain that nobody has named with the one that the server says it is.
func FillDomain(known *types.String, told string) {
	if known.ValueString() == "" {
		*known = attribute.Text(told)
	}
}

// LookUpDomain is FillDomain for a new bucket, whose domain the answer to its creation may not name. If nobody answers, the next refresh fills it
// in.
func LookUpDomain(ctx context.Context, js *natsconn.JetStream, bucket string, known *types.String, told string) {
	if known.IsUnknown() && told == "" {
		told, _ = kine.DomainOf(ctx, js, bucket)
	}
	FillDomain(known, told)
}

// nullEmpty has what is optional null where it is empty.
func (m *Identity) nullEmpty() {
	for _, optional := range []*types.String{&m.Account, &m.JetStreamDomain} {
		if optional.ValueString() == "" {
			*optional = types.StringNull()
		}
	}
}

// check tells what is wrong with an identity.
func (m Identity) check() error {
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

// NameValidator refuses what is no name of a bucket.
func NameValidator() validator.String {
	return validators.String("the name of a bucket", "Invalid Bucket Name", kine.CheckBucket)
}

// DomainValidator refuses what is no name of a JetStream domain.
func DomainValidator() validator.String {
	return validators.String("the name of a JetStream domain", "Invalid JetStream Domain", natsconn.CheckDomain)
}

// AccountAttribute is the account of a protected resource, see [PlanAccount]. What, noun and ways are those of [planmodifiers.Immutable].
func AccountAttribute(what, noun, ways string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Public key of the account that the %[1]s is in, such as that of a `nats_account`. The provider "+
			"works there with its `accounts.signing_key`, and in the account of its own credentials with these. Defaults to the account of the "+
			"provider's own credentials, as their JWT names it. It is null where they have no JWT, as on servers without an operator. With an "+
			"authentication callout that places the provider's user in another account, set it. A %[1]s stays in its account when the provider's "+
			"credentials change. It cannot be changed: a plan that does so is an error.", noun),
		Optional: true, Computed: true,
		Validators: []validator.String{validators.PublicKey(natsconn.AccountKey)},
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(),
			planmodifiers.Immutable(what, noun, ways),
		},
	}
}

// DomainAttribute is the JetStream domain of a protected resource, see [AccountAttribute] and [PlanDomain].
func DomainAttribute(what, noun, ways string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("JetStream domain that the %[1]s is in. Defaults to that of the provider's configuration, and "+
			"without one to the domain of the server that the provider is connected to. It holds the domain that is in effect; null where the "+
			"servers have none. A %[1]s stays in the domain that it was made in when the provider's changes. It cannot be changed: a plan that does so is an error.", noun),
		Optional: true, Computed: true,
		Validators: []validator.String{DomainValidator()},
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(),
			planmodifiers.Immutable(what, noun, ways),
		},
	}
}

// PlanDomain returns the JetStream domain that is planned for a creation where the configuration has none: that of the provider's configuration.
// Without one, the server says during the apply which it is. The error is one of finding it out.
func PlanDomain(data *connection.Data) (types.String, error) {
	domain, err := data.Domain()
	if _, ok := errors.AsType[*connection.UnknownError](err); ok {
		return types.StringUnknown(), nil // the apply settles it
	}
	if err != nil || domain == "" {
		return types.StringUnknown(), err
	}
	return types.StringValue(domain), nil
}

// PlanAccount returns the account that is planned for a creation where the configuration has none: that of the provider's own credentials, null where
// they do not tell. It is unknown if they cannot be read yet, which the apply settles.
func PlanAccount(data *connection.Data) types.String {
	own, err := data.OwnAccount()
	if err != nil {
		return types.StringUnknown()
	}
	return attribute.Text(own)
}

// FillAccount fills in the account that nobody has named with that of the provider's own credentials, in which the object was found or is made.
func FillAccount(known *types.String, data *connection.Data) {
	if known.ValueString() == "" {
		own, _ := data.OwnAccount() // an error is told by the use of the connection
		*known = attribute.Text(own)
	}
}
