package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

type kineMirrorImports struct{}

// NewKINEMirrorImports returns the function kine_mirror_imports.
func NewKINEMirrorImports() function.Function { return kineMirrorImports{} }

func (kineMirrorImports) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "kine_mirror_imports"
}

func (kineMirrorImports) Definition(
	_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse,
) {
	resp.Definition = function.Definition{
		Summary: "Imports that let an account mirror a bucket of another account",
		MarkdownDescription: "Returns the imports, for `imports` of `nats_account`, that let the account mirror a bucket " +
			"of another account. The other account must have the exports that `kine_mirror_exports` returns. An account can " +
			"mirror any number of buckets of any number of accounts, even with equal names; join the imports with `concat`. " +
			"The account then reaches the JetStream API of the source at `" + kine.SharedAPI +
			".<source>` and receives messages at `" + kine.SharedMessages +
			".<bucket>.<importing account>.<source>`: these are the prefixes of a mirror's external stream.\n\n" +
			"The tokens are issued for the public key of the importing account, which must exist first. Set `public_key` of " +
			"the account, as in the example: a public key that `nats_account` generates would depend on the tokens, which " +
			"depend on the public key.",
		Parameters: []function.Parameter{
			bucketParameter(),
			function.StringParameter{
				Name:                "source",
				MarkdownDescription: "Public key of the account that holds the bucket, which starts with `A`.",
			},
			function.MapParameter{
				Name:        "tokens",
				ElementType: types.StringType,
				MarkdownDescription: "Activation tokens (`jwt` of `nats_activation`), one for each export that " +
					"`kine_mirror_exports` returns. The key is the `subject` of the export.",
			},
		},
		Return: function.ListReturn{ElementType: claimattr.ImportsAttribute().NestedObject.Type()},
	}
}

func (kineMirrorImports) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var bucket, source string
	var given map[string]types.String
	if resp.Error = req.Arguments.Get(ctx, &bucket, &source, &given); resp.Error != nil {
		return
	}
	if resp.Error = checkBucket(bucket); resp.Error != nil {
		return
	}
	if err := mirror.CheckSource(source); err != nil {
		resp.Error = function.NewArgumentFuncError(1, "The source is not the public key of an account: "+err.Error()+".")
		return
	}
	tokens := map[string]string{}
	for subject, token := range given {
		tokens[subject] = token.ValueString() // a null token is a missing token
	}
	imports, err := mirror.Imports(bucket, source, tokens)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(2, "The tokens do not match the exports: "+err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, claimattr.ImportsValue(ctx, imports))
}
