// Package stream is what the resources with a stream behind them share, a bucket and a mirror: their identity,
// placement, differences, source and datastore as attributes, and the diagnostics of their failures.
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

// Names of the attributes, in the resource and in its identity.
const (
	NameAttr            = "name"
	AccountAttr         = "account"
	JetStreamDomainAttr = "jetstream_domain"
)

// Identity is the resource identity of a bucket or a mirror.
type Identity struct {
	Name            types.String `tfsdk:"name"`
	Account         types.String `tfsdk:"account"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
}

// IdentitySchema returns the schema of the identity. noun names the resource, such as "bucket".
func IdentitySchema(noun string) identityschema.Schema {
	return identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			NameAttr: identityschema.StringAttribute{
				Description:       fmt.Sprintf("Name of the %s.", noun),
				RequiredForImport: true,
			},
			AccountAttr: identityschema.StringAttribute{
				Description: fmt.Sprintf("Public key of the account that the %s is in; empty for the account of the "+
					"provider's own credentials if they do not name it.",
					noun),
				OptionalForImport: true,
			},
			JetStreamDomainAttr: identityschema.StringAttribute{
				Description: fmt.Sprintf("JetStream domain that the %s is in; empty for the domain of the connected server.",
					noun),
				OptionalForImport: true,
			},
		},
	}
}

// ImportID returns the ID for terraform import.
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

// Import sets the identity and the attributes of an imported resource, from its ID or its identity. The account
// defaults to that of the provider's own credentials, the domain to that of the provider's configuration. noun names
// the resource, such as "bucket".
func Import(
	ctx context.Context, noun string, data *connection.Data, req resource.ImportStateRequest,
	resp *resource.ImportStateResponse,
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
		// The read that follows reports an error.
		if domain, err := data.Domain(); err == nil && domain != "" {
			identity.JetStreamDomain = types.StringValue(domain)
		}
	}
	FillAccount(&identity.Account, data)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(NameAttr), identity.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(AccountAttr), identity.Account)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(JetStreamDomainAttr), identity.JetStreamDomain)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, identity)...)
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
		return m, errors.New("use the name of the bucket, without the KV_ prefix of its stream; a bucket whose name " +
			"begins with KV_ is imported by its identity")
	}
	return m, m.check()
}

// FillDomain sets a JetStream domain that is not configured to the one that the server reports.
func FillDomain(known *types.String, reported string) {
	if known.ValueString() == "" {
		*known = attribute.Text(reported)
	}
}

// LookUpDomain is [FillDomain] for a new bucket: the response to its creation may not name the domain. If the lookup
// fails, the next refresh fills the domain in.
func LookUpDomain(ctx context.Context, js *natsconn.JetStream, bucket string, known *types.String, reported string) {
	if known.IsUnknown() && reported == "" {
		reported, _ = kine.DomainOf(ctx, js, bucket)
	}
	FillDomain(known, reported)
}

// nullEmpty replaces empty optional attributes with null.
func (m *Identity) nullEmpty() {
	for _, optional := range []*types.String{&m.Account, &m.JetStreamDomain} {
		if optional.ValueString() == "" {
			*optional = types.StringNull()
		}
	}
}

// check returns an error if the identity is invalid.
func (m Identity) check() error {
	if !m.Account.IsNull() {
		if err := natsconn.CheckPublicKey(m.Account.ValueString(), natsconn.AccountKey); err != nil {
			return fmt.Errorf("invalid account: %w", err)
		}
	}
	if !m.JetStreamDomain.IsNull() {
		if err := natsconn.CheckDomain(m.JetStreamDomain.ValueString()); err != nil {
			return fmt.Errorf("invalid JetStream domain: %w", err)
		}
	}
	return kine.CheckBucket(m.Name.ValueString())
}

// NameValidator returns a validator for the name of a bucket.
func NameValidator() validator.String {
	return validators.String("the name of a bucket", "Invalid Bucket Name", kine.CheckBucket)
}

// DomainValidator returns a validator for the name of a JetStream domain.
func DomainValidator() validator.String {
	return validators.String("the name of a JetStream domain", "Invalid JetStream Domain", natsconn.CheckDomain)
}

// AccountAttribute returns the account attribute of a protected resource, see [PlanAccount]. what, noun and ways are
// passed to [planmodifiers.Immutable].
func AccountAttribute(what, noun, ways string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Public key of the account that the %[1]s is in, for example that of a "+
			"`nats_account`. The provider works in that account with its `accounts.signing_key`, or with its own "+
			"credentials if they belong to the account. Set it if an authentication callout places the provider's "+
			"user in another account. A %[1]s stays in its account when the provider's credentials change. It "+
			"cannot be changed: a plan that does so is an error. Defaults to the account in the JWT of the "+
			"provider's own credentials; null if they have no JWT, as on servers without an operator.", noun),
		Optional: true, Computed: true,
		Validators: []validator.String{validators.PublicKey(natsconn.AccountKey)},
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(),
			planmodifiers.Immutable(what, noun, ways),
		},
	}
}

// DomainAttribute returns the JetStream domain attribute of a protected resource, see [AccountAttribute] and
// [PlanDomain].
func DomainAttribute(what, noun, ways string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("JetStream domain that the %[1]s is in; null if the servers have none. A "+
			"%[1]s stays in its domain when the provider's domain changes. It cannot be changed: a plan that does "+
			"so is an error. Defaults to the domain of the provider's configuration, or else to the domain of the "+
			"server that the provider is connected to.", noun),
		Optional: true, Computed: true,
		Validators: []validator.String{DomainValidator()},
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(),
			planmodifiers.Immutable(what, noun, ways),
		},
	}
}

// PlanDomain returns the planned JetStream domain of a creation whose configuration has none: the domain of the
// provider's configuration. Without one it is unknown, and the server reports it during the apply. The error is that of
// reading the provider's domain.
func PlanDomain(data *connection.Data) (types.String, error) {
	domain, err := data.Domain()
	if _, ok := errors.AsType[*connection.UnknownError](err); ok {
		return types.StringUnknown(), nil // known at apply
	}
	if err != nil || domain == "" {
		return types.StringUnknown(), err
	}
	return types.StringValue(domain), nil
}

// PlanAccount returns the planned account of a creation whose configuration has none: the account of the provider's own
// credentials. It is null if they do not name one, and unknown if they cannot be read before the apply.
func PlanAccount(data *connection.Data) types.String {
	own, err := data.OwnAccount()
	if err != nil {
		return types.StringUnknown()
	}
	return attribute.Text(own)
}

// FillAccount sets an account that is not configured to that of the provider's own credentials, in which the object was
// found or is created.
func FillAccount(known *types.String, data *connection.Data) {
	if known.ValueString() == "" {
		own, _ := data.OwnAccount() // using the connection reports an error
		*known = attribute.Text(own)
	}
}
