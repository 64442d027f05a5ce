package kine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// ErrNotFound is returned if the bucket does not exist.
var ErrNotFound = errors.New("the bucket does not exist")

// ErrNoCluster is returned if a placement is requested from a server that is not part of a cluster.
var ErrNoCluster = errors.New("the server is not part of a NATS cluster, so a placement cannot be set")

// errNoReplicas is the error of servers since 2.14 for an update to more than one replica outside a cluster. 2.12.15
// accepts the number but keeps one copy, so the request is never sent.
var errNoReplicas = &natsconn.APIError{
	Code: 500, ErrCode: natsconn.CodeReplicasNotSupported, Description: "replicas > 1 not supported in non-clustered mode",
}

// ExistsError is returned if a stream of that name already exists and cannot be adopted.
type ExistsError struct {
	// Bucket is the existing bucket. Its differences are those from the bucket or mirror to create.
	Bucket *Bucket
	// IsMirror is true if the existing stream is a mirror, ForMirror if a mirror was to be created.
	IsMirror, ForMirror bool
}

func (e *ExistsError) Error() string {
	switch {
	case e.ForMirror && !e.IsMirror:
		return fmt.Sprintf("a stream %s already exists and is not a mirror; it holds %s", StreamName(e.Bucket.Name),
			e.Bucket.Contents())
	case e.ForMirror && len(e.Bucket.Differences) > 0:
		return fmt.Sprintf("a mirror %s already exists and differs: %s", e.Bucket.Name, describeUnlike(e.Bucket.Differences))
	case e.ForMirror:
		return fmt.Sprintf("the mirror %s already exists: %s", e.Bucket.Name, e.Bucket.Contents())
	case len(e.Bucket.Differences) > 0:
		return fmt.Sprintf("a stream %s already exists and is not a bucket that KINE accepts: %s",
			StreamName(e.Bucket.Name), DescribeDifferences(e.Bucket.Differences))
	case e.Bucket.Fence != nil:
		return fmt.Sprintf("the bucket %s already exists and is fenced", e.Bucket.Name)
	}
	return fmt.Sprintf("the bucket %s already exists: %s", e.Bucket.Name, e.Bucket.Contents())
}

// UnrepairableError reports the fields of a stream that differ and cannot be updated.
type UnrepairableError struct {
	Stream      string
	Differences []Difference
	// ForMirror is true if the stream should be a mirror.
	ForMirror bool
}

func (e *UnrepairableError) Error() string {
	if e.ForMirror {
		return fmt.Sprintf("the stream %s cannot be updated to the mirror: %s", e.Stream, describeUnlike(e.Differences))
	}
	return fmt.Sprintf("stream %s cannot be changed to a bucket that KINE accepts: %s", e.Stream,
		DescribeDifferences(e.Differences))
}

// UnchangedError is returned if the server confirmed an update of a stream but the stream does not have the requested
// configuration: the update had no effect, or another client has changed the stream since.
type UnchangedError struct {
	Stream string
	// Differences are the deviations from the request.
	Differences []Difference
}

func (e *UnchangedError) Error() string {
	return fmt.Sprintf("the server confirmed the update of the stream %s, but the stream differs from the request: %s",
		e.Stream, describeUnlike(e.Differences))
}

// DescribeDifferences describes how a stream differs from the contract.
func DescribeDifferences(differences []Difference) string {
	return join(differences, Difference.String)
}

// describeUnlike describes how a stream differs from any other wanted form.
func describeUnlike(differences []Difference) string { return join(differences, Difference.Unlike) }

func join(differences []Difference, describe func(Difference) string) string {
	texts := make([]string, len(differences))
	for i, d := range differences {
		texts[i] = describe(d)
	}
	return strings.Join(texts, "; ")
}

// AttachedError is returned if KINE is attached to a bucket that is to be deleted.
type AttachedError struct {
	Bucket *Bucket
	// Consumers is the number of consumers with a waiting pull.
	Consumers int
}

func (e *AttachedError) Error() string {
	return fmt.Sprintf("KINE is attached to the bucket %s: %d of its consumers wait for messages. The bucket holds %s",
		e.Bucket.Name, e.Consumers, e.Bucket.Contents())
}

// SuccessorError is returned if a fence must stay because another bucket was promoted instead of this one.
type SuccessorError struct{ Successor string }

func (e *SuccessorError) Error() string {
	return fmt.Sprintf("the bucket was fenced because %s was promoted instead: "+
		"lifting the fence would leave two writable copies of one Kubernetes cluster", e.Successor)
}

// UnsettledError is returned if an operation that the server runs in the background did not finish in time.
type UnsettledError struct {
	// Waiting describes what is still pending.
	Waiting string
	Err     error
}

func (e *UnsettledError) Error() string { return e.Waiting }

func (e *UnsettledError) Unwrap() error { return e.Err }
