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

func (kineMirrorImports) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "What an account imports so that it can mirror a bucket of another account",
		MarkdownDescription: "Returns the imports, as `imports` of `nats_account` takes them, with which the account can mirror a bucket of another " +
			"account, whose exports are those that `kine_mirror_exports` returns. An account can mirror any number of buckets of any number of " +
			"accounts, also of equal names: `concat` puts the imports together. The JetStream API of the source is then at " +
			"`" + kine.SharedAPI + ".<source>` in the account, and messages come at `" + kine.SharedMessages +
			".<bucket>.<importing account>.<source>`: these are the " +
			"prefixes of a mirror's external stream.\n\n" +
			"The tokens are for the public key of the importing account, which has to be there before: give the account a `public_key` of its " +
			"own, as in the example, since one that `nats_account` makes would depend on the tokens that depend on it.",
		Parameters: []function.Parameter{
			bucketParameter(),
			function.StringParameter{
				Name:                "source",
				MarkdownDescription: "Public key of the account that has the bucket, which starts with `A`.",
			},
			function.MapParameter{
				Name:        "tokens",
				ElementType: types.StringType,
				MarkdownDescription: "Activation tokens (`jwt` of `nats_activation`) by the `subject` of the export that they are for, as " +
					"`kine_mirror_exports` returns it: one for each.",
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
		resp.Error = function.NewArgumentFuncError(1, "This is not the public key of an account: "+err.Error()+".")
		return
	}
	tokens := map[string]string{}
	for subject, token := range given {
		tokens[subject] = token.ValueString() // a null one is missing
	}
	imports, err := mirror.Imports(bucket, source, tokens)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(2, "The tokens are not those that are needed: "+err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, claimattr.ImportsValue(ctx, imports))
}
