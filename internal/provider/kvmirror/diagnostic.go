package kvmirror

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/bucketid"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/streamerror"
)

// sourceError is a failure on the source's side.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "its source: " + e.err.Error() }

func (e *sourceError) Unwrap() error { return e.err }

// addError tells a failure of an action on the mirror.
func addError(diags *diag.Diagnostics, action string, m *mirrorModel, err error) {
	subject := m.subject()
	subject.Add(diags, action, err, failure(subject, err))
}

// failure finds out what a failure is about. A CLI does not show a nested attribute, so the step names it.
func failure(subject streamerror.Subject, err error) streamerror.Failure {
	var (
		exists       *mirror.ExistsError
		broken       *mirror.BrokenError
		source       *mirror.SourceError
		promoted     *mirror.PromotedError
		unrepairable *mirror.UnrepairableError
		onItsSide    *sourceError
	)
	switch {
	case errors.As(err, &exists) && exists.Mirror.Promoted:
		return streamerror.Failure{At: path.Root(bucketid.Name), Step: fmt.Sprintf("A bucket is not made a mirror. Choose another name, or delete "+
			"it yourself if nobody needs it. If it is a mirror that was promoted, it is a nats_kine_bucket now, and imported as one, by the id '%s'.",
			subject.ID.ImportID())}
	case errors.As(err, &exists):
		return subject.Exists()
	case errors.As(err, &promoted):
		return streamerror.Failure{Step: promotedStep(subject.ID)}
	case errors.As(err, &broken):
		return brokenFailure(broken)
	case errors.As(err, &source) && source.Mirror:
		return streamerror.Failure{At: atBucket, Step: "Set source to what that mirror is a mirror of."}
	case errors.As(err, &source):
		return streamerror.Failure{At: atBucket, Step: "Repair the bucket first, as the apply of a nats_kine_bucket does, or set source.bucket to another one."}
	case errors.As(err, &unrepairable):
		return streamerror.Failure{Step: "Nothing was changed. Run plan again for what can be done."}
	case errors.As(err, &onItsSide):
		return sourceFailure(onItsSide.err)
	case errors.Is(err, kine.ErrNotFound):
		return streamerror.Failure{Step: "It was deleted while Terraform was at work. Run plan again."}
	}
	return subject.Failure(err)
}

// sourceFailure finds out what a failure to look at the source is about.
func sourceFailure(err error) streamerror.Failure {
	var (
		refused *natsconn.AccountAuthError
		absent  *natsconn.NoJetStreamError
	)
	switch {
	case errors.Is(err, kine.ErrNotFound):
		return streamerror.Failure{At: atBucket, Step: "Check source.bucket, source.jetstream_domain and source.account, and that the bucket is made before its mirror: " +
			"with source = { bucket = nats_kine_bucket.x.name } it is."}
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		return streamerror.Failure{At: atSourceAccount, Step: "Here, that is source.account. To mirror a bucket that the provider cannot ask, set source.api_prefix, " +
			"source.deliver_prefix and history, and leave source.account out."}
	case errors.As(err, &absent) && absent.Domain != "":
		return streamerror.Failure{At: atSourceDomain, Step: "Here, that is source.jetstream_domain."}
	}
	return streamerror.Failure{At: atSource}
}

// shareStep is how accounts get to mirror buckets of each other.
const shareStep = "The account of the source has to export what kine_mirror_exports returns for the bucket, with activations for the account of the mirror, " +
	"which has to import what kine_mirror_imports returns."

// brokenFailure finds out what keeps a mirror from following its source.
func brokenFailure(e *mirror.BrokenError) streamerror.Failure {
	inDomain := e.Source.Domain != ""
	switch e.Cause {
	case mirror.CauseSameDomain:
		return streamerror.Failure{At: atSource, Step: "Another domain: set source.jetstream_domain to that of the source, and jetstream_domain to another one. " +
			"Another account: set account, and source.account or source.api_prefix and source.deliver_prefix. " + shareStep}
	case mirror.CauseNoAnswer:
		if inDomain {
			return streamerror.Failure{At: atSourceDomain, Step: "Check source.jetstream_domain, and the leaf node connection between the servers of the two domains: " +
				"it has to join the account of the mirror on both sides."}
		}
		return streamerror.Failure{At: atAPIPrefix, Step: "Check source.api_prefix. " + shareStep}
	case mirror.CauseNoDelivery:
		if inDomain {
			return streamerror.Failure{At: atSourceDomain, Step: "Check the leaf node connection between the servers of the two domains, and what it lets pass."}
		}
		return streamerror.Failure{At: atDeliverPrefix, Step: "Check source.deliver_prefix. " + shareStep}
	case mirror.CauseSourceMissing:
		return streamerror.Failure{At: atBucket, Step: "Check source.bucket, and that the bucket is made before its mirror."}
	case mirror.CauseOtherSource:
		return streamerror.Failure{At: atBucket, Step: "Check that source.account and source.jetstream_domain, by which the provider finds the source, lead to the same " +
			"bucket as source.api_prefix does in the account of the mirror."}
	case mirror.CauseFlowControl:
		return streamerror.Failure{At: atSource, Step: shareStep}
	case mirror.CauseUnreachable:
		return streamerror.Failure{At: atSource, Step: "The mirror stays as it is, and goes on once the source is back. Run apply again then."}
	}
	return streamerror.Failure{At: atSource}
}

// promotedStep is what to do about a mirror that is a bucket by now.
func promotedStep(id bucketid.Model) string {
	return fmt.Sprintf("It is a nats_kine_bucket now. Take it out of the state of this resource, with a removed block that does not destroy or with state rm, and import "+
		"it as a nats_kine_bucket, by the id '%s'.", id.ImportID())
}
