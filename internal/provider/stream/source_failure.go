package stream

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// ErrNoOwnAccount means that the deliver prefix has no default.
var ErrNoOwnAccount = errors.New("the default of deliver_prefix contains the account of the copy, which is unknown: " +
	"it is the account of the provider's own credentials")

// SourceAccessError is a failure to query the source on its own side.
type SourceAccessError struct{ Err error }

func (e *SourceAccessError) Error() string { return "its source: " + e.Err.Error() }

func (e *SourceAccessError) Unwrap() error { return e.Err }

// HistoryError means that a copy would keep a different number of revisions from its source.
type HistoryError struct {
	// Source describes the source, and Has is the number of revisions that it keeps.
	Source string
	Has    int64
}

func (e *HistoryError) Error() string {
	return fmt.Sprintf("%s keeps %d revisions of each key, and a copy with another number would not have the same content",
		e.Source, e.Has)
}

// CheckHistory returns a [*HistoryError] if a copy would keep a different number of revisions from its source.
func (m Source) CheckHistory(has int64, wanted types.Int64) error {
	if wanted.ValueInt64() == has {
		return nil
	}
	return &HistoryError{Source: m.MirrorSource().String(), Has: has}
}

// shareStep describes how accounts can mirror each other's buckets.
const shareStep = "The account of the source must export what kine_mirror_exports returns for the bucket, with " +
	"activations for the account of the copy, which must import what kine_mirror_imports returns."

// SourceFailure returns the attribute and the next step of an error about the source. root is the attribute that holds
// the source, such as "source". ok is false for any other error. A CLI does not show a nested attribute, so the step
// names it.
func SourceFailure(root string, err error) (f Failure, ok bool) {
	var (
		broken *mirror.BrokenError
		source *mirror.SourceError
		side   *SourceAccessError
	)
	at := path.Root(root)
	// In the steps, @ stands for the name of the attribute.
	step := func(name, text string) Failure {
		if name != "" {
			at = at.AtName(name)
		}
		return Failure{At: at, Step: strings.ReplaceAll(text, "@", root)}
	}
	switch {
	case errors.Is(err, ErrNoOwnAccount):
		return step(DeliverPrefixAttr, "Set account to the public key of that account, or set @.deliver_prefix."), true
	case errors.As(err, &broken):
		return brokenFailure(broken, step), true
	case errors.As(err, &source) && source.Mirror:
		return step(BucketAttr, "Set @ to the source of that mirror."), true
	case errors.As(err, &source):
		return step(BucketAttr, "Repair the bucket first, for example with an apply of its nats_kine_bucket, or set "+
			"@.bucket to another bucket."), true
	case errors.As(err, &side):
		return sideFailure(side.Err, step), true
	}
	return Failure{}, false
}

// sideFailure returns the attribute and the next step of a failure to query the source.
func sideFailure(err error, step func(name, text string) Failure) Failure {
	var (
		refused *natsconn.AccountAuthError
		absent  *natsconn.NoJetStreamError
	)
	switch {
	case errors.Is(err, kine.ErrNotFound):
		return step(BucketAttr, "Check @.bucket, @.jetstream_domain and @.account, and make sure that the bucket is "+
			"created before its copy, for example with @.bucket = nats_kine_bucket.x.name.")
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		return step(AccountAttr, "In this case, the attribute is @.account.")
	case errors.As(err, &absent) && absent.Domain != "":
		return step(JetStreamDomainAttr, "In this case, the attribute is @.jetstream_domain.")
	}
	return step("", "")
}

// brokenFailure returns the attribute and the next step if a copy cannot follow its source.
func brokenFailure(e *mirror.BrokenError, step func(name, text string) Failure) Failure {
	inDomain := e.Source.Domain != ""
	switch e.Cause {
	case mirror.CauseSameDomain:
		return step("", "For a source in another domain, set @.jetstream_domain to its domain, and jetstream_domain "+
			"to a different one. For a source in another account, set account, and either @.account or both "+
			"@.api_prefix and @.deliver_prefix. "+shareStep)
	case mirror.CauseNoAnswer:
		if inDomain {
			return step(JetStreamDomainAttr,
				"Check @.jetstream_domain, and the leaf node connection between the servers of the two domains: "+
					"it must connect the account of the copy on both sides.")
		}
		return step(APIPrefixAttr, "Check @.api_prefix. "+shareStep)
	case mirror.CauseNoDelivery:
		if inDomain {
			return step(JetStreamDomainAttr, "Check the leaf node connection between the servers of the two "+
				"domains, and the subjects that it permits.")
		}
		return step(DeliverPrefixAttr, "Check @.deliver_prefix. "+shareStep)
	case mirror.CauseSourceMissing:
		return step(BucketAttr, "Check @.bucket, and make sure that the bucket is created before its copy.")
	case mirror.CauseOtherSource:
		return step(BucketAttr, "Check that @.account and @.jetstream_domain, with which the provider finds the "+
			"source, lead to the same bucket as @.api_prefix in the account of the copy.")
	case mirror.CauseFlowControl:
		return step("", shareStep)
	case mirror.CauseUnreachable:
		return step("", "The copy stays unchanged, and continues once the source is reachable again. Then run apply "+
			"again.")
	}
	return step("", "")
}
