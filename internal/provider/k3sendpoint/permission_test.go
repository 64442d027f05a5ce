package k3sendpoint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// granted contains the permissions that KINE needs on a bucket named kine. They were determined by removing each
// permission from the user of a running KINE, and are repeated here so that the code is not compared with itself.
var granted = []string{
	"$JS.API.INFO",
	"$JS.API.STREAM.CREATE.KV_kine",
	"$JS.API.STREAM.INFO.KV_kine",
	"$JS.API.CONSUMER.CREATE.KV_kine.>",
	"$JS.API.CONSUMER.DELETE.KV_kine.>",
	"$JS.API.CONSUMER.MSG.NEXT.KV_kine.>",
	"$JS.API.DIRECT.GET.KV_kine",
	"$JS.API.DIRECT.GET.KV_kine.>",
	"$JS.FC.KV_kine.>",
	"$KV.kine.>",
}

// If the user of an endpoint lacks one or more permissions of KINE, the error names exactly these, without a delay. The
// verification needs no other permission, and leaves nothing behind.
func TestAccMissingPermissions(t *testing.T) {
	user := func(name string, publish []string, subscribe string) natslab.User {
		return natslab.User{Name: name, Password: "p", Permissions: &natslab.Permissions{
			Publish: natslab.SubjectPermission{Allow: publish}, Subscribe: natslab.SubjectPermission{Allow: []string{subscribe}},
		}}
	}
	const inbox = "_INBOX.>"
	users := []natslab.User{{Name: "admin", Password: "p"}, user("enough", granted, inbox)}
	// wants contains the expected text for each user, or "" for a user with all permissions.
	wants := map[string]string{"enough": ""}
	lacks := func(name string, publish []string, subscribe, want string) {
		users = append(users, user(name, publish, subscribe))
		wants[name] = `Bucket "kine": KINE needs permission on bucket kine ` + want +
			", which the user does not have. Grant these permissions to the user of k3s."
	}
	for i, subject := range granted {
		rest := slices.DeleteFunc(slices.Clone(granted), func(s string) bool { return s == subject })
		lacks(fmt.Sprintf("user-%d", i), rest, inbox, "to publish to "+subject)
	}
	lacks("no-inbox", granted, "elsewhere", "to subscribe to "+inbox)
	lacks("stranger", []string{"$JS.API.INFO", "$JS.API.STREAM.*.KV_other", "$KV.other.>"}, inbox,
		"to publish to "+strings.Join(slices.Sorted(slices.Values(granted[1:])), ", "))

	lab := natslab.Single(t, natslab.Users(users...), natslab.Domain("hub"))
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "kine")
	before := contents(t, js)

	var config strings.Builder
	config.WriteString(acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}))
	for name := range wants {
		for _, verify := range []string{"contract", "etcd"} {
			if name == "enough" && verify == "etcd" {
				continue // which writes: see below
			}
			block := endpoint(servers(lab.URLs()...), fmt.Sprintf("user = %q", name), `password = "p"`, literal,
				fmt.Sprintf("verify = %q", verify))
			config.WriteString(strings.Replace(block, `"test"`, fmt.Sprintf("%q", name+"-"+verify), 1))
		}
	}
	w := acctest.NewWorkspace(t, config.String())
	watch := natslab.StartStopwatch()
	errors := w.ApplyErrors(t)
	if watch.Waited() > 15*time.Second {
		t.Errorf("it took %s: something waits for an answer that does not come", watch)
	}
	for name, want := range wants {
		for _, verify := range []string{"contract", "etcd"} {
			found := errors[resourceType+"."+name+"-"+verify]
			switch {
			case want == "" && len(found) == 0:
			case len(found) != 1 || !acctest.Text(want).MatchString(found[0]):
				t.Errorf("user %s: %q with %s, want %q", name, found, verify, want)
			}
		}
	}
	if after := contents(t, js); after != before {
		t.Errorf("the verification has changed something:\n%s", cmp.Diff(before, after))
	}
	w.Configure(t, acctest.ProviderConfig([]string{"nats://127.0.0.1:1"})+
		endpoint(servers(lab.URLs()...), `user = "enough"`, `password = "p"`, literal, `verify = "etcd"`))
	w.Apply(t)
}
