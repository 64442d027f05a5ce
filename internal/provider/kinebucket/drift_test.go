package kinebucket_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// change is something that was done to a bucket behind Terraform's back.
type change struct {
	// set are the fields of the stream that are set.
	set acctest.RawStream
	// also are fields besides those of set that the server changes along with them.
	also []string
	// anew makes the stream from scratch, for what no update can set, and copies its messages over.
	anew bool
}

func (c change) apply(t *testing.T, nc *nats.Conn, stream string) {
	t.Helper()
	config := acctest.StreamAPI(t, nc, "STREAM.INFO."+stream, nil)
	maps.Copy(config, c.set)
	for field, value := range config {
		if value == nil {
			delete(config, field)
		}
	}
	if !c.anew {
		acctest.StreamAPI(t, nc, "STREAM.UPDATE."+stream, config)
		return
	}
	messages := messagesOf(t, nc, stream)
	acctest.StreamAPI(t, nc, "STREAM.DELETE."+stream, nil)
	acctest.StreamAPI(t, nc, "STREAM.CREATE."+stream, config)
	for _, msg := range messages {
		if _, err := nc.RequestMsg(msg, time.Minute); err != nil {
			t.Fatalf("copying a message of %s: %v", stream, err)
		}
	}
}

// messagesOf returns the messages of a stream, ready to be published again.
func messagesOf(t *testing.T, nc *nats.Conn, stream string) []*nats.Msg {
	t.Helper()
	s, err := openJetStream(t, nc).Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*nats.Msg
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		raw, err := s.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, &nats.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data})
	}
	return messages
}

// fields lists every field that differs afterwards.
func (c change) fields() []string {
	fields := append(slices.Collect(maps.Keys(c.set)), c.also...)
	slices.Sort(fields)
	return fields
}

// repairable are the changes that the server can update back on a living stream. It does not take mirror_direct on a
// stream that is no mirror.
var repairable = map[string]change{
	"description":             {set: acctest.RawStream{"description": "mine"}},
	"subjects":                {set: acctest.RawStream{"subjects": []string{"$KV.subjects.>", "extra.subjects"}}},
	"retention":               {set: acctest.RawStream{"retention": "interest"}},
	"max_msgs":                {set: acctest.RawStream{"max_msgs": 1000}},
	"max_bytes":               {set: acctest.RawStream{"max_bytes": 1 << 20}},
	"max_age":                 {set: acctest.RawStream{"max_age": time.Hour}},
	"max_msg_size":            {set: acctest.RawStream{"max_msg_size": 1 << 20}},
	"max_consumers":           {set: acctest.RawStream{"max_consumers": 100}},
	"discard":                 {set: acctest.RawStream{"discard": "old"}},
	"discard_new_per_subject": {set: acctest.RawStream{"discard_new_per_subject": true}},
	"duplicate_window":        {set: acctest.RawStream{"duplicate_window": time.Minute}},
	"allow_rollup_hdrs":       {set: acctest.RawStream{"allow_rollup_hdrs": false}},
	"allow_direct":            {set: acctest.RawStream{"allow_direct": false}},
	"deny_delete":             {set: acctest.RawStream{"deny_delete": false}, anew: true},
	"compression":             {set: acctest.RawStream{"compression": "s2"}},
	"metadata":                {set: acctest.RawStream{"metadata": map[string]string{"owner": "me"}}},
	"no_ack":                  {set: acctest.RawStream{"no_ack": true}},
	"republish":               {set: acctest.RawStream{"republish": map[string]any{"src": ">", "dest": "copy.republish.>"}}},
	"subject_transform":       {set: acctest.RawStream{"subject_transform": map[string]any{"src": "$KV.subject_transform.>", "dest": "x.>"}}},
	"consumer_limits":         {set: acctest.RawStream{"consumer_limits": map[string]any{"max_ack_pending": 10}}},
	"allow_atomic":            {set: acctest.RawStream{"allow_atomic": true}},
	"allow_batched":           {set: acctest.RawStream{"allow_batched": true}},
	// The marker itself needs allow_msg_ttl, which stays for ever.
	"subject_delete_marker_ttl": {set: acctest.RawStream{"max_age": time.Hour}},
	"first_seq":                 {set: acctest.RawStream{"first_seq": 100}, anew: true},
}

// irreparable are the changes that no update can undo, or that none may.
var irreparable = map[string]change{
	"storage":             {set: acctest.RawStream{"storage": "memory"}, anew: true},
	"workqueue":           {set: acctest.RawStream{"retention": "workqueue"}, anew: true},
	"sealed":              {set: acctest.RawStream{"sealed": true}, also: []string{"allow_rollup_hdrs", "deny_purge"}},
	"deny_purge":          {set: acctest.RawStream{"deny_purge": true, "allow_rollup_hdrs": false}},
	"allow_msg_ttl":       {set: acctest.RawStream{"allow_msg_ttl": true}},
	"allow_msg_schedules": {set: acctest.RawStream{"allow_msg_schedules": true, "discard": "old"}},
	"allow_msg_counter":   {set: acctest.RawStream{"allow_msg_counter": true, "discard": "old"}, anew: true},
	"persist_mode":        {set: acctest.RawStream{"persist_mode": "async"}, anew: true},
	"sources":             {set: acctest.RawStream{"sources": []any{map[string]any{"name": "KV_origin"}}}},
	"mirror": {set: acctest.RawStream{"mirror": map[string]any{"name": "KV_origin"}, "subjects": nil, "allow_rollup_hdrs": false,
		"mirror_direct": true}, also: []string{"duplicate_window"}, anew: true},
}

