package kinebucket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// killConfig is two buckets, which are worked on one after another.
func killConfig(proxy string, history int) string {
	const short = `connect_timeout = "1s"
  request_timeout = "1s"`
	// The timeouts are those of a patient user who does not want to wait for a server that stays away.
	return acctest.ProviderConfig([]string{proxy}, short) + fmt.Sprintf(`
resource "nats_kine_bucket" "test" {
  count               = %d
  name                = "b${count.index}"
  history             = %d
  deletion_protection = false
  timeouts = {
    create = "4s"
    read   = "4s"
    update = "4s"
    delete = "4s"
  }
}
`, killBuckets, history)
}

const killBuckets = 2

// killing is when the server is killed, and when it is back.
type killing struct {
	// held is what it was on: a request on its way to the server, or its reply.
	held string
	back string
}

// The server is killed at each step of an apply, before a request reaches it or after it answered, and comes back
// either at once or only after the apply has failed. The next apply converges: nothing is orphaned, tainted or lost.
// The other pairs are in TestAccSoakKineBucketServerKilled.
func TestAccKineBucketServerKilled(t *testing.T) {
	testServerKilled(t, killing{"request", "later"}, killing{"reply", "at once"})
}

func testServerKilled(t *testing.T, killings ...killing) {
	t.Helper()
	first := acctest.NewWorkspace(t, "")
	for _, c := range []struct {
		// from and to are the histories before and after the apply that is hit; 0 is no bucket.
		from, to int
		call     string
		nth      int
	}{
		{0, 10, "STREAM.INFO", 1},
		{0, 10, "STREAM.CREATE", 1},
		{0, 10, "STREAM.INFO", 2},
		{0, 10, "STREAM.CREATE", 2},
		{10, 12, "STREAM.INFO", 1}, // of the refresh
		{10, 12, "STREAM.UPDATE", 1},
		{10, 12, "STREAM.UPDATE", 2},
		{10, 0, "STREAM.DELETE", 1},
		{10, 0, "STREAM.DELETE", 2},
	} {
		for _, when := range killings {
			t.Run(fmt.Sprintf("%d to %d, %s of %s %d, back %s", c.from, c.to, when.held, c.call, c.nth, when.back), func(t *testing.T) {
				t.Parallel()
				k := newKill(t, first)
				if c.from > 0 {
					k.w.Configure(t, killConfig(k.proxy.ClientURL(), c.from))
					k.w.Apply(t)
					k.fill(t)
				}
				args := []string{"apply", "-auto-approve", "-parallelism=1"}
				if c.to > 0 {
					k.w.Configure(t, killConfig(k.proxy.ClientURL(), c.to))
				} else {
					args[0] = "destroy"
				}
				k.hit(t, when.held, c.call, c.nth, when.back == "at once", args)

				k.w.Must(t, args...)
				if c.to > 0 {
					k.w.AssertEmptyPlan(t)
				}
				k.check(t, c.from > 0 && c.to > 0, c.to)
			})
		}
	}
}

// kill is a server in a process of its own, a proxy before it, and a workspace that only knows the proxy.
type kill struct {
	server *natslab.ServerProcess
	proxy  *natslab.Proxy
	w      *acctest.Workspace
}

func newKill(t *testing.T, first *acctest.Workspace) *kill {
	t.Helper()
	server := natslab.Process(t)
	proxy := natslab.NewProxy(t, server.ClientURL())
	return &kill{server: server, proxy: proxy, w: first.Another(t, killConfig(proxy.ClientURL(), 10))}
}

// fill puts something into every bucket that must not get lost. The publish is acknowledged, and the server syncs it to
// the disk no later than with the next change of the stream's configuration.
func (k *kill) fill(t *testing.T) {
	t.Helper()
	js := openJetStream(t, k.server.Connect(t))
	for i := range killBuckets {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("$KV.b%d.x", i), []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
}

// hit runs the CLI, and kills the server when the n-th request of a kind is on its way there, or its reply on the way
// back.
func (k *kill) hit(t *testing.T, held, call string, n int, back bool, args []string) {
	t.Helper()
	match := func(subject string) bool { return strings.HasPrefix(subject, "$JS.API."+call+".") }
	hold := k.proxy.HoldRequest
	if held == "reply" {
		hold = k.proxy.HoldReply
	}
	caught := hold(n, match)
	type outcome struct {
		out string
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		out, err := k.w.Run(t.Context(), args...)
		done <- outcome{out, err}
	}()
	select {
	case <-caught.Held():
	case o := <-done:
		t.Fatalf("the CLI ended before %s %d: %v\n%s", call, n, o.err, o.out)
	case <-time.After(time.Minute):
		t.Fatalf("no %s %d within a minute", call, n)
	}
	k.server.Kill()
	caught.Drop()
	if back {
		k.server.Restart(t)
	}
	o := <-done
	if !back {
		if o.err == nil {
			t.Errorf("the apply succeeded without a server:\n%s", o.out)
		}
		k.server.Restart(t)
	} else {
		t.Logf("the interrupted run ended with: %v", o.err)
	}
	if strings.Contains(o.out, "panic") {
		t.Errorf("the provider crashed:\n%s", o.out)
	}
}

// check looks at what is on the server and in the state: the buckets, no more and no less, with what was in them.
func (k *kill) check(t *testing.T, filled bool, history int) {
	t.Helper()
	js := openJetStream(t, k.server.Connect(t))
	var have, want []string
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		have = append(have, name)
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	if history > 0 {
		for i := range killBuckets {
			want = append(want, fmt.Sprintf("KV_b%d", i))
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("the server has the streams %v, not %v", have, want)
	}
	for _, name := range have {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().Config.MaxMsgsPerSubject; got != int64(history) {
			t.Errorf("%s has history %d, not %d", name, got, history)
		}
		if _, err := stream.GetLastMsgForSubject(t.Context(), "$KV."+strings.TrimPrefix(name, "KV_")+".x"); filled &&
			err != nil {
			t.Errorf("what was in %s is lost: %v", name, err)
		} else if !filled && !errors.Is(err, jetstream.ErrMsgNotFound) {
			t.Errorf("%s is not empty: %v", name, err)
		}
	}

	var state struct {
		Resources []struct {
			Instances []struct {
				Status     string
				Attributes struct{ Name string }
			}
		}
	}
	if err := json.Unmarshal([]byte(k.w.Must(t, "state", "pull")), &state); err != nil {
		t.Fatal(err)
	}
	instances := 0
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			instances++
			if instance.Status != "" {
				t.Errorf("%s is %s in the state", instance.Attributes.Name, instance.Status)
			}
		}
	}
	if instances != len(want) {
		t.Errorf("the state has %d buckets, not %d", instances, len(want))
	}
}
