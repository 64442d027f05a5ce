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

// PlanDefaults settles the account and the JetStream domain that the configuration leaves out, and checks that the provider can
// work in the account. It reports whether both are in order, and hands each failure to fail.
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

// PlanCreate plans what only the creation of the stream shows.
func (m *Model) PlanCreate() {
	m.Cluster, m.Pending, m.ContractViolations = types.StringUnknown(), types.StringUnknown(), NoDifferences()
}

// PlanUpdate plans what an update changes beside what is configured. A difference that cannot be repaired is an error, or a warning
// if the stream is left alone; explain says why, and what to do. moves reports whether the stream goes to other servers.
func (m *Model) PlanUpdate(
	ctx context.Context, state *Model, left bool, explain func(kine.Difference) string, diags *diag.Diagnostics,
) (moves bool) {
	m.ContractViolations = NoDifferences()
	if left {
		m.ContractViolations = state.ContractViolations
	}
	for _, d := range Unrepairable(ctx, state.ContractViolations, diags) {
		if left {
			diags.AddAttributeWarning(path.Root(DifferencesAttr), "Stream Is Left As It Is", explain(d))
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

// WarnOfHistory warns that a shorter history drops revisions. reason may say why it is planned.
func (m *Model) WarnOfHistory(kind Kind, state *Model, reason string, diags *diag.Diagnostics) {
	if m.History.IsUnknown() || m.History.ValueInt64() >= state.History.ValueInt64() {
		return
	}
	diags.AddAttributeWarning(path.Root("history"), "Older Revisions Go",
		secret.Sprintf("The %s %q keeps %s revisions of each key in place of %s%s. The server drops the older ones at once; the "+
			"current value of every key stays.", kind.Noun, state.Name.ValueString(), m.History, state.History, reason))
}

// leftKey is the part of the private state that says whether the stream is left alone.
const leftKey = "left_alone"

// PrivateState is the part of the private state of a request that is read.
type PrivateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// LeavesStream reports whether a plan leaves alone a stream that cannot be repaired, which is the way to get rid of it: the plan
// lifts the protection, or an earlier one has done so for the same stream, and nothing else of the stream changes. That the
// resource is not protected is not enough. Without an apply that has said so, nobody would learn that the stream is broken.
func (m *Model) LeavesStream(ctx context.Context, state *Model, private PrivateState, diags *diag.Diagnostics) bool {
	if len(Unrepairable(ctx, state.ContractViolations, diags)) == 0 || !m.DeletionProtection.Equal(types.BoolValue(false)) {
		return false
	}
	return (state.DeletionProtection.ValueBool() || LeftAlone(ctx, private, diags)) &&
		m.History.Equal(state.History) && m.Replicas.Equal(state.Replicas) && m.Placement.Equal(state.Placement)
}

// LeftAlone reports whether an earlier apply has left the stream alone.
func LeftAlone(ctx context.Context, private PrivateState, diags *diag.Diagnostics) bool {
	left, d := private.GetKey(ctx, leftKey)
	diags.Append(d...)
	return string(left) == fmt.Sprint(true)
}

// RemoveStep begins the way out of a stream that cannot be repaired: a protected resource is unprotected first.
func (m *Model) RemoveStep() string {
	if m.DeletionProtection.ValueBool() {
		return "set deletion_protection = false and apply that, then "
	}
	return ""
}
