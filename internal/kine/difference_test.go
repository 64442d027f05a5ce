package kine

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// changed returns a bucket's configuration as a server sends it, with fields set to the given JSON. "" removes a field.
func changed(t *testing.T, fields map[string]string) Config {
	t.Helper()
	c := contractForm(testSpec).Config
	c["metadata"] = json.RawMessage(`{"_nats.level":"4","_nats.req.level":"0","_nats.ver":"2.15.2"}`)
	for field, value := range fields {
		if value == "" {
			delete(c, field)
			continue
		}
		if !json.Valid([]byte(value)) {
			t.Fatalf("%s: %s is not JSON", field, value)
		}
		c[field] = json.RawMessage(value)
	}
	return c
}

const (
	fenceSubjects = `["$KINE.FENCED.kine"]`
	fenceEntries  = `"nats-k3s.fence.at":"2026-01-02T03:04:05Z","nats-k3s.fence.by":"me","nats-k3s.fence.last-sequence":"7"`
)

func TestDifferences(t *testing.T) {
	cases := map[string]struct {
		fields map[string]string
		want   []Difference
	}{
		"the contract":                           {nil, nil},
		"another history and number of replicas": {map[string]string{"max_msgs_per_subject": "20", "num_replicas": "3"}, nil},
		"fields that say nothing": {map[string]string{
			"max_age": "0", "sealed": "false", "placement": "null", "sources": "[]", "consumer_limits": "{}",
			"template_owner": `""`,
			"persist_mode":   `"default"`, "mirror_direct": "false", "deny_purge": "",
		}, nil},
		"white space and plain characters": {map[string]string{"subjects": " [ \"$KV.kine.>\" ] "}, nil},
		"escaped characters":               {map[string]string{"subjects": `["\u0024KV.kine.\u003e"]`}, nil},
		"no metadata":                      {map[string]string{"metadata": ""}, nil},

		"a value":       {map[string]string{"max_bytes": "1024"}, []Difference{{"max_bytes", "1024", "-1"}}},
		"a missing one": {map[string]string{"description": ""}, []Difference{{"description", "unset", `"Holds kine key/values"`}}},
		"an empty one":  {map[string]string{"description": `""`}, []Difference{{"description", `""`, `"Holds kine key/values"`}}},
		"a false one":   {map[string]string{"deny_delete": "false"}, []Difference{{"deny_delete", "false", "true"}}},
		"a zero one":    {map[string]string{"max_msgs": "0"}, []Difference{{"max_msgs", "0", "-1"}}},
		"a null one":    {map[string]string{"subjects": "null"}, []Difference{{"subjects", "null", `["$KV.kine.>"]`}}},
		"one too many":  {map[string]string{"max_age": "1000"}, []Difference{{"max_age", "1000", "0"}}},
		"a placement": {map[string]string{"placement": `{ "cluster": "eu" }`},
			[]Difference{{"placement", `{"cluster":"eu"}`, "unset"}}},
		"a field of the future":             {map[string]string{"quantum": `{"on": true}`}, []Difference{{"quantum", `{"on":true}`, "unset"}}},
		"a field of the future that is off": {map[string]string{"quantum": "false"}, nil},
		"several, in order": {map[string]string{"storage": `"memory"`, "discard": `"old"`, "max_age": "1"},
			[]Difference{{"discard", `"old"`, `"new"`}, {"max_age", "1", "0"}, {"storage", `"memory"`, `"file"`}}},
		"a mirror": {map[string]string{"mirror": `{"name":"KV_origin"}`, "subjects": ""},
			[]Difference{{"mirror", `{"name":"KV_origin"}`, "unset"}, {"subjects", "unset", `["$KV.kine.>"]`}}},

		"metadata of one's own": {map[string]string{"metadata": `{"_nats.ver":"2.15.2","owner":"me"}`},
			[]Difference{{"metadata", `{"owner":"me"}`, "unset"}}},
		"metadata like the server's": {map[string]string{"metadata": `{"_natsx":"1"}`},
			[]Difference{{"metadata", `{"_natsx":"1"}`, "unset"}}},
		"metadata that are none": {map[string]string{"metadata": `"x"`}, []Difference{{"metadata", `"x"`, "unset"}}},

		"a fence":               {map[string]string{"subjects": fenceSubjects, "metadata": "{" + fenceEntries + "}"}, nil},
		"a fence without words": {map[string]string{"subjects": fenceSubjects}, nil},
		"a fence and more metadata": {map[string]string{"subjects": fenceSubjects, "metadata": `{"owner":"me",` + fenceEntries + "}"},
			[]Difference{{"metadata", `{"owner":"me"}`, "unset"}}},
		"a fence and more": {map[string]string{"subjects": fenceSubjects, "max_age": "1"}, []Difference{{"max_age", "1", "0"}}},
		"what a fence left behind": {map[string]string{"metadata": "{" + fenceEntries + "}"},
			[]Difference{{"metadata", "{" + fenceEntries + "}", "unset"}}},
		"another bucket's fence": {map[string]string{"subjects": `["$KINE.FENCED.other"]`},
			[]Difference{{"subjects", `["$KINE.FENCED.other"]`, `["$KV.kine.>"]`}}},
		"a fence with a hole": {map[string]string{"subjects": `["$KINE.FENCED.kine","$KV.kine.>"]`},
			[]Difference{{"subjects", `["$KINE.FENCED.kine","$KV.kine.>"]`, `["$KV.kine.>"]`}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, changed(t, c.fields).contractDifferences(testSpec, false)); diff != "" {
				t.Errorf("the differences differ:\n%s", diff)
			}
		})
	}

	t.Run("history and replicas count where they are asked for", func(t *testing.T) {
		got := changed(t,
			map[string]string{"max_msgs_per_subject": "20", "num_replicas": "3"}).contractDifferences(testSpec, true)
		want := []Difference{{"max_msgs_per_subject", "20", "10"}, {"num_replicas", "3", "1"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the differences differ:\n%s", diff)
		}
	})
}

