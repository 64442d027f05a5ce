// Package kine holds what KINE, the shim through which k3s stores its state in NATS, demands of a JetStream bucket and of
// a datastore endpoint. Each fact of that contract stands here once.
//
// Since version 0.14.10 KINE creates its bucket at every start, which the server only accepts for an existing bucket if
// it equals the request in every field; any other setting keeps k3s from starting. The request is made in
// pkg/drivers/nats/new.go of github.com/k3s-io/kine.
package kine

import (
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// What a bucket may be, and is by default. The ranges are those of KINE's parseConnection; a server takes a history of
// up to 64 and up to 5 replicas.
const (
	DefaultBucket   = "kine"
	DefaultHistory  = 10
	MinHistory      = 2
	MaxHistory      = 64
	DefaultReplicas = 1
	MinReplicas     = 1
	MaxReplicas     = 5
)

const (
	// description is what KINE writes into every bucket.
	description = "Holds kine key/values"
	// duplicateWindow is what nats.go asks for with every bucket.
	duplicateWindow = 2 * time.Minute
	// streamPrefix and subjectPrefix are how a key-value bucket is laid out on a stream (ADR-8 of NATS).
	streamPrefix  = "KV_"
	subjectPrefix = "$KV."
)

// maxBucketLength keeps the name of the bucket's stream within the 255 characters that nats-server allows (JSMaxNameLen).
const maxBucketLength = 255 - len(streamPrefix)

var bucketPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// CheckBucket checks the name of a bucket: letters, digits, dashes and underscores, up to 252 characters.
func CheckBucket(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a bucket needs a name")
	case secret.What(name) != "":
		return fmt.Errorf("it is %s and not the name of a bucket", secret.What(name))
	case len(name) > maxBucketLength:
		return fmt.Errorf("the name of a bucket has at most %d characters, not %d", maxBucketLength, len(name))
	case !bucketPattern.MatchString(name):
		return secret.Errorf("%q is not the name of a bucket: only letters, digits, dashes and underscores may stand in it", name)
	}
	return nil
}

// StreamName returns the name of the stream behind a bucket.
func StreamName(bucket string) string { return streamPrefix + bucket }

// Subjects returns the subject that a bucket's stream listens on, that of all its keys.
func Subjects(bucket string) string { return subjectPrefix + bucket + ".>" }

// KeySubject returns the subject of one key, encoded by [EncodeKey].
func KeySubject(bucket, encoded string) string { return subjectPrefix + bucket + "." + encoded }

// Spec is what can be chosen about a bucket without breaking the contract.
type Spec struct {
	// Name of the bucket, see [CheckBucket].
	Name string
	// History is the number of revisions kept of each key, MinHistory to MaxHistory.
	History int64
	// Replicas is the number of servers that hold the bucket, MinReplicas to MaxReplicas.
	Replicas int
}

// Contract returns the only stream configuration that KINE accepts for the bucket.
func Contract(spec Spec) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamName(spec.Name),
		Description:       description,
		Subjects:          []string{Subjects(spec.Name)},
		Retention:         jetstream.LimitsPolicy,
		MaxConsumers:      -1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgsPerSubject: spec.History,
		MaxMsgSize:        -1,
		Discard:           jetstream.DiscardNew,
		Storage:           jetstream.FileStorage,
		Replicas:          spec.Replicas,
		Duplicates:        duplicateWindow,
		Compression:       jetstream.NoCompression,
		AllowDirect:       true,
		DenyDelete:        true,
		AllowRollup:       true,
	}
}
