package functions

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

type jwtDecode struct{}

// NewJWTDecode returns the function jwt_decode.
func NewJWTDecode() function.Function { return jwtDecode{} }

// decoded is the object that the function returns.
type decoded struct {
	Type          string       `tfsdk:"type"`
	Name          types.String `tfsdk:"name"`
	Subject       string       `tfsdk:"subject"`
	Issuer        string       `tfsdk:"issuer"`
	IssuerAccount types.String `tfsdk:"issuer_account"`
	ID            types.String `tfsdk:"id"`
	IssuedAt      types.String `tfsdk:"issued_at"`
	ExpiresAt     types.String `tfsdk:"expires_at"`
	NotBefore     types.String `tfsdk:"not_before"`
	Audience      types.String `tfsdk:"audience"`
	Tags          []string     `tfsdk:"tags"`
	Claims        string       `tfsdk:"claims"`
}

var decodedTypes = map[string]attr.Type{
	"type":           types.StringType,
	"name":           types.StringType,
	"subject":        types.StringType,
	"issuer":         types.StringType,
	"issuer_account": types.StringType,
	"id":             types.StringType,
	"issued_at":      types.StringType,
	"expires_at":     types.StringType,
	"not_before":     types.StringType,
	"audience":       types.StringType,
	"tags":           texts,
	"claims":         types.StringType,
}

// decodedText tells each attribute of the result.
var decodedText = strings.Join([]string{
	"Reads a JWT of NATS: that of an operator, an account or a user, an activation token, or a request or response of an auth callout. Its " +
		"signature is verified: `issuer` did sign it. Whether that issuer may be trusted, and whether the JWT has expired, is not looked at." +
		"\n\nThe content of a `.jwt` or `.creds` file can be given as it is. Nothing of the seed in it comes back, and nothing in the result " +
		"is secret. Terraform still marks it as sensitive if the argument is: `nonsensitive()` takes that off.\n\nThe result is an object, in " +
		"which what is absent is null:\n",
	"- `type`: `operator`, `account`, `user`, `activation`, `authorization_request`, `authorization_response`, or `generic` for claims of any other " +
		"type.",
	"- `name`, `audience`: free texts.",
	"- `subject`: the public key that the JWT is for.",
	"- `issuer`: the public key that signed it.",
	"- `issuer_account`: the account, where a signing key of it signed.",
	"- `id`: a hash of the claims.",
	"- `issued_at`, `expires_at`, `not_before`: times in the form of RFC 3339.",
	"- `tags`: a list.",
	"- `claims`: everything that was signed, as JSON text for `jsondecode()`.",
}, "\n")

func (jwtDecode) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "jwt_decode"
}

func (jwtDecode) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "What a JWT of NATS says",
		MarkdownDescription: decodedText,
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "token",
			MarkdownDescription: "The JWT, or the content of a file with one.",
		}},
		Return: function.ObjectReturn{AttributeTypes: decodedTypes},
	}
}

func (jwtDecode) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	token, err := claims.DecodeToken(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "The token cannot be decoded: "+err.Error()+".")
		return
	}
	resp.Error = resp.Result.Set(ctx, &decoded{
		Type: token.Type, Name: attribute.Text(token.Name), Subject: token.Subject, Issuer: token.Issuer,
		IssuerAccount: attribute.Text(token.IssuerAccount), ID: attribute.Text(token.ID), IssuedAt: timestamp(token.IssuedAt),
		ExpiresAt: timestamp(token.Expires), NotBefore: timestamp(token.NotBefore), Audience: attribute.Text(token.Audience),
		Tags: append([]string{}, token.Tags...), Claims: token.Payload,
	})
}

// timestamp returns a time in the form of RFC 3339, null for none.
func timestamp(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