func TestRepaired(t *testing.T) {
	target := Spec{Name: "kine", History: 20, Replicas: 3}
	const server = `"_nats.ver":"2.15.2"`
	cases := map[string]struct {
		fields map[string]string
		// want are the fields that then differ from the contract of the target.
		want map[string]string
	}{
		"the contract":                  {nil, nil},
		"a value":                       {map[string]string{"max_bytes": "1024", "discard": `"old"`}, nil},
		"one that is missing":           {map[string]string{"description": "", "allow_direct": ""}, nil},
		"one too many":                  {map[string]string{"max_age": "1", "placement": `{"cluster":"eu"}`}, nil},
		"a field of the future":         {map[string]string{"quantum": `{"on":true}`}, nil},
		"one of the future that is off": {map[string]string{"quantum": "false"}, map[string]string{"quantum": "false"}},
		"metadata of one's own":         {map[string]string{"metadata": `{"owner":"me",` + server + `}`}, map[string]string{"metadata": "{" + server + "}"}},
		"a fence": {map[string]string{"subjects": fenceSubjects, "metadata": "{" + fenceEntries + "," + server + "}", "max_age": "1"},
			map[string]string{"subjects": fenceSubjects, "metadata": "{" + fenceEntries + "," + server + "}"}},
		"a fence and more metadata": {map[string]string{"subjects": fenceSubjects, "metadata": `{"owner":"me",` + fenceEntries + "," + server + "}"},
			map[string]string{"subjects": fenceSubjects, "metadata": "{" + fenceEntries + "," + server + "}"}},
		"what a fence left behind": {map[string]string{"metadata": "{" + fenceEntries + "," + server + "}"},
			map[string]string{"metadata": "{" + server + "}"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := changed(t, c.fields)
			untouched := maps.Clone(before)
			got := before.Repaired(contractForm(target))

			want := contractForm(target).Config
			want["metadata"] = before["metadata"]
			for field, value := range c.want {
				want[field] = json.RawMessage(value)
			}
			if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
				t.Errorf("the repaired configuration differs:\n%s", diff)
			}
			if left := got.contractDifferences(target, true); len(left) > 0 {
				t.Errorf("differences are left: %v", left)
			}
			if diff := cmp.Diff(decoded(t, untouched), decoded(t, before)); diff != "" {
				t.Errorf("the configuration that was read has changed:\n%s", diff)
			}
		})
	}
}

