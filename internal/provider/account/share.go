package account

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

// ExportType is the type of one of the attribute exports of nats_account.
func ExportType() attr.Type { return exportsAttribute().NestedObject.Type() }

// ImportType is the type of one of the attribute imports of nats_account.
func ImportType() attr.Type { return importsAttribute().NestedObject.Type() }

// ExportsValue returns exports as the attribute of that name takes them.
func ExportsValue(ctx context.Context, exports []claims.Export) attr.Value {
	var fields []attribute.Fields
	for _, e := range exports {
		fields = append(fields, exportFields(e))
	}
	return attribute.Value(ctx, exportsAttribute().GetType(), fields)
}

// ImportsValue returns imports as the attribute of that name takes them.
func ImportsValue(ctx context.Context, imports []claims.Import) attr.Value {
	var fields []attribute.Fields
	for _, i := range imports {
		fields = append(fields, importFields(i))
	}
	return attribute.Value(ctx, importsAttribute().GetType(), fields)
}
