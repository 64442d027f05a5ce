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

// How long credentials that nobody keeps a list of, and so nobody can revoke one by one, are good for.
const (
	defaultLifetime = "1h"
	maxLifetime     = "720h"
)

const ephemeralText = "Credentials of a user of an account that are in no state and no plan, and end by themselves. Each plan in which the arguments are " +
	"known and each apply signs another user, with another key unless `public_key` is set: hand them to a write-only argument, such as " +
	"`verification.credentials_wo` of a `nats_k3s_datastore_endpoint`, to a provisioner, or to another provider's configuration. A client " +
	"that stays, such as k3s, needs a `nats_user`.\n\n" +
	"No server is told of them, neither when they are signed nor when Terraform is done with them: they stay good until they expire. To have " +
	"servers refuse them earlier, revoke `public_key` in the account, or take away the key that signed them.\n\n" +
	"What has expired cannot be prolonged. Where servers refuse credentials that ended before the apply did, `nats_k3s_datastore_endpoint` says so in " +
	"its error; an apply that succeeds all the same ends with a warning."

// Schema is that of the resource, but for what has to do with a state.
func (r *ephemeralCredentials) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	attributes := attribute.Ephemeral(sharedAttributes())
	attributes["expires_in"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("How long the user can connect after it was signed, such as `15m`, up to `%s`; at the end, servers cut its "+
			"connections. Longer than the apply that needs the credentials, or what is done with them, takes. Defaults to `%s`.",
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

// shortLived refuses what is too long. What is no duration at all, the attribute's type refuses.
var shortLived = validators.String("at most "+maxLifetime, "Lifetime Too Long", func(text string) error {
	lifetime, err := time.ParseDuration(text)
	longest, _ := time.ParseDuration(maxLifetime)
	if err == nil && lifetime > longest {
		return errors.New("nothing keeps these credentials, so that nothing revokes them in the end. A nats_user may live longer")
	}
	return nil
})
