package kine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// ErrNotFound says that there is no such bucket.
var ErrNotFound = errors.New("the bucket does not exist")

// ErrNoCluster says that a placement was asked of a server that is part of no cluster.
var ErrNoCluster = errors.New("the server is not part of a NATS cluster, so there is no placement to choose")

// errNoReplicas is what servers since 2.14 answer to an update that asks for replicas outside of a cluster. 2.12 takes the
// number and keeps one copy all the same, as measured with 2.12.15; so it is not asked.
var errNoReplicas = &natsconn.APIError{
	Code: 500, ErrCode: natsconn.CodeReplicasNotSupported, Description: "replicas > 1 not supported in non-clustered mode",
}

// ExistsError says that a stream of the name exists already and cannot be taken over.
type ExistsError struct {
	// Bucket is the existing bucket. Its differences are relative to the bucket that should have been created.
	Bucket *Bucket
	// IsMirror is set if it is a mirror, ForMirror if a mirror was to be made.
	IsMirror, ForMirror bool
}

func (e *ExistsError) Error() string {
	switch {
	case e.ForMirror && !e.IsMirror:
		return fmt.Sprintf("a stream %s exists already and is no mirror; it holds %s", StreamName(e.Bucket.Name), e.Bucket.Contents())
	case e.ForMirror && len(e.Bucket.Differences) > 0:
		return fmt.Sprintf("a mirror %s exists already and differs: %s", e.Bucket.Name, describeUnlike(e.Bucket.Differences))
	case e.ForMirror:
		return fmt.Sprintf("the mirror %s exists already: %s", e.Bucket.Name, e.Bucket.Contents())
	case len(e.Bucket.Differences) > 0:
		return fmt.Sprintf("a stream %s exists already and is no bucket that KINE accepts: %s",
			StreamName(e.Bucket.Name), DescribeDifferences(e.Bucket.Differences))
	case e.Bucket.Fence != nil:
		return fmt.Sprintf("the bucket %s exists already and is fenced", e.Bucket.Name)
	}
	return fmt.Sprintf("the bucket %s exists already: %s", e.Bucket.Name, e.Bucket.Contents())
}

// UnrepairableError says which fields of a stream differ and cannot be updated.
type UnrepairableError struct {
	Stream      string
	Differences []Difference
	// ForMirror is set if the stream should be that of a mirror.
	ForMirror bool
}

func (e *UnrepairableError) Error() string {
	if e.ForMirror {
		return fmt.Sprintf("the stream %s cannot be updated to what the mirror should be: %s", e.Stream, describeUnlike(e.Differences))
	}
	return fmt.Sprintf("stream %s cannot be made into a bucket that KINE accepts: %s", e.Stream, DescribeDifferences(e.Differences))
}

// UnchangedError says that the server has answered an update of a stream with success, and that the stream is not as it was asked to be: it
// was changed again by somebody else, or never.
type UnchangedError struct {
	Stream string
	// Differences are where it differs from what was asked for.
	Differences []Difference
}

func (e *UnchangedError) Error() string {
	return fmt.Sprintf("the server has confirmed the update of the stream %s, and it is not as it was asked to be: %s", e.Stream, describeUnlike(e.Differences))
}

// DescribeDifferences says in words where a stream differs from the contract.
func DescribeDifferences(differences []Difference) string {
	return join(differences, Difference.String)
}

// describeUnlike says in words where a stream differs from anything else.
func describeUnlike(differences []Difference) string { return join(differences, Difference.Unlike) }

func join(differences []Difference, describe func(Difference) string) string {
	texts := make([]string, len(differences))
	for i, d := range differences {
		texts[i] = describe(d)
	}
	return strings.Join(texts, "; ")
}

// AttachedError says that KINE is at work on a bucket that was to be deleted.
type AttachedError struct {
	Bucket *Bucket
	// Consumers is the number of consumers with a waiting pull.
	Consumers int
}

func (e *AttachedError) Error() string {
	return fmt.Sprintf("KINE is attached to the bucket %s: %d of its consumers wait for messages. The bucket holds %s",
		e.Bucket.Name, e.Consumers, e.Bucket.Contents())
}

// SuccessorError says that a fence must stay because another bucket was promoted in place of this one.
type SuccessorError struct{ Successor string }

func (e *SuccessorError) Error() string {
	return fmt.Sprintf("the bucket was fenced because %s was promoted in its place: "+
		"lifting the fence would leave two writable copies of one Kubernetes cluster", e.Successor)
}

// UnsettledError says that a step which the server carries out in the background was not done in time.
type UnsettledError struct {
	// Waiting says what is still missing, in the user's words.
	Waiting string
	Err     error
}

func (e *UnsettledError) Error() string { return e.Waiting }

func (e *UnsettledError) Unwrap() error { return e.Err }
