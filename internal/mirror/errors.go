package mirror

import (
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Cause is the reason why a mirror does not follow its source.
type Cause string

// The known causes. All except [CauseUnreachable] last until the configuration of one side changes.
const (
	// CauseSameDomain: source and mirror are in one account and one JetStream domain, where a bucket cannot be
	// mirrored.
	CauseSameDomain Cause = "same account and domain"
	// CauseNoAnswer: there is no answer under the API prefix of the source.
	CauseNoAnswer Cause = "no answer"
	// CauseNoDelivery: the API of the source answers, but no messages arrive.
	CauseNoDelivery Cause = "no delivery"
	// CauseSourceMissing: the source bucket does not exist.
	CauseSourceMissing Cause = "source missing"
	// CauseFlowControl: messages arrived until the source began to wait for a flow control reply of the mirror.
	CauseFlowControl Cause = "no flow control"
	// CauseOtherSource: the mirror follows a different bucket than the one that was read.
	CauseOtherSource Cause = "another bucket"
	// CauseRefused: the API of the source refuses the mirror for another reason, which is in the error.
	CauseRefused Cause = "refused"
	// CauseUnreachable: the mirror had contact to its source, but not for longer than [ContactLimit].
	CauseUnreachable Cause = "unreachable"
)

// BrokenError is returned if a mirror does not follow its source. It has the most likely cause.
type BrokenError struct {
	Cause  Cause
	Source Source
	// Err is the error that the server reported, if any.
	Err error
}

func (e *BrokenError) Error() string {
	text := e.text()
	if e.Err != nil {
		text += fmt.Sprintf(": %v", e.Err)
	}
	return text
}

func (e *BrokenError) text() string {
	switch e.Cause {
	case CauseSameDomain:
		return "the source is in the same account and JetStream domain as the mirror, where the mirror would answer " +
			"reads of the source with outdated values. Create the mirror in another domain or in another account"
	case CauseNoAnswer:
		if e.Source.Domain != "" {
			return secret.Sprintf("there is no answer from the JetStream domain %q of the source: the domain's name "+
				"is wrong, or its servers are not connected to the mirror's servers", e.Source.Domain)
		}
		return secret.Sprintf("there is no answer at the API prefix %q of the source: the prefix is wrong, or the "+
			"mirror's account does not import the services $JS.API.CONSUMER.CREATE.%[2]s and "+
			"$JS.API.CONSUMER.CREATE.%[2]s.> of the source's account under this prefix", e.Source.APIPrefix,
			kine.StreamName(e.Source.Bucket))
	case CauseNoDelivery:
		return secret.Sprintf("the source answers, but its messages do not arrive: the mirror's account does not "+
			"import the stream of the deliver prefix %q, or the prefix is wrong", e.Source.DeliverPrefix)
	case CauseSourceMissing:
		return fmt.Sprintf("the %s does not exist", e.Source)
	case CauseFlowControl:
		return fmt.Sprintf("the source stopped sending because it gets no flow control replies from the mirror: "+
			"the mirror's account does not import the service $JS.FC.%s.> of the source's account",
			kine.StreamName(e.Source.Bucket))
	case CauseOtherSource:
		return fmt.Sprintf("the mirror follows a different bucket: the %s is not the bucket that the provider "+
			"reads", e.Source)
	case CauseRefused:
		return fmt.Sprintf("the %s refuses to be mirrored", e.Source)
	case CauseUnreachable:
		return fmt.Sprintf("there has been no contact to the %s for more than %s", e.Source, ContactLimit)
	}
	return string(e.Cause)
}

func (e *BrokenError) Unwrap() error { return e.Err }

// Lasting reports whether the mirror can never follow its source with the present configuration. Waiting may help if
// not.
func (e *BrokenError) Lasting() bool { return e.Cause != CauseUnreachable }

// SourceError is returned if a bucket cannot be the source of a mirror.
type SourceError struct {
	Bucket string
	// Mirror is true if the bucket is a mirror itself.
	Mirror bool
	// Differences are its deviations from the KINE contract.
	Differences []kine.Difference
}

func (e *SourceError) Error() string {
	if e.Mirror {
		return fmt.Sprintf("bucket %s is a mirror itself: mirror its source instead", e.Bucket)
	}
	return fmt.Sprintf("stream %s is not a bucket that KINE accepts, so its mirror could not be promoted to one: %s",
		kine.StreamName(e.Bucket), kine.DescribeDifferences(e.Differences))
}

// PromotedError is returned if a stream that should be a mirror was promoted to a bucket.
type PromotedError struct{ Name string }

func (e *PromotedError) Error() string {
	return fmt.Sprintf("the stream %s is not a mirror: it was promoted and is an independent bucket",
		kine.StreamName(e.Name))
}

// DivergedError is returned if a mirror and its source have different histories.
type DivergedError struct{ Divergence }

func (e *DivergedError) Error() string { return e.String() }
