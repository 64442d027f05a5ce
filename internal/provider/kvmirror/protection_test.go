package kvmirror_test

import (
	"fmt"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// While the mirror is protected, every plan that would destroy it is refused, and the mirror remains.
func TestAccCLIKVMirrorProtection(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	leaf := open(t, lab.Leaf.Connect(t))
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	config := func(source string, protected bool, more string) string {
		return provider + fmt.Sprintf("resource \"terraform_data\" \"trigger\" {\n  input = %q\n}\n", more) +
			mirrorConfig(source, fmt.Sprintf("deletion_protection = %t\n  %s", protected, more))
	}
	w := acctest.NewWorkspace(t, config(fromHub, true, ""))
	w.Apply(t)
	created := info(t, leaf).Created

	const (
		isProtected   = "KV Mirror Is Protected"
		neverReplaced = "KV Mirror Is Never Replaced"
		fromOther     = `bucket = "other", jetstream_domain = "hub"`
		triggered     = "lifecycle { replace_triggered_by = [terraform_data.trigger] }"
		createFirst   = "lifecycle { create_before_destroy = true }"
	)
	cases := []struct {
		name, config, want string
		args               []string
	}{
		{"destroy", config(fromHub, true, ""), isProtected, []string{"plan", "-destroy"}},
		{"removed from the configuration", provider, isProtected, []string{"plan"}},
		{"another source", config(fromOther, true, `name = "kine"`), `source.bucket is "kine" and cannot become "other"`, []string{"plan"}},
		{"prefixes", config(`bucket = "kine", api_prefix = "a.b"`, true, ""), `source.api_prefix is null and cannot become "a.b"`, []string{"plan"}},
		{"another name", config(fromHub, true, `name = "copy"`), `name is "kine" and cannot become "copy"`, []string{"plan"}},
		{"together with lifting the protection", config(fromHub, false, `name = "copy"`), neverReplaced, []string{"plan"}},
		{"-replace", config(fromHub, true, ""), isProtected, []string{"plan", "-replace=" + address}},
		{"-replace together with lifting the protection", config(fromHub, false, ""), isProtected, []string{"plan", "-replace=" + address}},
		{"-replace that creates first", config(fromHub, true, createFirst), isProtected, []string{"plan", "-replace=" + address}},
		{"replace_triggered_by", config(fromHub, true, triggered), isProtected, []string{"plan", "-replace=terraform_data.trigger"}},
	}
	refused := func(t *testing.T, want string, args ...string) {
		t.Helper()
		out, err := w.Run(t.Context(), args...)
		if err == nil || !acctest.Text(want).MatchString(out) {
			t.Errorf("%v: %v, no %q in\n%s", args, err, want, out)
		}
		if now := info(t, leaf).Created; !now.Equal(created) {
			t.Fatal("the mirror was replaced")
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.Configure(t, c.config)
			refused(t, c.want, c.args...)
		})
	}
	t.Run("tainted", func(t *testing.T) {
		w.Configure(t, config(fromHub, true, ""))
		w.Must(t, "taint", address)
		refused(t, "run untaint on its address", "apply", "-auto-approve")
		w.Must(t, "untaint", address)
		w.AssertEmptyPlan(t)
	})
	t.Run("lifted by a separate apply", func(t *testing.T) {
		w.Configure(t, config(fromHub, false, ""))
		w.Apply(t)
		w.Must(t, "apply", "-auto-approve", "-replace="+address)
		if now := info(t, leaf).Created; now.Equal(created) {
			t.Error("the mirror was not replaced")
		}
		w.Must(t, "destroy", "-auto-approve")
		if err := noStream(leaf, "KV_kine")(nil); err != nil {
			t.Error(err)
		}
	})
}
