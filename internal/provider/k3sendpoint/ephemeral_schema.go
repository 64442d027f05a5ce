package k3sendpoint

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/ephemeral/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// Schema is that of the resource, but for what has to do with a state.
func (r *ephemeralEndpoint) Schema(ctx context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	shared := attributes()
	verification, ok := shared["verification"].(resourceschema.SingleNestedAttribute)
	if !ok {
		panic("verification is no object")
	}
	attributes := attribute.Ephemeral(shared)
	attributes["k3s_token"] = schema.StringAttribute{
		MarkdownDescription: k3sTokenText, Optional: true, Sensitive: true,
		Validators: []validator.String{validators.String("a k3s token", "Invalid K3s Token", checkToken)},
	}
	attributes["verification"] = schema.SingleNestedAttribute{
		MarkdownDescription: strings.ReplaceAll(verification.MarkdownDescription, credentialsWO, credentials),
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"servers": attribute.Ephemeral(verification.Attributes)["servers"],
			"tls": schema.SingleNestedAttribute{
				MarkdownDescription: verificationTLSText, Optional: true, Attributes: tlsconfig.EphemeralAttributes(),
			},
			credentials: schema.StringAttribute{
				MarkdownDescription: credentialsText, Optional: true, Sensitive: true,
				Validators: []validator.String{
					validators.Credentials(),
				},
			},
		},
	}
	attributes["verify"] = schema.StringAttribute{
		MarkdownDescription: "As in the resource, but `none` by default: a plan would look for a bucket that its apply is still to make. Set `contract` or " +
			"`etcd` for a bucket that is there already, or verify with the resource.",
		Optional:   true,
		Validators: verifyValidators,
	}
	attributes["timeouts"] = timeouts.AttributesWithOpts(ctx, timeouts.Opts{OpenDescription: fmt.Sprintf(timeoutText, "an opening")})
	resp.Schema = schema.Schema{
		MarkdownDescription: "The datastore endpoint that k3s is started with, as the resource of the same name builds and checks it, without a " +
			"trace in the state or in a plan. It is opened, and so verified if asked to, in each plan and apply in which its arguments are " +
			"known.",
		Attributes: attributes,
	}
}