// manyBuckets is a configuration with a bucket for each name.
func manyBuckets(names []string) string {
	var config strings.Builder
	for _, name := range names {
		fmt.Fprintf(&config,
			"resource \"nats_kine_bucket\" %[1]q {\n  name = %[1]q\n  deletion_protection = false\n}\n", name)
	}
	return config.String()
}

func instance(name string) string { return "nats_kine_bucket." + name }

// Everything of the contract that can be changed and repaired: the next plan names the field, the apply repairs it, and
// KINE starts again.
func TestAccKineBucketDriftRepaired(t *testing.T) {
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	names := slices.Sorted(maps.Keys(repairable))
	config := acctest.ProviderConfig(lab.URLs()) + manyBuckets(names)

	var named, repaired []plancheck.PlanCheck
	var clean []statecheck.StateCheck
	for _, name := range names {
		fields := make([]knownvalue.Check, 0, 2)
		for _, field := range repairable[name].fields() {
			fields = append(fields,
				knownvalue.ObjectPartial(map[string]knownvalue.Check{"field": knownvalue.StringExact(field)}))
		}
		named = append(named, plancheck.ExpectResourceAction(instance(name), plancheck.ResourceActionUpdate),
			expectPriorValue(instance(name), "contract_violations", fields))
		repaired = append(repaired, plancheck.ExpectResourceAction(instance(name), plancheck.ResourceActionNoop))
		clean = append(clean, statecheck.ExpectKnownValue(instance(name), tfjsonpath.New("contract_violations"),
			knownvalue.ListSizeExact(0)))
	}

	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{
			PreConfig: func() {
				for _, name := range names {
					if repairable[name].anew {
						// KINE does not start on a stream that is empty but for its sequence.
						runKINE(t, lab, name)
					}
					repairable[name].apply(t, nc, "KV_"+name)
					if running, err := startKINE(t, lab, name); err == nil {
						_ = running.Stop()
						t.Errorf("KINE starts on a bucket with another %s, which is then no drift", name)
					}
				}
			},
			Config:            config,
			ConfigPlanChecks:  resource.ConfigPlanChecks{PreApply: named, PostApplyPostRefresh: repaired},
			ConfigStateChecks: clean,
		},
		{
			PreConfig: func() {
				for _, name := range names {
					runKINE(t, lab, name)
				}
			},
			RefreshState: true,
		},
	}})
}

// What cannot be repaired is an error in the plan, and left as it is: never replaced, and never promoted.
func TestAccKineBucketDriftLeftAlone(t *testing.T) {
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	acctest.StreamAPI(t, nc, "STREAM.CREATE.KV_origin",
		acctest.RawStream{"name": "KV_origin", "subjects": []string{"$KV.origin.>"},
			"retention": "limits", "storage": "file", "num_replicas": 1, "discard": "old"})

	names := slices.Sorted(maps.Keys(irreparable))
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+manyBuckets(names))
	w.Apply(t)
	left := map[string]acctest.RawStream{}
	for _, name := range names {
		irreparable[name].apply(t, nc, "KV_"+name)
		left[name] = acctest.StreamAPI(t, nc, "STREAM.INFO.KV_"+name, nil)
	}
	found := w.PlanErrors(t)
	for _, name := range names {
		field := name
		if name == "workqueue" {
			field = "retention"
		}
		said := strings.Join(found[instance(name)], "\n")
		if !acctest.Text("Stream Cannot Be Repaired").MatchString(said) || !acctest.Text(field+" is").MatchString(said) {
			t.Errorf("%s: the plan says\n%s", name, said)
		}
	}
	w.Refused(t, "Stream Cannot Be Repaired", "apply", "-auto-approve")
	for _, name := range names {
		now := acctest.StreamAPI(t, nc, "STREAM.INFO.KV_"+name, nil)
		if a, b := fmt.Sprint(left[name]), fmt.Sprint(now); a != b {
			t.Errorf("the stream was touched:\nbefore %s\nafter  %s", a, b)
		}
	}
	w.Configure(t, acctest.ProviderConfig(lab.URLs())) // destroying it this way is still possible, as the error says
	w.Apply(t)
}

// runKINE starts KINE on a bucket, and stops it again.
func runKINE(t *testing.T, lab natsLab, bucket string) {
	t.Helper()
	running, err := startKINE(t, lab, bucket)
	if err != nil {
		t.Errorf("KINE on bucket %s: %v", bucket, err)
		return
	}
	if err := running.Stop(); err != nil {
		t.Errorf("KINE on bucket %s: %v", bucket, err)
	}
}

// startKINE starts KINE with its defaults on a bucket.
func startKINE(t *testing.T, lab natsLab, bucket string) (*kinelab.Kine, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url := acctest.EndpointURL(t, lab.URLs(), kine.Spec{Name: bucket, History: 10, Replicas: 1})
	return kinelab.Start(ctx, kinelab.Config{Endpoint: url})
}
