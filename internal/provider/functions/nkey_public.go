package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

type nkeyPublic struct{}

// NewNKeyPublic returns the function nkey_public.
func NewNKeyPublic() function.Function { return nkeyPublic{} }

func (nkeyPublic) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "nkey_public"
}

func (nkeyPublic) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Public key of a seed",
		MarkdownDescription: "Returns the public key of a seed of any type: operator, account, user, server, cluster or " +
			"curve. The public key is not secret. Terraform still marks it as sensitive if the seed is sensitive; " +
			"`nonsensitive()` removes the mark.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "seed",
			MarkdownDescription: "Seed of a key pair, which starts with `S`. White space around it is ignored.",
		}},
		Return: function.StringReturn{},
	}
}

func (nkeyPublic) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var seed string
	if resp.Error = req.Arguments.Get(ctx, &seed); resp.Error != nil {
		return
	}
	public, err := claims.PublicKey(seed)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "The seed is invalid: "+err.Error()+".")
		return
	}
	resp.Error = resp.Result.Set(ctx, public)
}
