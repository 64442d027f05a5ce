package user

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// Lifetimes of credentials. They are recorded nowhere, so they cannot be revoked individually.
const (
	defaultLifetime = "1h"
	maxLifetime     = "720h"
)

const ephemeralText = "Creates credentials of a user of an account that are stored in no state or plan and expire " +
	"automatically. Each apply, and each plan in which the arguments are known, signs a new user, with a new key " +
	"unless `public_key` is set. Pass the credentials to a write-only argument, such as " +
	"`verification.credentials_wo` of a `nats_k3s_datastore_endpoint`, to a provisioner, or to the configuration of " +
	"another provider. A long-running client, such as k3s, needs a `nats_user`.\n\n" +
	"The servers are not involved when credentials are signed or closed: the credentials stay valid until they expire. " +
	"To make servers refuse them earlier, revoke `public_key` in the account, or remove the key that signed " +
	"them.\n\n" +
	"Credentials cannot be extended. If they expire before the apply is complete, the errors of " +
	"`nats_k3s_datastore_endpoint` mention it, and an apply that succeeds nevertheless ends with a warning."

// Schema returns the schema of nats_user without the attributes that concern its state.
func (r *ephemeralCredentials) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	attributes := attribute.Ephemeral(sharedAttributes())
	attributes["expires_in"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Time for which the user can connect after it is signed, such as `15m`. At "+
			"most `%s`. When it expires, servers close its connections. Must be longer than the apply that needs "+
			"the credentials takes. Defaults to `%s`.",
			maxLifetime, defaultLifetime),
		Optional: true, CustomType: customtype.DurationType{},
		Validators: []validator.String{wholeSeconds, shortLived},
	}
	attributes[ephemeralSeedAttr] = schema.StringAttribute{
		MarkdownDescription: signingKeyText,
		Optional:            true, Sensitive: true,
		Validators: []validator.String{validators.Seed(natsconn.AccountKey)},
	}
	resp.Schema = schema.Schema{MarkdownDescription: ephemeralText, Attributes: attributes}
}

// shortLived refuses lifetimes that are too long. The attribute's type refuses values that are not a duration.
var shortLived = validators.String("at most "+maxLifetime, "Lifetime Too Long", func(text string) error {
	lifetime, err := time.ParseDuration(text)
	longest, _ := time.ParseDuration(maxLifetime)
	if err == nil && lifetime > longest {
		return errors.New("these credentials are not stored, so they cannot be revoked later. Use a nats_user for a " +
			"longer lifetime")
	}
	return nil
})
