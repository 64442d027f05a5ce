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

// decodedText describes the function and each attribute of its result.
var decodedText = strings.Join([]string{
	"Decodes a NATS JWT: an operator, account or user JWT, an activation token, or a request or response of an auth " +
		"callout. The function verifies that `issuer` signed the JWT. It does not check whether the issuer is trusted or " +
		"whether the JWT has expired.\n\n" +
		"The argument can also be the whole content of a `.jwt` or `.creds` file. The result contains no secrets: the " +
		"function ignores the seed in a `.creds` file. Terraform still marks the result as sensitive if the argument is sensitive; `nonsensitive()` removes the mark.\n\nThe result is an object. Attributes without a value are null:\n",
	"- `type`: `operator`, `account`, `user`, `activation`, `authorization_request`, `authorization_response`, or " +
		"`generic` for any other type.",
	"- `name`, `audience`: strings from the claims.",
	"- `subject`: public key that the JWT was issued for.",
	"- `issuer`: public key that signed the JWT.",
	"- `issuer_account`: public key of the account, if one of its signing keys signed the JWT.",
	"- `id`: hash of the claims.",
	"- `issued_at`, `expires_at`, `not_before`: times in RFC 3339 format.",
	"- `tags`: list of strings.",
	"- `claims`: all claims as JSON, for `jsondecode()`.",
}, "\n")

func (jwtDecode) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "jwt_decode"
}

func (jwtDecode) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Decode a NATS JWT",
		MarkdownDescription: decodedText,
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "token",
			MarkdownDescription: "JWT, or content of a file that contains one.",
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

// timestamp formats a time as RFC 3339. The zero time is null.
func timestamp(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
