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

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	validators "github.com/nats-k3s/terraform-provider-nats/internal/provider/validator"
)

// Schema is that of the resource, but for what has to do with a state.
func (r *ephemeralEndpoint) Schema(ctx context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	shared := attributes()
	verification, ok := shared["verification"].(resourceschema.SingleNestedAttribute)
	if !ok {
		panic("verification is no object")
	}
	twin := ephemeralTwin(shared)
	twin["k3s_token"] = schema.StringAttribute{
		MarkdownDescription: k3sTokenText, Optional: true, Sensitive: true,
		Validators: []validator.String{validators.String("a k3s token", "Invalid K3s Token", checkToken)},
	}
	twin["verification"] = schema.SingleNestedAttribute{
		MarkdownDescription: strings.ReplaceAll(verification.MarkdownDescription, credentialsWO, credentials),
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"servers": ephemeralTwin(verification.Attributes)["servers"],
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
	twin["verify"] = schema.StringAttribute{
		MarkdownDescription: "As in the resource, but `none` by default: a plan would look for a bucket that its apply is still to make. Set `contract` or " +
			"`etcd` for a bucket that is there already, or verify with the resource.",
		Optional:   true,
		Validators: verifyValidators,
	}
	twin["timeouts"] = timeouts.AttributesWithOpts(ctx, timeouts.Opts{OpenDescription: fmt.Sprintf(timeoutText, "an opening")})
	resp.Schema = schema.Schema{
		MarkdownDescription: "The datastore endpoint that k3s is started with, as the resource of the same name builds and checks it, without a " +
			"trace in the state or in a plan. It is opened, and so verified if asked to, in each plan and apply in which its arguments are " +
			"known.",
		Attributes: twin,
	}
}

// ephemeralTwin returns the attributes of a resource for an ephemeral one. What is write-only there, the text that goes with
// it, and what is about a state are left out.
func ephemeralTwin(attributes map[string]resourceschema.Attribute) map[string]schema.Attribute {
	twin := map[string]schema.Attribute{}
	for name, attribute := range attributes {
		if strings.Contains(name, "_wo") {
			continue
		}
		// A default makes an attribute computed too, and there are none here.
		computed := attribute.IsComputed() && !attribute.IsOptional()
		switch a := attribute.(type) {
		case resourceschema.StringAttribute:
			twin[name] = schema.StringAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
				Computed: computed, Sensitive: a.Sensitive, Validators: a.Validators}
		case resourceschema.Int64Attribute:
			twin[name] = schema.Int64Attribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
				Computed: computed, Validators: a.Validators}
		case resourceschema.BoolAttribute:
			twin[name] = schema.BoolAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional, Computed: computed}
		case resourceschema.ListAttribute:
			twin[name] = schema.ListAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
				Computed: computed, ElementType: a.ElementType, Validators: a.Validators}
		case resourceschema.MapAttribute:
			twin[name] = schema.MapAttribute{MarkdownDescription: a.MarkdownDescription, Optional: a.Optional, Computed: computed,
				Sensitive: a.Sensitive, ElementType: a.ElementType}
		case resourceschema.SingleNestedAttribute:
			twin[name] = schema.SingleNestedAttribute{MarkdownDescription: a.MarkdownDescription, Required: a.Required, Optional: a.Optional,
				Attributes: ephemeralTwin(a.Attributes)}
		default:
			panic(fmt.Sprintf("attribute %s is of a type that the ephemeral resource does not know", name))
		}
	}
	return twin
}
