// Package functions holds the functions that the provider defines.
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
		Summary: "The key under which k3s finds its own data in a bucket",
		MarkdownDescription: "k3s keeps its certificates and keys under `/bootstrap/<hash>`, encrypted with the password of the token that it was " +
			"started with. The hash is the first 12 hexadecimal digits of the password's SHA-256, which is what this returns. A k3s with another " +
			"token does not start on the bucket.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "token",
			MarkdownDescription: "The token: a password, or `K10<CA hash>::<user>:<password>`.",
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
		resp.Error = function.NewArgumentFuncError(0, "The token of a k3s server cannot be this: "+err.Error()+".")
		return
	}
	resp.Error = resp.Result.Set(ctx, hash)
}
