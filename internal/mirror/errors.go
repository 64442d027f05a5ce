package mirror

import (
	"fmt"
	"time"

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

// NotFollowingError is returned if a mirror that is to be promoted without a loss does not follow its source.
type NotFollowingError struct {
	Name string
	// Is describes the mirror, see [Mirror.Describe].
	Is string
}

func (e *NotFollowingError) Error() string {
	return fmt.Sprintf("the mirror %s does not follow its source, which must not be fenced then: %s", e.Name, e.Is)
}

// LagError is returned if a mirror is too far behind its source to be promoted.
type LagError struct{ Lag, Max uint64 }

func (e *LagError) Error() string {
	return fmt.Sprintf("the mirror is %d messages behind its source, and at most %d are allowed", e.Lag, e.Max)
}

// SilenceError is returned if a mirror lost contact to its source too long ago to be promoted.
type SilenceError struct {
	// Silence is the time since the last sign of life, or [Never].
	Silence time.Duration
	Max     time.Duration
}

func (e *SilenceError) Error() string {
	if e.Silence == Never {
		return fmt.Sprintf("it is unknown when the mirror last had contact to its source, and at most %s are allowed", e.Max)
	}
	return fmt.Sprintf("the mirror last had contact to its source %s ago, and at most %s are allowed",
		e.Silence.Round(time.Second), e.Max)
}

// SourceAliveError is returned if the source of a mirror is not lost, so that promoting the mirror without fencing the
// source would result in two writable copies.
type SourceAliveError struct {
	Source Source
	// Answers is true if the source's API answers, and Fence is its fence then, or nil.
	Answers bool
	Fence   *kine.Fence
	// Contact is the time since the mirror's last contact otherwise.
	Contact time.Duration
}

func (e *SourceAliveError) Error() string {
	if e.Answers {
		return fmt.Sprintf("the %s answers, so it is not lost", e.Source)
	}
	return fmt.Sprintf("the mirror had contact to the %s %s ago, so it is not lost", e.Source,
		e.Contact.Round(time.Second))
}

// VersionError is returned if the servers are too old to promote a mirror.
type VersionError struct{ Name string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the servers of the mirror %s cannot promote it: that needs nats-server %s or later", e.Name,
		promoteVersion)
}
