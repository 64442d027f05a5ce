package bucketid

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	planmodifiers "github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifier"
	validators "github.com/nats-k3s/terraform-provider-nats/internal/provider/validator"
)

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

// TellAccount fills in the account that nobody has named with that of the provider's own credentials, in which the object was found or is made.
func TellAccount(known *types.String, data *connection.Data) {
	if known.ValueString() == "" {
		own, _ := data.OwnAccount() // an error is told by the use of the connection
		*known = attribute.Text(own)
	}
}