// decoded returns a configuration as decoded JSON.
func decoded(t *testing.T, c Config) map[string]any {
	t.Helper()
	fields := map[string]any{}
	for field, raw := range c {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		fields[field] = value
	}
	return fields
}

func TestConfigEqual(t *testing.T) {
	cases := map[string]struct {
		fields map[string]string
		want   bool
	}{
		"nothing":                    {nil, true},
		"white space":                {map[string]string{"subjects": `[ "$KV.kine.>" ]`}, true},
		"escaped characters":         {map[string]string{"subjects": `["\u0024KV.kine.\u003e"]`}, true},
		"the server's metadata":      {map[string]string{"metadata": `{"_nats.ver":"2.14.0"}`}, true},
		"no metadata":                {map[string]string{"metadata": ""}, true},
		"off instead of missing":     {map[string]string{"sealed": "false", "placement": "{}"}, true},
		"a number":                   {map[string]string{"num_replicas": "3"}, false},
		"a field less":               {map[string]string{"description": ""}, false},
		"a field more":               {map[string]string{"quantum": "1"}, false},
		"one's own metadata":         {map[string]string{"metadata": `{"owner":"me"}`}, false},
		"another order of a list":    {map[string]string{"subjects": `["a","b"]`}, false},
		"zero where one is required": {map[string]string{"max_msgs": "0"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, b := changed(t, nil), changed(t, c.fields)
			if a.equal(b) != c.want || b.equal(a) != c.want {
				t.Errorf("equal is %t and %t, want %t", a.equal(b), b.equal(a), c.want)
			}
		})
	}
}

// It is known which of today's fields the server can update. An update of an unknown field is tried.
func TestDifferenceRepairable(t *testing.T) {
	lasting := []string{"storage", "sealed", "deny_purge", "allow_msg_ttl", "allow_msg_schedules", "allow_msg_counter",
		"persist_mode",
		"mirror", "sources"}
	for _, field := range lasting {
		if (Difference{Field: field, Actual: "x"}).Repairable() {
			t.Errorf("%s is repairable", field)
		}
	}
	if (Difference{Field: "retention", Actual: `"workqueue"`}).Repairable() {
		t.Error("a work queue is repairable")
	}
	for _, v := range []Difference{{Field: "retention", Actual: `"interest"`}, {Field: "max_bytes"}, {Field: "quantum"}} {
		if !v.Repairable() {
			t.Errorf("%v is not repairable", v)
		}
	}
	b := &Bucket{Differences: []Difference{{Field: "max_age"}, {Field: "mirror"}, {Field: "storage"}}}
	if diff := cmp.Diff([]Difference{{Field: "mirror"}, {Field: "storage"}}, b.Unrepairable()); diff != "" {
		t.Errorf("Unrepairable differs:\n%s", diff)
	}
	text := Difference{"max_bytes", "1024", "-1"}.String()
	if !strings.Contains(text, "max_bytes is 1024, KINE requires -1") {
		t.Errorf("the text is %q", text)
	}
}

// The metadata of a fence are read as they were written. Fields that do not parse are unknown.
func TestFenceMetadata(t *testing.T) {
	cases := map[string]struct {
		metadata string
		want     Fence
	}{
		"nothing":       {"{}", Fence{}},
		"by somebody":   {`{"nats-k3s.fence.by":"me"}`, Fence{By: "me"}},
		"no time":       {`{"nats-k3s.fence.at":"yesterday"}`, Fence{}},
		"no sequence":   {`{"nats-k3s.fence.last-sequence":"-1"}`, Fence{}},
		"a successor":   {`{"nats-k3s.fence.successor":"bucket kine in hub"}`, Fence{Successor: "bucket kine in hub"}},
		"unknown words": {`{"nats-k3s.fence.mood":"sad"}`, Fence{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := changed(t, map[string]string{"subjects": fenceSubjects, "metadata": c.metadata}).fence("kine")
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("the fence differs:\n%s", diff)
			}
		})
	}
	if got := changed(t, map[string]string{"metadata": "{" + fenceEntries + "}"}).fence("kine"); got != nil {
		t.Errorf("a bucket with its own subjects is fenced: %+v", got)
	}
}
