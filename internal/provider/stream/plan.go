package stream

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// PlanDefaults sets the account and the JetStream domain that the configuration leaves out, and checks that the
// provider can work in the account. It reports whether both succeeded, and passes each error to fail.
func (m *Model) PlanDefaults(data *connection.Data, config *Model, fail func(error)) (ok bool) {
	ok = true
	failed := func(err error) {
		if err != nil {
			ok = false
			fail(err)
		}
	}
	if m.JetStreamDomain.IsUnknown() && config.JetStreamDomain.IsNull() {
		var err error
		m.JetStreamDomain, err = PlanDomain(data)
		failed(err)
	}
	if m.Account.IsUnknown() && config.Account.IsNull() {
		m.Account = PlanAccount(data)
	}
	if data != nil && (!m.Account.IsUnknown() || !config.Account.IsNull()) {
		failed(data.CheckAccount(m.Account))
	}
	return ok
}

// PlanCreate plans the attributes that only the creation of the stream determines.
func (m *Model) PlanCreate() {
	m.Cluster, m.Pending, m.ContractViolations = types.StringUnknown(), types.StringUnknown(), NoDifferences()
}

// PlanUpdate plans what an update changes in addition to the configuration. A difference that cannot be repaired is an
// error, or a warning if the stream is left unchanged; explain returns the reason and the next step. moves reports
// whether the stream moves to other servers.
func (m *Model) PlanUpdate(
	ctx context.Context, state *Model, left bool, explain func(kine.Difference) string, diags *diag.Diagnostics,
) (moves bool) {
	m.ContractViolations = NoDifferences()
	if left {
		m.ContractViolations = state.ContractViolations
	}
	for _, d := range Unrepairable(ctx, state.ContractViolations, diags) {
		if left {
			diags.AddAttributeWarning(path.Root(DifferencesAttr), "Stream Is Left Unchanged", explain(d))
		} else {
			diags.AddAttributeError(path.Root(DifferencesAttr), "Stream Cannot Be Repaired", explain(d))
		}
	}
	moves = Moves(ctx, m.Placement, state.Placement, state.Cluster, diags)
	m.Cluster, m.Pending = state.Cluster, types.StringNull()
	if moves || !m.Replicas.Equal(state.Replicas) || !state.Pending.IsNull() {
		m.Pending = types.StringUnknown()
	}
	if moves || !state.Pending.IsNull() {
		m.Cluster = types.StringUnknown()
	}
	return moves
}

// WarnOfHistory warns that a shorter history drops revisions. reason may explain why.
func (m *Model) WarnOfHistory(kind Kind, state *Model, reason string, diags *diag.Diagnostics) {
	if m.History.IsUnknown() || m.History.ValueInt64() >= state.History.ValueInt64() {
		return
	}
	diags.AddAttributeWarning(path.Root("history"), "Older Revisions Will Be Deleted",
		secret.Sprintf("The %s %q will keep %s revisions of each key instead of %s%s. The server deletes the older "+
			"ones immediately; the current value of every key remains.", kind.Noun, state.Name.ValueString(), m.History,
			state.History, reason))
}

// leftKey is the key in the private state that records whether the stream is left unchanged.
const leftKey = "left_alone"

// PrivateState reads the private state of a request.
type PrivateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// LeavesStream reports whether a plan leaves a stream that cannot be repaired unchanged, which is the way to remove it:
// the plan lifts the protection, or an earlier plan did so for the same stream, and nothing else of the stream changes.
// It is not enough that the resource is not protected: unless an apply lifts the protection, the user would not learn
// that the stream is broken.
func (m *Model) LeavesStream(ctx context.Context, state *Model, private PrivateState, diags *diag.Diagnostics) bool {
	if len(Unrepairable(ctx, state.ContractViolations, diags)) == 0 ||
		!m.DeletionProtection.Equal(types.BoolValue(false)) {
		return false
	}
	return (state.DeletionProtection.ValueBool() || LeftAlone(ctx, private, diags)) &&
		m.History.Equal(state.History) && m.Replicas.Equal(state.Replicas) && m.Placement.Equal(state.Placement)
}

// LeftAlone reports whether an earlier apply left the stream unchanged.
func LeftAlone(ctx context.Context, private PrivateState, diags *diag.Diagnostics) bool {
	left, d := private.GetKey(ctx, leftKey)
	diags.Append(d...)
	return string(left) == fmt.Sprint(true)
}

// RemoveStep returns the first step to remove a stream that cannot be repaired: lifting its protection, if any.
func (m *Model) RemoveStep() string {
	if m.DeletionProtection.ValueBool() {
		return "set deletion_protection = false and apply that, then "
	}
	return ""
}
