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

// Schema returns the schema of the resource without the attributes that need a state.
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
		MarkdownDescription: "What to verify, as in the resource. Set `contract` or `etcd` for a bucket that already " +
			"exists, or verify with the resource. Defaults to `none`, because a plan opens the endpoint before its " +
			"apply creates the bucket.",
		Optional:   true,
		Validators: verifyValidators,
	}
	attributes["timeouts"] = timeouts.AttributesWithOpts(ctx,
		timeouts.Opts{OpenDescription: fmt.Sprintf(timeoutText, "an opening")})
	resp.Schema = schema.Schema{
		MarkdownDescription: "Datastore endpoint that k3s is started with, as the resource of the same name builds " +
			"and checks it. It is stored neither in the state nor in a plan. It is opened, and verified if " +
			"configured, in each plan and apply in which its arguments are known.",
		Attributes: attributes,
	}
}
