package kinebucket

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

var _ resource.ResourceWithMoveState = (*bucketResource)(nil)

// mirrorType is the resource that a bucket can be moved from, without the name of the provider.
const mirrorType = "_kv_mirror"

// movedMirror is what the state of a mirror says of the bucket that it has become.
type movedMirror struct {
	Name               string  `json:"name"`
	Account            *string `json:"account"`
	JetStreamDomain    *string `json:"jetstream_domain"`
	History            int64   `json:"history"`
	Replicas           int64   `json:"replicas"`
	Cluster            *string `json:"cluster"`
	Pending            *string `json:"pending"`
	DeletionProtection *bool   `json:"deletion_protection"`
	Promoted           bool    `json:"promoted"`
	Datastore          struct {
		Writable *bool `json:"writable"`
	} `json:"datastore"`
}

// MoveState implements [resource.ResourceWithMoveState]: a promoted mirror is a bucket.
func (r *bucketResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: moveMirror}}
}

func moveMirror(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	provider := req.SourceProviderAddress[strings.LastIndexByte(req.SourceProviderAddress, '/')+1:]
	if req.SourceTypeName != provider+mirrorType || req.SourceSchemaVersion != 0 || req.SourceRawState == nil {
		return
	}
	var from movedMirror
	if err := json.Unmarshal(req.SourceRawState.JSON, &from); err != nil {
		resp.Diagnostics.AddError("Unable to Move "+kind.Title,
			secret.Sprintf("The state of the mirror cannot be decoded: %v.", err))
		return
	}
	if !from.Promoted {
		resp.Diagnostics.AddError("Mirror Is Not Promoted",
			secret.Sprintf("The mirror %q is not a bucket: only a promoted mirror can be moved to a "+
				"nats_kine_bucket.\n\nRemove the moved block, set promoted = true on the nats_kv_mirror, and apply that first.",
				from.Name))
		return
	}
	fenced := from.Datastore.Writable != nil && !*from.Datastore.Writable
	protected := from.DeletionProtection == nil || *from.DeletionProtection
	for name, value := range map[string]attr.Value{
		stream.NameAttr:            types.StringValue(from.Name),
		stream.AccountAttr:         types.StringPointerValue(from.Account),
		stream.JetStreamDomainAttr: types.StringPointerValue(from.JetStreamDomain),
		"history":                  types.Int64Value(from.History),
		"replicas":                 types.Int64Value(from.Replicas),
		"cluster":                  types.StringPointerValue(from.Cluster),
		"pending":                  types.StringPointerValue(from.Pending),
		"deletion_protection":      types.BoolValue(protected),
		"fenced":                   types.BoolValue(fenced),
		"force_unfence":            types.BoolValue(false),
		"force_destroy":            types.BoolValue(false),
		stream.DifferencesAttr:     stream.NoDifferences(),
	} {
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(name), value)...)
	}
	var moved bucketModel
	resp.Diagnostics.Append(resp.TargetState.Get(ctx, &moved)...)
	if resp.Diagnostics.HasError() {
		return
	}
	moved.derive()
	resp.Diagnostics.Append(resp.TargetState.Set(ctx, &moved)...)
	if resp.TargetIdentity != nil {
		resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, moved.Identity())...)
	}
	if resp.TargetPrivate != nil {
		resp.Diagnostics.Append(planmodifiers.RememberProtection(ctx, resp.TargetPrivate, protected)...)
		resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, successorKey, []byte(`""`))...)
	}
}
