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

// granted is the least that KINE needs on a bucket named kine. It was found by taking each away from a user under which
// KINE ran, and stands here once more so that the code cannot agree with itself.
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

// Each permission of KINE that is taken away from the user of an endpoint is named, it alone, and at once; so are several.
// The check itself needs no other permission, and leaves nothing behind.
func TestAccMissingPermissions(t *testing.T) {
	user := func(name string, publish []string, subscribe string) natslab.User {
		return natslab.User{Name: name, Password: "p", Permissions: &natslab.Permissions{
			Publish: natslab.SubjectPermission{Allow: publish}, Subscribe: natslab.SubjectPermission{Allow: []string{subscribe}},
		}}
	}
	const inbox = "_INBOX.>"
	users := []natslab.User{{Name: "admin", Password: "p"}, user("enough", granted, inbox)}
	// wants is what is said about each user, in quiet words for one who lacks nothing.
	wants := map[string]string{"enough": ""}
	lacks := func(name string, publish []string, subscribe, want string) {
		users = append(users, user(name, publish, subscribe))
		wants[name] = `Bucket "kine": KINE needs permission on bucket kine ` + want + ", which the user does not have. Grant these permissions to the user that k3s connects with."
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
			block := endpoint(servers(lab.URLs()...), fmt.Sprintf("user = %q", name), `password = "p"`, literal, fmt.Sprintf("verify = %q", verify))
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
				t.Errorf("of user %s is said %q with %s, not %q", name, found, verify, want)
			}
		}
	}
	if after := contents(t, js); after != before {
		t.Errorf("the check has changed something:\n%s", cmp.Diff(before, after))
	}
	w.Configure(t, acctest.ProviderConfig([]string{"nats://127.0.0.1:1"})+
		endpoint(servers(lab.URLs()...), `user = "enough"`, `password = "p"`, literal, `verify = "etcd"`))
	w.Apply(t)
}
