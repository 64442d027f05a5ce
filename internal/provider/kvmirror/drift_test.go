package kvmirror_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// priorDifferences checks which changed fields a refresh has found.
type priorDifferences []string

func (want priorDifferences) CheckPlan(
	_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse,
) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != address {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		fields := make([]knownvalue.Check, len(want))
		for i, field := range want {
			fields[i] = knownvalue.ObjectPartial(map[string]knownvalue.Check{"field": knownvalue.StringExact(field)})
		}
		if err := knownvalue.ListExact(fields).CheckValue(before["contract_violations"]); err != nil {
			resp.Error = fmt.Errorf("contract_violations is %v: %w", before["contract_violations"], err)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", address)
}

// Changes made outside Terraform that can be reverted are in the plan and repaired in place, while the mirror
// continues.
func TestAccKVMirrorDriftRepaired(t *testing.T) {
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	hub, leaf := lab.Hub.Connect(t), lab.Leaf.Connect(t)
	config := acctest.ProviderConfig(lab.Leaf.URLs()) + mirrorConfig(fromHub, unprotected)
	changes := acctest.RawStream{
		"description": "mine", "max_msgs": 1000, "max_bytes": 1 << 20, "max_age": time.Hour, "discard": "old",
		"compression": "s2",
		"metadata":    map[string]string{"owner": "me"}, "allow_direct": false, "mirror_direct": true,
		"max_msgs_per_subject": 5,
	}
	named := priorDifferences{"allow_direct", "compression", "description", "discard", "max_age", "max_bytes", "max_msgs",
		"metadata", "mirror_direct"}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{
			PreConfig:        func() { change(t, leaf, "KV_kine", changes) },
			Config:           config,
			ConfigPlanChecks: plans(plancheck.ResourceActionUpdate, named),
			ConfigStateChecks: expect(map[string]knownvalue.Check{"contract_violations": knownvalue.ListSizeExact(0),
				"history": knownvalue.Int64Exact(12)}),
		},
		{
			PreConfig: func() {
				put(t, hub, 3)
				acctest.WaitFor(t, "the mirror to follow", func() bool { return info(t, open(t, leaf)).State.LastSeq == 8 })
			},
			Config:           config,
			ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
		},
	}})
}

// A change that no update can revert is an error, never an unrequested replacement. The remedy is to lift the
// protection and replace the mirror.
func TestAccCLIKVMirrorDriftLeftAlone(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hubBucket(t, lab)
	hub, nc := lab.Hub.Connect(t), lab.Leaf.Connect(t)
	acctest.StreamAPI(t, hub, "STREAM.CREATE.KV_other",
		acctest.RawStream{"name": "KV_other", "subjects": []string{"$KV.other.>"}, "storage": "file", "num_replicas": 1})
	leaf := open(t, nc)
	provider := acctest.ProviderConfig(lab.Leaf.URLs())
	w := acctest.NewWorkspace(t, provider+mirrorConfig(fromHub, ""))
	w.Apply(t)

	// remake creates the stream again, with another mirror, subjects, or storage.
	remake := func(fields acctest.RawStream) {
		t.Helper()
		config := acctest.StreamAPI(t, nc, "STREAM.INFO.KV_kine", nil)
		acctest.StreamAPI(t, nc, "STREAM.DELETE.KV_kine", nil)
		for field, value := range fields {
			if config[field] = value; value == nil {
				delete(config, field)
			}
		}
		acctest.StreamAPI(t, nc, "STREAM.CREATE.KV_kine", config)
	}
	fromOther := acctest.RawStream{"name": "KV_other", "external": acctest.RawStream{"api": "$JS.hub.API"}}
	cases := []struct {
		name   string
		fields acctest.RawStream
		want   string
	}{
		{"another source", acctest.RawStream{"mirror": fromOther}, `The stream KV_kine is the mirror of another source: "bucket other in the JetStream domain \"hub\"", not "bucket
			kine in the JetStream domain \"hub\"".`},
		{"memory", acctest.RawStream{"storage": "memory"}, `it cannot become a bucket that KINE accepts: storage is "memory", not "file".`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			remake(c.fields)
			created := info(t, leaf).Created
			w.Configure(t, provider+mirrorConfig(fromHub, ""))
			for _, command := range []string{"plan", "apply"} {
				args := map[string][]string{"plan": {"plan"}, "apply": {"apply", "-auto-approve"}}[command]
				out, err := w.Run(t.Context(), args...)
				if err == nil || !acctest.Text(c.want).MatchString(out) ||
					!acctest.Text("set deletion_protection = false and apply that alone").MatchString(out) {
					t.Errorf("%s: %v, no %q in\n%s", command, err, c.want, out)
				}
			}
			w.Configure(t, provider+mirrorConfig(fromHub, unprotected))
			if out := w.Apply(t); !strings.Contains(out, "Stream Is Left Unchanged") {
				t.Errorf("no warning in\n%s", out)
			}
			w.AssertEmptyPlan(t)
			if now := info(t, leaf).Created; !now.Equal(created) {
				t.Error("the mirror was replaced")
			}
			w.Must(t, "apply", "-auto-approve", "-replace="+address)
			w.AssertEmptyPlan(t)
			w.Configure(t, provider+mirrorConfig(fromHub, ""))
			w.Apply(t)
		})
	}

	t.Run("promoted", func(t *testing.T) {
		remake(acctest.RawStream{"mirror": nil, "subjects": []string{"$KV.kine.>"}, "storage": "file",
			"duplicate_window": 2 * time.Minute})
		const gone = "The stream KV_kine is no longer a mirror: it was promoted, or created again as a bucket."
		out, err := w.Run(t.Context(), "plan")
		if err == nil || !acctest.Text(gone).MatchString(out) ||
			!acctest.Text("import it as a nats_kine_bucket, with the ID 'leaf:kine'").MatchString(out) {
			t.Errorf("%v, no %q in\n%s", err, gone, out)
		}
		w.Configure(t, provider+mirrorConfig(fromHub, unprotected))
		w.Apply(t)
		for _, args := range [][]string{{"destroy", "-auto-approve"}, {"apply", "-auto-approve", "-replace=" + address}} {
			out, err := w.Run(t.Context(), args...)
			if err == nil || !acctest.Text("is not a mirror: it was promoted and is an independent bucket. It is a "+
				"nats_kine_bucket now.").MatchString(out) {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		}
		// It can be imported as a bucket, but not as a mirror.
		w.Must(t, "state", "rm", address)
		out, err = w.Run(t.Context(), "import", address, "leaf:kine")
		if err == nil || !acctest.Text("Import it as a nats_kine_bucket, with the ID 'leaf:kine'").MatchString(out) {
			t.Errorf("import: %v\n%s", err, out)
		}
		w.Configure(t,
			provider+"resource \"nats_kine_bucket\" \"test\" {\n  jetstream_domain = \"leaf\"\n  history = 12\n}\n")
		w.Must(t, "import", "nats_kine_bucket.test", "leaf:kine")
		w.AssertEmptyPlan(t)
	})
}
