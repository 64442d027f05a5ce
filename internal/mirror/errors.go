package mirror

import (
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Cause is why a mirror does not follow its source.
type Cause string

// The causes that are told apart. All but [CauseUnreachable] last until somebody changes the configuration of one of the two
// sides.
const (
	// CauseSameDomain: source and mirror are in one account and one JetStream domain, where mirrors of buckets do not work.
	CauseSameDomain Cause = "same account and domain"
	// CauseNoAnswer: nothing answers under the source's API prefix.
	CauseNoAnswer Cause = "no answer"
	// CauseNoDelivery: the source's API answers, and its messages do not come.
	CauseNoDelivery Cause = "no delivery"
	// CauseSourceMissing: there is no bucket of the name where the mirror looks for it.
	CauseSourceMissing Cause = "source missing"
	// CauseFlowControl: messages come up to the point where the source waits for the mirror's word to send more.
	CauseFlowControl Cause = "no flow control"
	// CauseOtherSource: the mirror follows another bucket than the one that was looked at.
	CauseOtherSource Cause = "another bucket"
	// CauseRefused: the source's API refuses for another reason, which is in the error.
	CauseRefused Cause = "refused"
	// CauseUnreachable: there was contact, and none for longer than [ContactLimit].
	CauseUnreachable Cause = "unreachable"
)

// BrokenError says that a mirror does not follow its source, and why most likely.
type BrokenError struct {
	Cause  Cause
	Source Source
	// Err is the server's own error if it gave one.
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
		return "the source is in the account and JetStream domain of the mirror, where a mirror would answer for its source with " +
			"what is not the latest. Make the mirror in another domain, or in another account"
	case CauseNoAnswer:
		if e.Source.Domain != "" {
			return secret.Sprintf("nothing answers for the JetStream domain %q of the source from where the mirror is: the domain's name "+
				"is wrong, or its servers are not connected", e.Source.Domain)
		}
		return secret.Sprintf("nothing answers at the API prefix %q of the source: the prefix is wrong, or the mirror's account does not "+
			"import the services $JS.API.CONSUMER.CREATE.%[2]s and $JS.API.CONSUMER.CREATE.%[2]s.> of the source's account under it",
			e.Source.APIPrefix, kine.StreamName(e.Source.Bucket))
	case CauseNoDelivery:
		return secret.Sprintf("the source answers, and its messages do not come: the mirror's account does not import the stream of the "+
			"deliver prefix %q, or the prefix is another one", e.Source.DeliverPrefix)
	case CauseSourceMissing:
		return fmt.Sprintf("there is no %s", e.Source)
	case CauseFlowControl:
		return fmt.Sprintf("the source has stopped sending because the mirror's word that it may go on does not come through: the "+
			"mirror's account does not import the service $JS.FC.%s.> of the source's account", kine.StreamName(e.Source.Bucket))
	case CauseOtherSource:
		return fmt.Sprintf("the mirror follows another bucket than the one that was looked at: the %s is not that one", e.Source)
	case CauseRefused:
		return fmt.Sprintf("the %s refuses to be mirrored", e.Source)
	case CauseUnreachable:
		return fmt.Sprintf("the contact to the %s is lost for more than %s", e.Source, ContactLimit)
	}
	return string(e.Cause)
}

func (e *BrokenError) Unwrap() error { return e.Err }

// Lasting tells whether the mirror can never follow as things are configured. What is not lasting may be mended by waiting.
func (e *BrokenError) Lasting() bool { return e.Cause != CauseUnreachable }

// SourceError says why a bucket cannot be the source of a mirror.
type SourceError struct {
	Bucket string
	// Mirror is set if the bucket is a mirror itself.
	Mirror bool
	// Differences are where it breaks the KINE contract.
	Differences []kine.Difference
}

func (e *SourceError) Error() string {
	if e.Mirror {
		return fmt.Sprintf("bucket %s is a mirror itself: mirror the bucket that it is a mirror of", e.Bucket)
	}
	return fmt.Sprintf("stream %s is no bucket that KINE accepts, so a mirror of it could not be promoted to one: %s",
		kine.StreamName(e.Bucket), kine.DescribeDifferences(e.Differences))
}

// PromotedError says that what was to be worked on as a mirror was promoted, and is a bucket.
type PromotedError struct{ Name string }

func (e *PromotedError) Error() string {
	return fmt.Sprintf("the stream %s is no mirror: it was promoted, and is a bucket of its own", kine.StreamName(e.Name))
}

// DivergedError says that a mirror and its source have different histories.
type DivergedError struct{ Divergence }

func (e *DivergedError) Error() string { return e.String() }
