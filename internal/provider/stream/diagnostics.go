package stream

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Resource is a bucket or a mirror as diagnostics name it.
type Resource struct {
	Kind
	Identity  Identity
	Placement types.Object
}

// Failure is the failure of an action.
type Failure struct {
	// At is the attribute that caused the failure, empty for the resource as a whole.
	At path.Path
	// Step is the next step, in addition to the text of [connection.Explain].
	Step string
}

// Exists is the failure of a creation because a stream of that name exists.
func (r Resource) Exists() Failure {
	return Failure{At: path.Root(NameAttr), Step: fmt.Sprintf("To manage the existing one, import it: terraform "+
		"import ADDRESS '%s', where ADDRESS is the address of this resource. Otherwise, choose another name.",
		r.Identity.ImportID())}
}

// Failure returns the attribute and the next step of an error of the connection or of the JetStream API.
func (r Resource) Failure(err error) Failure {
	var (
		refused      *natsconn.AccountAuthError
		absent       *natsconn.NoJetStreamError
		unrepairable *kine.UnrepairableError
	)
	switch {
	case errors.As(err, &unrepairable):
		return Failure{Step: "Nothing was changed. Run plan again to see what to do."}
	case errors.Is(err, kine.ErrNoCluster):
		return Failure{At: path.Root(PlacementAttr), Step: "Remove placement, or connect to a cluster."}
	case errors.Is(err, kine.ErrNotFound):
		return Failure{Step: "It was deleted while Terraform was running. Run plan again."}
	case natsconn.IsAPIError(err, natsconn.CodeNoSuitablePeers) && !r.Placement.IsNull():
		return Failure{At: path.Root(PlacementAttr)}
	case natsconn.IsAPIError(err, natsconn.CodeReplicasNotSupported, natsconn.CodeNoSuitablePeers, natsconn.CodeNoLimits):
		return Failure{At: path.Root("replicas")}
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		return Failure{At: path.Root(AccountAttr)}
	case errors.As(err, &absent) && absent.Domain != "" && !r.Identity.JetStreamDomain.IsNull():
		return Failure{At: path.Root(JetStreamDomainAttr)}
	}
	return Failure{}
}

// Add adds the error of a failed action. action is a verb such as "Create".
func (r Resource) Add(diags *diag.Diagnostics, action string, err error, failure Failure) {
	detail := secret.Sprintf("%s %q: %s", strings.ToUpper(r.Noun[:1])+r.Noun[1:], r.Identity.Name.ValueString(),
		connection.Explain(err))
	if failure.Step != "" {
		detail += "\n\n" + failure.Step
	}
	summary := fmt.Sprintf("Unable to %s %s", action, r.Title)
	if len(failure.At.Steps()) == 0 {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(failure.At, summary, detail)
}

// WarnOfAdoption warns that a creation adopted a stream that has existed since the given time. A server does not record
// which client created a stream.
func (r Resource) WarnOfAdoption(diags *diag.Diagnostics, since time.Time) {
	diags.AddAttributeWarning(path.Root(NameAttr), r.Title+" Already Existed",
		secret.Sprintf("The %[1]s %[2]q has existed since %[3]s, with the planned settings and unused, and was "+
			"adopted. An interrupted apply leaves such a %[1]s behind.\n\nIf no apply was interrupted, another "+
			"workspace or configuration may own the %[1]s, and two clusters would share it: remove it from this "+
			"state with state rm, and choose another name.",
			r.Noun, r.Identity.Name.ValueString(), since.UTC().Format(time.RFC3339)))
}

// NotePending records in pending the step that a creation or update did not finish, and warns of it. Several steps are
// separated by semicolons.
func (r Resource) NotePending(diags *diag.Diagnostics, pending *types.String, step string, err error) {
	if err == nil {
		return
	}
	note := fmt.Sprintf("%s: %v", step, err)
	if !pending.IsNull() {
		note = pending.ValueString() + "; " + note
	}
	*pending = types.StringValue(note)
	diags.AddWarning(r.Title+" Is Not Finished",
		secret.Sprintf("The %s %q exists, but one step is not finished yet: %s\n\nNothing is lost. The next apply "+
			"continues with it.",
			r.Noun, r.Identity.Name.ValueString(), connection.Explain(err)))
}
