package attribute

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// Decode reads an object into a struct of types with tfsdk tags, one for each attribute of the object. A null or
// unknown object leaves the struct as it is. A struct that does not fit the object is a bug, and panics.
func Decode[T any](ctx context.Context, object basetypes.ObjectValue, into *T) {
	if object.IsNull() || object.IsUnknown() {
		return
	}
	if diags := object.As(ctx, into, basetypes.ObjectAsOptions{}); diags.HasError() {
		panic(fmt.Sprintf("%T does not fit %s: %v", into, object.Type(ctx), diags))
	}
}
