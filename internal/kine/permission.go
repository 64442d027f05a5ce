package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// probeKey is the key whose subject represents all keys in permission checks. It is never written.
const probeKey = "/nats-k3s/permission-probe"

// probeConsumer is the name of a consumer that does not exist.
const probeConsumer = "nats-k3s-permission-probe"

// InboxSubject is the subject on which a user must be allowed to subscribe to receive replies.
const InboxSubject = "_INBOX.>"

// permission is a subject that KINE publishes to, with a probe message that changes nothing.
type permission struct {
	// subject is the subject to grant.
	subject string
	// probe is published instead; the server refuses or ignores it.
	probe *nats.Msg
}

// permissions returns the subjects that KINE publishes to for a bucket. Each was confirmed by removing it from the user
// of a running KINE 0.17.5: without it, KINE does not start, does not respond, or takes seconds for a delete. The
// exception is $JS.FC: the client library subscribes with flow control to read the history of a key, but the server
// uses flow control only for more than a megabyte in flight, which the headers of one key's revisions never reach.
func permissions(bucket string) []permission {
	stream := StreamName(bucket)
	key, err := EncodeKey(probeKey)
	if err != nil {
		panic(err) // probeKey is a constant
	}
	api := func(granted, probed, body string) permission {
		return permission{"$JS.API." + granted, &nats.Msg{Subject: "$JS.API." + probed, Data: []byte(body)}}
	}
	// A probe that would create something names another stream than its subject, so the API refuses it first.
	const other = `"nats-k3s-permission-probe"`

	write := nats.NewMsg(KeySubject(bucket, key))
	write.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(barrier, 10))
	return []permission{
		api("INFO", "INFO", ""),
		api("STREAM.CREATE."+stream, "STREAM.CREATE."+stream, `{"name":`+other+`}`),
		api("STREAM.INFO."+stream, "STREAM.INFO."+stream, ""),
		api("CONSUMER.CREATE."+stream+".>", "CONSUMER.CREATE."+stream+"."+probeConsumer,
			`{"stream_name":`+other+`,"config":{}}`),
		api("CONSUMER.DELETE."+stream+".>", "CONSUMER.DELETE."+stream+"."+probeConsumer, ""),
		api("CONSUMER.MSG.NEXT."+stream+".>", "CONSUMER.MSG.NEXT."+stream+"."+probeConsumer, ""),
		api("DIRECT.GET."+stream, "DIRECT.GET."+stream, "{}"),
		api("DIRECT.GET."+stream+".>", "DIRECT.GET."+stream+"."+KeySubject(bucket, key), ""),
		{"$JS.FC." + stream + ".>", &nats.Msg{Subject: "$JS.FC." + stream + "." + probeConsumer}},
		{Subjects(bucket), write},
	}
}

// Permissions returns the subjects that KINE must be allowed to publish and subscribe to for one bucket. They do not
// allow KINE to change, purge or delete the bucket's stream, or to access another stream.
func Permissions(bucket string) (publish, subscribe []string) {
	for _, p := range permissions(bucket) {
		publish = append(publish, p.subject)
	}
	return publish, []string{InboxSubject}
}

// IsUserOfKINE reports whether a user with only these publish permissions is a user for KINE: only such a user may pull
// from the consumers of a bucket's stream by name.
func IsUserOfKINE(publish []string) bool {
	return slices.ContainsFunc(publish, func(subject string) bool {
		return strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT."+streamPrefix)
	})
}

// MissingPermissionError reports the permissions that KINE needs and the user does not have.
type MissingPermissionError struct {
	Bucket string
	// Publish and Subscribe are the subjects to grant.
	Publish, Subscribe []string
}

func (e *MissingPermissionError) Error() string {
	var parts []string
	if len(e.Publish) > 0 {
		parts = append(parts, "to publish to "+strings.Join(e.Publish, ", "))
	}
	if len(e.Subscribe) > 0 {
		parts = append(parts, "to subscribe to "+strings.Join(e.Subscribe, ", "))
	}
	return fmt.Sprintf("KINE needs permission on bucket %s %s, which the user does not have", e.Bucket,
		strings.Join(parts, " and "))
}

// NewMissingPermission returns the error for a violation that the server reported to KINE on that bucket. It contains
// the subject to grant, not the subject that was denied.
func NewMissingPermission(bucket string, violation *natsconn.PermissionError) *MissingPermissionError {
	missing := &MissingPermissionError{Bucket: bucket}
	if !violation.Publish {
		missing.Subscribe = []string{InboxSubject}
		return missing
	}
	missing.Publish = []string{violation.Subject}
	for _, p := range permissions(bucket) {
		prefix, wildcard := strings.CutSuffix(p.subject, ">")
		if violation.Subject == p.subject || wildcard && strings.HasPrefix(violation.Subject, prefix) {
			missing.Publish[0] = p.subject
		}
	}
	return missing
}

// tryPermissions probes all subjects that KINE publishes to concurrently. The error is a [*MissingPermissionError] or
// an error of the connection.
func tryPermissions(ctx context.Context, client *natsconn.Client, bucket string) error {
	missing := &MissingPermissionError{Bucket: bucket}
	var (
		mu     sync.Mutex
		failed error
		wait   sync.WaitGroup
	)
	for _, p := range permissions(bucket) {
		wait.Go(func() {
			err := natsconn.RetryLost(ctx, func(ctx context.Context) error {
				_, err := client.Request(ctx, p.probe)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			var denied *natsconn.PermissionError
			switch {
			case err == nil, errors.Is(err, nats.ErrNoResponders):
			case errors.As(err, &denied) && denied.Publish:
				missing.Publish = append(missing.Publish, p.subject)
			case errors.As(err, &denied):
				missing.Subscribe = []string{InboxSubject}
			default:
				failed = errors.Join(failed, fmt.Errorf("permission for %s: %w", p.subject, err))
			}
		})
	}
	wait.Wait()
	if len(missing.Publish)+len(missing.Subscribe) > 0 {
		slices.Sort(missing.Publish)
		return missing
	}
	return failed
}
