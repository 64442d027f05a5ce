package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

type kineMirrorExports struct{}

// NewKINEMirrorExports returns the function kine_mirror_exports.
func NewKINEMirrorExports() function.Function { return kineMirrorExports{} }

func (kineMirrorExports) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "kine_mirror_exports"
}

func (kineMirrorExports) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "What an account exports so that another account can mirror a bucket",
		MarkdownDescription: "Returns the exports, as `exports` of `nats_account` takes them, with which other accounts can mirror a bucket of the " +
			"account, and do nothing else. Each is private (`token_required`): an account that mirrors the bucket has a `nats_activation` for " +
			"each, and imports with what `kine_mirror_imports` makes of these.\n\n" +
			"The exports are the same for every account that mirrors the bucket. The `*` in one of the subjects is where the importing account's " +
			"public key stands: write that in its place in the activation, as in the example of `kine_mirror_imports`, so that no account sees " +
			"what is on its way to another one's mirror. Activations are revoked in each export: " +
			"`merge(export, { revocations = { (importer) = \"2026-01-01T00:00:00Z\" } })`. " +
			"A mirror then gets nothing more, which looks as if its source could not be reached.\n\n" +
			"The bucket is in the JetStream domain of the servers that the accounts are on; its mirrors may be in that of a leaf node. An account " +
			"with these activations can have the bucket's messages delivered to other subjects of the exporting account that somebody " +
			"subscribes to, so an account whose buckets others mirror had better hold nothing else.",
		Parameters: []function.Parameter{bucketParameter()},
		Return:     function.ListReturn{ElementType: claimattr.ExportsAttribute().NestedObject.Type()},
	}
}

func (kineMirrorExports) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var bucket string
	if resp.Error = req.Arguments.Get(ctx, &bucket); resp.Error != nil {
		return
	}
	if resp.Error = checkBucket(bucket); resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, claimattr.ExportsValue(ctx, mirror.Exports(bucket)))
}
