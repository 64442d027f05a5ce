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

// Resource is a bucket or a mirror as diagnostics speak of it.
type Resource struct {
	Kind
	Identity  Identity
	Placement types.Object
}

// Failure is a failure of an action.
type Failure struct {
	// At is the attribute that the failure is about, empty for the resource as a whole.
	At path.Path
	// Step is what to do, besides what [connection.Explain] says.
	Step string
}

// Exists is the failure of a creation that met a stream of the name.
func (r Resource) Exists() Failure {
	return Failure{At: path.Root(NameAttr), Step: fmt.Sprintf("If it is the one you mean, import it: terraform import ADDRESS '%s', "+
		"where ADDRESS is the address of this resource. If it is not, choose another name.", r.Identity.ImportID())}
}

// Failure finds out what an error of the connection or of the JetStream API is about.
func (r Resource) Failure(err error) Failure {
	var (
		refused      *natsconn.AccountAuthError
		absent       *natsconn.NoJetStreamError
		unrepairable *kine.UnrepairableError
	)
	switch {
	case errors.As(err, &unrepairable):
		return Failure{Step: "Nothing was changed. Run plan again for what can be done."}
	case errors.Is(err, kine.ErrNoCluster):
		return Failure{At: path.Root(PlacementAttr), Step: "Leave placement out, or connect to a cluster."}
	case errors.Is(err, kine.ErrNotFound):
		return Failure{Step: "It was deleted while Terraform was at work. Run plan again."}
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

// Add tells that an action failed. action is in the form of "Create".
func (r Resource) Add(diags *diag.Diagnostics, action string, err error, failure Failure) {
	detail := secret.Sprintf("%s %q: %s", strings.ToUpper(r.Noun[:1])+r.Noun[1:], r.Identity.Name.ValueString(), connection.Explain(err))
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

// WarnOfAdoption warns that a creation took over what was there before, since a time. A server does not tell who has made it.
func (r Resource) WarnOfAdoption(diags *diag.Diagnostics, since time.Time) {
	diags.AddAttributeWarning(path.Root(NameAttr), r.Title+" Was There Already",
		secret.Sprintf("The %[1]s %[2]q has been there since %[3]s, as it should be and unused, and was taken over. An apply that was interrupted "+
			"leaves one like that.\n\nIf no apply was interrupted, another workspace or configuration may own it, and two clusters would share it: take "+
			"it out of this state then, with state rm, and choose another name.", r.Noun, r.Identity.Name.ValueString(), since.UTC().Format(time.RFC3339)))
}

// NotePending notes in pending what a creation or update has not finished, and warns of it. Several steps are noted one after another.
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
		secret.Sprintf("The %s %q is there, but one step is not done yet: %s\n\nNothing is lost. The next apply goes on with it.",
			r.Noun, r.Identity.Name.ValueString(), connection.Explain(err)))
}
