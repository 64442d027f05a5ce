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

func (kineMirrorExports) Definition(
	_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse,
) {
	resp.Definition = function.Definition{
		Summary: "Exports that let other accounts mirror a bucket",
		MarkdownDescription: "Returns the exports, for `exports` of `nats_account`, that let other accounts mirror a " +
			"bucket of the account and do nothing else. Each export is private (`token_required`): an account that mirrors " +
			"the bucket needs a `nats_activation` for each of them, and imports them with `kine_mirror_imports`.\n\n" +
			"The exports are the same for every account that mirrors the bucket. One of the subjects contains a `*` that " +
			"stands for the public key of the importing account. Replace the `*` with that public key in the activation, as " +
			"in the example of `kine_mirror_imports`, so that no account can read the messages of another account's mirror. " +
			"To revoke an activation, add a revocation to each export: `merge(export, { revocations = { (importer) = " +
			"\"2026-01-01T00:00:00Z\" } })`. The mirror then receives no more messages, as if its source were unreachable.\n\n" +
			"The bucket must be in the JetStream domain of the servers that hold the accounts; its mirrors can be in the " +
			"domain of a leaf node. An account with these activations can also have the bucket's messages delivered to other " +
			"subjects of the exporting account, if a client subscribes to them. Keep nothing else in an account whose buckets " +
			"are mirrored by others.",
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
