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

// permissionsType is the type of the attribute permissions of nats_user.
func permissionsType() types.ObjectType {
	of, ok := claimattr.PermissionsAttribute("").GetType().(types.ObjectType)
	if !ok {
		panic("permissions are no object")
	}
	return of
}

func (kinePermissions) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "What a user that runs k3s on a bucket has to be allowed",
		MarkdownDescription: "Returns the least permissions that KINE needs for one bucket, as `permissions` of `nats_user` takes them. With them a user can " +
			"neither change, purge or delete the bucket's stream, nor see another bucket.",
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

// bucketParameter is the name of a bucket, the first parameter.
func bucketParameter() function.StringParameter {
	return function.StringParameter{
		Name:                "bucket",
		MarkdownDescription: fmt.Sprintf("Name of the bucket, such as `%s`.", kine.DefaultBucket),
	}
}

// checkBucket checks the first argument.
func checkBucket(bucket string) *function.FuncError {
	if err := kine.CheckBucket(bucket); err != nil {
		return function.NewArgumentFuncError(0, "There is no such bucket: "+err.Error()+".")
	}
	return nil
}
