// Package kine implements the contract between KINE, the shim through which k3s stores its state in NATS, and a
// JetStream bucket or datastore endpoint. It is the only place that states facts of that contract.
//
// Since version 0.14.10, KINE creates its bucket at every start. The server accepts this for an existing bucket only if
// every field equals the request; any other setting prevents k3s from starting. The request is sent in
// pkg/drivers/nats/new.go of github.com/k3s-io/kine.
package kine

import (
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Ranges and defaults of a bucket. The ranges are those of KINE's parseConnection; nats-server accepts a history of up
// to 64 and up to 5 replicas.
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
	// description is the description that KINE sets on every bucket.
	description = "Holds kine key/values"
	// duplicateWindow is the duplicate window that nats.go requests for every bucket.
	duplicateWindow = 2 * time.Minute
	// streamPrefix and subjectPrefix map a key-value bucket to a stream and its subjects (NATS ADR-8).
	streamPrefix  = "KV_"
	subjectPrefix = "$KV."
)

// maxBucketLength keeps the name of the bucket's stream within the 255 characters that nats-server allows
// (JSMaxNameLen).
const maxBucketLength = 255 - len(streamPrefix)

var bucketPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// CheckBucket returns an error unless name is a valid bucket name: 1 to 252 letters, digits, dashes and underscores.
func CheckBucket(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name of a bucket must not be empty")
	case secret.What(name) != "":
		return fmt.Errorf("it is %s, not the name of a bucket", secret.What(name))
	case len(name) > maxBucketLength:
		return fmt.Errorf("the name of a bucket can have at most %d characters, not %d", maxBucketLength, len(name))
	case !bucketPattern.MatchString(name):
		return secret.Errorf("%q is not the name of a bucket: only letters, digits, dashes and underscores are allowed", name)
	}
	return nil
}

// StreamName returns the name of the stream behind a bucket.
func StreamName(bucket string) string { return streamPrefix + bucket }

// Subjects returns the subject of a bucket's stream, a wildcard that matches all keys.
func Subjects(bucket string) string { return subjectPrefix + bucket + ".>" }

// KeySubject returns the subject of one key. The key must be encoded by [EncodeKey].
func KeySubject(bucket, encoded string) string { return subjectPrefix + bucket + "." + encoded }

// Spec holds the settings of a bucket that the contract leaves open.
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
