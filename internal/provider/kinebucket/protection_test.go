package kinebucket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// protected is a bucket with deletion protection, in the words of the configuration.
func protected(name string, on bool, more string) string {
	return fmt.Sprintf(`
resource "terraform_data" "trigger" {
  input = %q
}
resource "nats_kine_bucket" "test" {
  name                = %q
  deletion_protection = %t
  %s
}
`, more, name, on, more)
}

const replaceTriggered = `lifecycle { replace_triggered_by = [terraform_data.trigger] }`

// Every way in which a plan can destroy a bucket is refused in the plan while the bucket is protected, and the data
// stay.
func TestAccCLIKineBucketProtection(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	config := acctest.ProviderConfig(lab.URLs())
	w := acctest.NewWorkspace(t, config+protected("kine", true, ""))
	w.Apply(t)
	if _, err := js.PublishMsg(t.Context(), acctest.DeleteMarker(t, "kine", "/registry/health", 4)); err != nil {
		t.Fatal(err)
	}

	refused := func(t *testing.T, want string, args ...string) {
		t.Helper()
		out, err := w.Run(t.Context(), args...)
		if err == nil {
			t.Fatalf("%v was not refused:\n%s", args, out)
		}
		if !acctest.Text(want).MatchString(out) {
			t.Errorf("%v: no %q in\n%s", args, want, out)
		}
		stream, err := js.Stream(t.Context(), "KV_kine")
		if err != nil {
			t.Fatalf("after %v: %v", args, err)
		}
		if n := stream.CachedInfo().State.Msgs; n != 1 {
			t.Fatalf("after %v the bucket holds %d messages, not 1", args, n)
		}
	}
	const (
		isProtected   = "Kine Bucket Is Protected"
		neverReplaced = "Kine Bucket Is Never Replaced"
	)

	t.Run("destroy", func(t *testing.T) {
		refused(t, isProtected, "plan", "-destroy")
		refused(t, isProtected, "destroy", "-auto-approve")
	})
	t.Run("removed from the configuration", func(t *testing.T) {
		w.Configure(t, config)
		refused(t, isProtected, "plan")
		refused(t, "use a removed block with lifecycle { destroy = false }", "plan")
	})
	t.Run("a change that forces replacement", func(t *testing.T) {
		w.Configure(t, config+protected("other", true, ""))
		refused(t, `name is "kine" and cannot become "other"`, "plan")
	})
	t.Run("together with lifting the protection", func(t *testing.T) {
		w.Configure(t, config+protected("other", false, ""))
		refused(t, neverReplaced, "plan")
	})
	t.Run("-replace", func(t *testing.T) {
		w.Configure(t, config+protected("kine", true, ""))
		refused(t, isProtected, "plan", "-replace="+address)
	})
	t.Run("-replace together with lifting the protection", func(t *testing.T) {
		w.Configure(t, config+protected("kine", false, ""))
		refused(t, isProtected, "plan", "-replace="+address)
	})
	t.Run("-replace that creates first", func(t *testing.T) {
		w.Configure(t, config+protected("kine", true, "lifecycle { create_before_destroy = true }"))
		refused(t, isProtected, "plan", "-replace="+address)
	})
	t.Run("replace_triggered_by", func(t *testing.T) {
		w.Configure(t, config+protected("kine", true, replaceTriggered))
		refused(t, isProtected, "plan", "-replace=terraform_data.trigger")
	})
	t.Run("tainted", func(t *testing.T) {
		w.Configure(t, config+protected("kine", true, ""))
		w.Must(t, "taint", address)
		refused(t, "run untaint on its address", "apply", "-auto-approve")
		w.Must(t, "untaint", address)
		w.AssertEmptyPlan(t)
	})
	t.Run("to what only the apply knows", func(t *testing.T) {
		w.Configure(t, config+strings.NewReplacer(`input = ""`, `input = "other"`, `"kine"`, "terraform_data.trigger.output").
			Replace(protected("kine", true, "")))
		refused(t, neverReplaced, "apply", "-auto-approve")
	})
	t.Run("lifted by an apply of its own", func(t *testing.T) {
		w.Configure(t, config+protected("kine", false, ""))
		w.Apply(t)
		w.Must(t, "plan", "-replace="+address)
		w.Must(t, "destroy", "-auto-approve")
		if _, err := js.Stream(t.Context(), "KV_kine"); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("after the destroy: %v", err)
		}
	})
}

// An attached KINE keeps even an unprotected bucket from being deleted; what a finished KINE leaves behind does not.
func TestAccKineBucketDeleteGuard(t *testing.T) {
	for name, start := range map[string]func(*testing.T) natsLab{
		"single server": func(t *testing.T) natsLab { t.Helper(); return natslab.Single(t) },
		"cluster":       func(t *testing.T) natsLab { t.Helper(); return natslab.Cluster(t, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			lab := start(t)
			js := openJetStream(t, lab.Connect(t))
			config := acctest.ProviderConfig(lab.URLs())
			var running *kinelab.Kine

			acctest.Run(t, resource.TestCase{
				CheckDestroy: noStream(js, "KV_kine", "KV_forced"),
				Steps: []resource.TestStep{
					{Config: config + bucketConfig("")},
					{
						PreConfig: func() {
							running = attachKINE(t, js, lab, "kine")
						},
						Config:      config,
						ExpectError: acctest.Text("KINE is attached to the bucket kine:"),
					},
					{
						PreConfig: func() {
							if err := running.Stop(); err != nil {
								t.Fatal(err)
							}
							if n := consumers(t, js, "KV_kine"); n == 0 {
								t.Error("KINE left no consumers behind, so the test shows nothing")
							}
						},
						Config: config,
					},
					{Config: config + bucketConfig("name = \"forced\"\n  force_destroy = true")},
					{
						PreConfig: func() { attachKINE(t, js, lab, "forced") },
						Config:    config,
					},
				},
			})
		})
	}
}

// A fenced bucket takes no writes, so KINE's pulls on it do not matter.
func TestAccKineBucketDeleteFenced(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	config := acctest.ProviderConfig(lab.URLs())
	acctest.Run(t, resource.TestCase{
		CheckDestroy: noStream(js, "KV_kine"),
		Steps: []resource.TestStep{
			{Config: config + bucketConfig("")},
			{
				PreConfig: func() { attachKINE(t, js, lab, "kine") },
				Config:    config + bucketConfig("fenced = true"),
			},
			{Config: config},
		},
	})
}

// attachKINE starts KINE on a bucket and waits until its consumers show.
func attachKINE(t *testing.T, js jetstream.JetStream, lab natsLab, bucket string) *kinelab.Kine {
	t.Helper()
	running := kinelab.Run(t, acctest.EndpointURL(t, lab.URLs(), kine.Spec{Name: bucket, History: 10, Replicas: 1}))
	acctest.WaitFor(t, "KINE's consumers", func() bool { return consumers(t, js, "KV_"+bucket) > 0 })
	return running
}

func consumers(t *testing.T, js jetstream.JetStream, stream string) int {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Consumers
}
