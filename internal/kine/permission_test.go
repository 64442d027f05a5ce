package kine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// limitedUser returns a user with the permissions of KINE on a bucket except one.
func limitedUser(name, bucket, without string) natslab.User {
	var publish []string
	for _, p := range permissions(bucket) {
		if p.subject != without {
			publish = append(publish, p.subject)
		}
	}
	subscribe := []string{InboxSubject}
	if without == InboxSubject {
		subscribe = []string{"nothing"} // an empty list permits everything
	}
	return natslab.User{Name: name, Password: name, Permissions: &natslab.Permissions{
		Publish: natslab.SubjectPermission{Allow: publish}, Subscribe: natslab.SubjectPermission{Allow: subscribe},
	}}
}

// limitedURL returns the endpoint of such a user.
func limitedURL(t *testing.T, lab *natslab.Server, user string, spec Spec) string {
	t.Helper()
	url, err := Endpoint{Servers: lab.URLs(), User: user, Password: user, Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// refusals returns the server's messages about refused subjects.
func refusals(lab *natslab.Server) []string {
	return slices.DeleteFunc(lab.Log(), func(line string) bool { return !strings.Contains(line, "Violation") })
}

// With its permissions KINE passes the etcd suite, and the server refuses nothing.
func TestPermissionsSuffice(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t, natslab.Users(limitedUser("k3s", "kine", "")))
	k := kinelab.Run(t, limitedURL(t, lab, "k3s", testSpec))
	etcdtest.Run(t, k.Endpoint())
	if got := refusals(lab); len(got) > 0 {
		t.Errorf("the server refused:\n%s", strings.Join(got, "\n"))
	}
}

// Without any one of its permissions KINE does something that the server refuses: at start, or at a read, write or
// delete. The exception is flow control, which KINE 0.17.5 never uses.
func TestPermissionsAreNeeded(t *testing.T) {
	t.Parallel()
	subjects := []string{InboxSubject}
	for _, p := range permissions("kine") {
		subjects = append(subjects, p.subject)
	}
	for _, subject := range subjects {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			lab := natslab.Single(t, natslab.Users(limitedUser("k3s", "kine", subject)))
			if subject == "$JS.FC.KV_kine.>" {
				etcdtest.Run(t, kinelab.Run(t, limitedURL(t, lab, "k3s", testSpec)).Endpoint())
				if got := refusals(lab); len(got) > 0 {
					t.Errorf("flow control is needed after all:\n%s", strings.Join(got, "\n"))
				}
				return
			}

			ctx, cancel := context.WithCancel(t.Context())
			used := make(chan struct{})
			go func() {
				defer close(used)
				useKINE(ctx, limitedURL(t, lab, "k3s", testSpec))
			}()
			prefix := strings.TrimSuffix(subject, ">")
			eventually(t, "the server refuses "+subject, func() bool {
				return slices.ContainsFunc(refusals(lab), func(line string) bool { return strings.Contains(line, `"`+prefix) })
			})
			cancel()
			<-used
		})
	}
}

// useKINE starts KINE, then writes, reads and deletes a key until ctx ends.
func useKINE(ctx context.Context, url string) {
	k, err := kinelab.Start(ctx, kinelab.Config{Endpoint: url})
	if err != nil {
		return
	}
	defer func() { _ = k.Stop() }()
	client, err := etcdtest.Dial(ctx, k.Endpoint())
	if err != nil {
		return
	}
	defer func() { _ = client.Close() }()
	const key = "/registry/key"
	created, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
		"value")).Commit()
	if err != nil {
		return
	}
	if _, err := client.Get(ctx, key); err != nil {
		return
	}
	_, _ = client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", created.Header.Revision)).
		Then(clientv3.OpDelete(key)).Else(clientv3.OpGet(key)).Commit()
}

// codeConsumerNotFound is the API's JSConsumerNotFoundErr.
const codeConsumerNotFound = 10014

