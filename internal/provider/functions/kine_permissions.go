package functions

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

type kinePermissions struct{}

// NewKINEPermissions returns the function kine_permissions.
func NewKINEPermissions() function.Function { return kinePermissions{} }

func (kinePermissions) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "kine_permissions"
}

// permissionsType returns the type of the attribute permissions of nats_user.
func permissionsType() types.ObjectType {
	of, ok := claimattr.PermissionsAttribute("").GetType().(types.ObjectType)
	if !ok {
		panic("permissions is not an object")
	}
	return of
}

func (kinePermissions) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Permissions that KINE needs for a bucket",
		MarkdownDescription: "Returns the minimum permissions that KINE needs for a bucket, for `permissions` of " +
			"`nats_user`. A user with these permissions cannot change, purge or delete the bucket's stream, and cannot access " +
			"other buckets.",
		Parameters: []function.Parameter{bucketParameter()},
		Return:     function.ObjectReturn{AttributeTypes: permissionsType().AttrTypes},
	}
}

func (kinePermissions) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var bucket string
	if resp.Error = req.Arguments.Get(ctx, &bucket); resp.Error != nil {
		return
	}
	if resp.Error = checkBucket(bucket); resp.Error != nil {
		return
	}
	var permissions claims.Permissions
	permissions.Publish.Allow, permissions.Subscribe.Allow = kine.Permissions(bucket)
	resp.Error = resp.Result.Set(ctx, attribute.Value(ctx, permissionsType(), claimattr.PermissionFields(permissions)))
}

// bucketParameter returns the parameter for the name of a bucket, which is the first parameter.
func bucketParameter() function.StringParameter {
	return function.StringParameter{
		Name:                "bucket",
		MarkdownDescription: fmt.Sprintf("Name of the bucket, for example `%s`.", kine.DefaultBucket),
	}
}

// checkBucket checks the name of a bucket, which is the first argument.
func checkBucket(bucket string) *function.FuncError {
	if err := kine.CheckBucket(bucket); err != nil {
		return function.NewArgumentFuncError(0, "The bucket name is invalid: "+err.Error()+".")
	}
	return nil
}
