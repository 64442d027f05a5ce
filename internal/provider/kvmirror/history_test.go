package kvmirror_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A mirror that keeps fewer revisions than its source is not a copy of it. It is refused, and nothing is created.
func TestAccCLIKVMirrorOtherHistory(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	w := acctest.NewWorkspace(t, provider+mirrorConfig(fromHub, "history = 5"))
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	const want = "keeps 12 revisions of each key, and a copy with another number would not have the same content. " +
		"Remove history, or set history = 12."
	if err == nil || !acctest.Text(want).MatchString(out) {
		t.Errorf("no %q: %v\n%s", want, err, out)
	}
	if _, err := open(t, lab.Leaf.Connect(t)).Stream(t.Context(), "KV_kine"); !errors.Is(err,
		jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was created: %v", err)
	}
	w.Configure(t, provider+mirrorConfig(fromHub, "history = 12"))
	w.Apply(t)
	w.AssertEmptyPlan(t)
}
