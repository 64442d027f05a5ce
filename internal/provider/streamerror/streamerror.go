// Package streamerror tells failures of what has a stream behind it, a bucket or a mirror, on the attribute that they are about and
// with the step to take.
package streamerror

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
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/bucketid"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/placement"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Subject is what failed.
type Subject struct {
	// What is the resource in summaries, such as "Kine Bucket", Noun in sentences, such as "bucket".
	What, Noun string
	ID         bucketid.Model
	Placement  types.Object
}

// Failure is a failure of an action.
type Failure struct {
	// At is the attribute that the failure is about, empty for the resource as a whole.
	At path.Path
	// Step is what to do, besides what [connection.Explain] says.
	Step string
}

// Exists is the failure of a creation that met a stream of the name.
func (s Subject) Exists() Failure {
	return Failure{At: path.Root(bucketid.Name), Step: fmt.Sprintf("If it is the one you mean, import it: terraform import ADDRESS '%s', "+
		"where ADDRESS is the address of this resource. If it is not, choose another name.", s.ID.ImportID())}
}

// Failure finds out what an error of the connection or of the JetStream API is about.
func (s Subject) Failure(err error) Failure {
	var (
		refused *natsconn.AccountAuthError
		absent  *natsconn.NoJetStreamError
	)
	switch {
	case errors.Is(err, kine.ErrNoCluster):
		return Failure{At: path.Root(placement.Name), Step: "Leave placement out, or connect to a cluster."}
	case errors.Is(err, kine.ErrNotFound):
		return Failure{Step: "It was deleted while Terraform was at work. Run plan again."}
	case natsconn.IsAPIError(err, natsconn.CodeNoSuitablePeers) && !s.Placement.IsNull():
		return Failure{At: path.Root(placement.Name)}
	case natsconn.IsAPIError(err, natsconn.CodeReplicasNotSupported, natsconn.CodeNoSuitablePeers, natsconn.CodeNoLimits):
		return Failure{At: path.Root("replicas")}
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		return Failure{At: path.Root(bucketid.Account)}
	case errors.As(err, &absent) && absent.Domain != "" && !s.ID.JetStreamDomain.IsNull():
		return Failure{At: path.Root(bucketid.JetStreamDomain)}
	}
	return Failure{}
}

// Add tells that an action failed. action is in the form of "Create".
func (s Subject) Add(diags *diag.Diagnostics, action string, err error, failure Failure) {
	detail := secret.Sprintf("%s %q: %s", strings.ToUpper(s.Noun[:1])+s.Noun[1:], s.ID.Name.ValueString(), connection.Explain(err))
	if failure.Step != "" {
		detail += "\n\n" + failure.Step
	}
	summary := fmt.Sprintf("Unable to %s %s", action, s.What)
	if len(failure.At.Steps()) == 0 {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(failure.At, summary, detail)
}

// WarnOfAdoption warns that a creation took over what was there before, since a time. A server does not tell who has made it.
func (s Subject) WarnOfAdoption(diags *diag.Diagnostics, since time.Time) {
	diags.AddAttributeWarning(path.Root(bucketid.Name), s.What+" Was There Already",
		secret.Sprintf("The %[1]s %[2]q has been there since %[3]s, as it should be and unused, and was taken over. An apply that was interrupted "+
			"leaves one like that.\n\nIf no apply was interrupted, another workspace or configuration may own it, and two clusters would share it: take "+
			"it out of this state then, with state rm, and choose another name.", s.Noun, s.ID.Name.ValueString(), since.UTC().Format(time.RFC3339)))
}

// NotePending notes in pending what a creation or update has not finished, and warns of it. Several steps are noted one after another.
func (s Subject) NotePending(diags *diag.Diagnostics, pending *types.String, step string, err error) {
	if err == nil {
		return
	}
	note := fmt.Sprintf("%s: %v", step, err)
	if !pending.IsNull() {
		note = pending.ValueString() + "; " + note
	}
	*pending = types.StringValue(note)
	diags.AddWarning(s.What+" Is Not Finished",
		secret.Sprintf("The %s %q is there, but one step is not done yet: %s\n\nNothing is lost. The next apply goes on with it.",
			s.Noun, s.ID.Name.ValueString(), connection.Explain(err)))
}
