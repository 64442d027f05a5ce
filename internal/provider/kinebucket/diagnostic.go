package kinebucket

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// addError tells a failure of an action on the bucket.
func addError(diags *diag.Diagnostics, action string, m *bucketModel, err error) {
	var (
		exists       *kine.ExistsError
		attached     *kine.AttachedError
		unrepairable *kine.UnrepairableError
		successor    *kine.SuccessorError
		refused      *natsconn.AccountAuthError
		absent       *natsconn.NoJetStreamError
		at           = path.Empty()
		step         string
	)
	switch {
	case errors.As(err, &exists):
		at = path.Root("name")
		step = fmt.Sprintf("If it is the one you mean, import it: terraform import ADDRESS '%s', where ADDRESS is the address of this "+
			"resource. If it is not, choose another name.", m.importID())
	case errors.As(err, &attached):
		step = "Stop every k3s (or KINE) that uses the bucket, and destroy it then. To delete it from under them, set " +
			"force_destroy = true and apply that first."
	case errors.As(err, &unrepairable):
		step = "Nothing was changed. Run plan again for what can be done."
	case errors.As(err, &successor):
		at = path.Root("fenced")
		step = "If that is what you want, set force_unfence = true."
	case errors.Is(err, kine.ErrNoCluster):
		at = path.Root("placement")
		step = "Leave placement out, or connect to a cluster."
	case natsconn.IsAPIError(err, natsconn.CodeSubjectsOverlap):
		at = path.Root("name")
		step = fmt.Sprintf("Another stream listens on subjects of %s already, which belong to the bucket. Find it with the NATS CLI "+
			"(nats stream ls, nats stream subjects), and change its subjects or choose another name.", kine.Subjects(m.Name.ValueString()))
	case errors.Is(err, kine.ErrNotFound):
		step = "It was deleted while Terraform was at work. Run plan again."
	case natsconn.IsAPIError(err, natsconn.CodeNoSuitablePeers) && !m.Placement.IsNull():
		at = path.Root("placement")
	case natsconn.IsAPIError(err, natsconn.CodeReplicasNotSupported, natsconn.CodeNoSuitablePeers, natsconn.CodeNoLimits):
		at = path.Root("replicas")
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		at = path.Root("account")
	case errors.As(err, &absent) && absent.Domain != "" && !m.JetStreamDomain.IsNull():
		at = path.Root("jetstream_domain")
	}
	detail := fmt.Sprintf("Bucket %q: %s", m.Name.ValueString(), connection.Explain(err))
	if step != "" {
		detail += "\n\n" + step
	}
	summary := fmt.Sprintf("Unable to %s %s", action, what)
	if at.Equal(path.Empty()) {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(at, summary, detail)
}

// notePending notes what a creation or update has not finished, and warns of it.
func (m *bucketModel) notePending(diags *diag.Diagnostics, step string, err error) {
	if err == nil {
		return
	}
	pending := fmt.Sprintf("%s: %v", step, err)
	if !m.Pending.IsNull() {
		pending = m.Pending.ValueString() + "; " + pending
	}
	m.Pending = types.StringValue(pending)
	diags.AddWarning(what+" Is Not Finished",
		fmt.Sprintf("The bucket %q is there, but one step is not done yet: %s\n\nNothing is lost. The next apply goes on with it.",
			m.Name.ValueString(), connection.Explain(err)))
}
