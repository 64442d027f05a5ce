// Package functions holds the provider-defined functions.
package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

type k3sTokenHash struct{}

// NewK3sTokenHash returns the function k3s_token_hash.
func NewK3sTokenHash() function.Function { return k3sTokenHash{} }

func (k3sTokenHash) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "k3s_token_hash"
}

func (k3sTokenHash) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Hash a k3s token as in the name of the k3s bootstrap key",
		MarkdownDescription: "Returns the hash of a k3s token. k3s keeps its certificates and keys under " +
			"`/bootstrap/<hash>`, encrypted with the password in the token that it was started with. The hash is the first 12 " +
			"hexadecimal digits of the SHA-256 of the password. A k3s with another token does not start on the bucket.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "token",
			MarkdownDescription: "Token of the k3s server: a password, or `K10<CA hash>::<user>:<password>`.",
		}},
		Return: function.StringReturn{},
	}
}

func (k3sTokenHash) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var token string
	if resp.Error = req.Arguments.Get(ctx, &token); resp.Error != nil {
		return
	}
	hash, err := kine.TokenHash(token)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "The k3s token is invalid: "+err.Error()+".")
		return
	}
	resp.Error = resp.Result.Set(ctx, hash)
}
