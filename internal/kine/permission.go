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

// probeKey is the key whose subject stands for all keys when permissions are tried. Nothing is ever stored under it.
const probeKey = "/nats-k3s/permission-probe"

// probeConsumer is the name of a consumer that does not exist.
const probeConsumer = "nats-k3s-permission-probe"

// InboxSubject is what a user must be allowed to subscribe to, for the answers to its requests.
const InboxSubject = "_INBOX.>"

// permission is a subject that KINE publishes to, with a message to it that changes nothing.
type permission struct {
	// subject is what has to be granted.
	subject string
	// probe is published in its place; the server refuses or ignores it.
	probe *nats.Msg
}

// permissions lists what KINE publishes to on a bucket. Each was found by taking it away from a user under which KINE
// 0.17.5 ran: without it KINE does not start, does not answer, or takes seconds for a delete. The exception is $JS.FC: the
// client library subscribes with flow control when it looks up the history of a key, but the server asks for it only once a
// megabyte is under way, which the headers of one key's revisions never are.
func permissions(bucket string) []permission {
	stream := StreamName(bucket)
	key, err := EncodeKey(probeKey)
	if err != nil {
		panic(err) // probeKey is a constant
	}
	api := func(granted, probed, body string) permission {
		return permission{"$JS.API." + granted, &nats.Msg{Subject: "$JS.API." + probed, Data: []byte(body)}}
	}
	// What would make something names another stream than its subject, which the API refuses before it does anything.
	const other = `"nats-k3s-permission-probe"`

	write := nats.NewMsg(KeySubject(bucket, key))
	write.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(barrier, 10))
	return []permission{
		api("INFO", "INFO", ""),
		api("STREAM.CREATE."+stream, "STREAM.CREATE."+stream, `{"name":`+other+`}`),
		api("STREAM.INFO."+stream, "STREAM.INFO."+stream, ""),
		api("CONSUMER.CREATE."+stream+".>", "CONSUMER.CREATE."+stream+"."+probeConsumer, `{"stream_name":`+other+`,"config":{}}`),
		api("CONSUMER.DELETE."+stream+".>", "CONSUMER.DELETE."+stream+"."+probeConsumer, ""),
		api("CONSUMER.MSG.NEXT."+stream+".>", "CONSUMER.MSG.NEXT."+stream+"."+probeConsumer, ""),
		api("DIRECT.GET."+stream, "DIRECT.GET."+stream, "{}"),
		api("DIRECT.GET."+stream+".>", "DIRECT.GET."+stream+"."+KeySubject(bucket, key), ""),
		{"$JS.FC." + stream + ".>", &nats.Msg{Subject: "$JS.FC." + stream + "." + probeConsumer}},
		{Subjects(bucket), write},
	}
}

// Permissions returns the subjects that KINE has to be allowed to publish and to subscribe to for one bucket, and nothing more: with them
// it can neither change, purge or delete the bucket's stream, nor see another one.
func Permissions(bucket string) (publish, subscribe []string) {
	for _, p := range permissions(bucket) {
		publish = append(publish, p.subject)
	}
	return publish, []string{InboxSubject}
}

// IsUserOfKINE tells whether a user that may publish to these subjects alone is one for KINE: nobody else asks a bucket's consumers for
// messages of that bucket alone.
func IsUserOfKINE(publish []string) bool {
	return slices.ContainsFunc(publish, func(subject string) bool {
		return strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT."+streamPrefix)
	})
}

// MissingPermissionError says which permissions of KINE a user lacks.
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
	return fmt.Sprintf("KINE needs permission on bucket %s %s, and the user has none", e.Bucket, strings.Join(parts, " and "))
}

// NewMissingPermission returns the error for a violation that the server reported to a KINE on that bucket. It names what has
// to be granted, not the one subject that was refused.
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

// tryPermissions tries each subject that KINE publishes to, all at the same time. The error is a
// [*MissingPermissionError], or that of the connection.
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