// All permissions that a user lacks are named in one error, and the check changes nothing.
func TestVerifyContractNamesPermissions(t *testing.T) {
	t.Parallel()
	subjects := []string{"", InboxSubject}
	for _, p := range permissions("kine") {
		subjects = append(subjects, p.subject)
	}
	users := []natslab.User{{Name: "admin", Password: "admin"}}
	for i, subject := range subjects {
		users = append(users, limitedUser(string(rune('a'+i)), "kine", subject))
	}
	none := natslab.User{Name: "none", Password: "none", Permissions: &natslab.Permissions{
		Publish:   natslab.SubjectPermission{Deny: []string{">"}},
		Subscribe: natslab.SubjectPermission{Allow: []string{InboxSubject}},
	}}
	lab := natslab.Single(t, natslab.Users(append(users, none)...))
	admin := newClient(t, lab.URLs(), natsconn.Auth{User: "admin", Password: "admin"}).JetStream("")
	mustCreate(t, admin, testSpec)
	if err := startsKINEAs(t, limitedURL(t, lab, "admin", testSpec)); err != nil {
		t.Fatal(err)
	}
	before, err := Read(t.Context(), admin, "kine")
	if err != nil {
		t.Fatal(err)
	}

	verify := func(t *testing.T, user string) *MissingPermissionError {
		t.Helper()
		watch := natslab.StartStopwatch()
		client := newClient(t, lab.URLs(), natsconn.Auth{User: user, Password: user})
		found := VerifyContract(t.Context(), client, testSpec, "", true)
		if watch.Waited() > 3*time.Second {
			t.Errorf("it took %s", watch)
		}
		if len(found) == 0 {
			return nil
		}
		var missing *MissingPermissionError
		if len(found) != 1 || !errors.As(found[0], &missing) {
			t.Fatalf("found %v", found)
		}
		return missing
	}
	for i, subject := range subjects {
		t.Run("without "+subject, func(t *testing.T) {
			var want *MissingPermissionError
			switch subject {
			case "":
			case InboxSubject:
				want = &MissingPermissionError{Bucket: "kine", Subscribe: []string{subject}}
			default:
				want = &MissingPermissionError{Bucket: "kine", Publish: []string{subject}}
			}
			got := verify(t, string(rune('a'+i)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is missing differs:\n%s", diff)
			}
			if got != nil && !strings.Contains(got.Error(), "scribe to "+subject) &&
				!strings.Contains(got.Error(), "publish to "+subject) {
				t.Errorf("the error does not name it: %v", got)
			}
		})
	}
	t.Run("without any", func(t *testing.T) {
		all := slices.Clone(subjects[2:])
		slices.Sort(all)
		if diff := cmp.Diff(&MissingPermissionError{Bucket: "kine", Publish: all}, verify(t, "none")); diff != "" {
			t.Errorf("what is missing differs:\n%s", diff)
		}
	})

	after, err := Read(t.Context(), admin, "kine")
	if err != nil {
		t.Fatal(err)
	}
	// The number of consumers proves nothing: some of KINE's come and go shortly after it was stopped.
	err = admin.Request(t.Context(), "CONSUMER.INFO."+StreamName("kine")+"."+probeConsumer, nil, nil)
	if !natsconn.IsAPIError(err, codeConsumerNotFound) {
		t.Errorf("trying the permissions made a consumer: %v", err)
	}
	after.Consumers = before.Consumers
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("trying the permissions changed the bucket:\n%s", diff)
	}
	streams, err := lab.NATSServer().Jsz(nil)
	if err != nil || streams.Streams != 1 {
		t.Errorf("there are %d streams after the probes, %v", streams.Streams, err)
	}
}

// startsKINEAs returns why KINE does not start with an endpoint, or nil if it does.
func startsKINEAs(t *testing.T, url string) error {
	t.Helper()
	k, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: url})
	if err != nil {
		return err
	}
	return k.Stop()
}
