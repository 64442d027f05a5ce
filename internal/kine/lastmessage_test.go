package kine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// hangs reports whether KINE waits for a last message that it can read. It would wait for a minute. On a bucket of a
// few messages, it has started within half a second of processor time or not at all.
func hangs(t *testing.T, servers []string, spec Spec) bool {
	t.Helper()
	ctx, cancel := natslab.WithPatience(t.Context(), time.Second/2)
	defer cancel()
	k, err := kinelab.Start(ctx, kinelab.Config{Endpoint: endpointURL(t, servers, spec), StartTimeout: time.Minute})
	if err == nil {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
		return false
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("KINE fails otherwise: %v", err)
	}
	return true
}

// KINE waits for a last message of its own. VerifyContract, a refresh and the repair agree with it on which messages
// are.
func TestLastMessage(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	client := newClient(t, lab.URLs(), natsconn.Auth{})
	put := func(key, value string, header ...string) func(string) {
		return func(bucket string) {
			msg := nats.NewMsg(KeySubject(bucket, key))
			msg.Data = []byte(value)
			for i := 0; i < len(header); i += 2 {
				msg.Header.Set(header[i], header[i+1])
			}
			if _, err := nc.RequestMsg(msg, time.Minute); err != nil {
				t.Error(err)
			}
		}
	}
	purge := func(request map[string]any) func(string) {
		return func(bucket string) {
			if key, ok := request["key"].(string); ok {
				request = map[string]any{"filter": KeySubject(bucket, key)}
			}
			call(t, js, "STREAM.PURGE."+StreamName(bucket), request, nil)
		}
	}
	valid, err := (&record{KV: &recordKV{Key: "/registry/x", Value: []byte("y")}, Create: true}).encode()
	if err != nil {
		t.Fatal(err)
	}
	key, err := EncodeKey("/registry/x")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		then func(bucket string)
		// field is the field of the difference, or "" if KINE starts. text is part of its description.
		field, text string
	}{
		"KINE's own":                  {func(string) {}, "", ""},
		"a value in KINE's format":    {put(key, string(valid)), "", ""},
		"a plain put":                 {put("x", "y"), FieldLastMessage, `the last message, on "$KV.a-plain-put.x", is not KINE's, and KINE waits for one of its own when it starts`},
		"a key that is not KINE's":    {put("0OIl", string(valid)), FieldLastMessage, `on "$KV.a-key-that-is-not-KINE-s.0OIl", is not KINE's`},
		"an empty value":              {put("x", ""), FieldLastMessage, "is not KINE's"},
		"plain JSON":                  {put("x", `{"KV":{}}`), FieldLastMessage, "is not KINE's"},
		"a delete marker":             {put(encodedHealthKey, "", "KV-Operation", "DEL"), "", ""},
		"a delete marker of others":   {put("0OIl", "", "KV-Operation", "DEL"), FieldLastMessage, "is not KINE's"},
		"a purge marker":              {put("x", "", "KV-Operation", "PURGE", "Nats-Rollup", "sub"), "", ""},
		"a marker of the server":      {put("x", "", "Nats-Marker-Reason", "Purge"), FieldLastMessage, "is not KINE's"},
		"a purge of the last message": {purge(map[string]any{"key": key}), FieldLastMessage, "the last message was deleted, and KINE waits for it when it starts"},
		"emptied":                     {purge(nil), FieldMessages, "all messages were deleted (message 3 was the last one), and KINE waits for the last one when it starts"},
		"bumped":                      {purge(map[string]any{"seq": 1000}), FieldMessages, "all messages were deleted (message 999 was the last one)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Name: slug(strings.ReplaceAll(name, "'", "-")), History: 10, Replicas: 1}
			mustCreate(t, js, spec)
			if err := startsKINE(t, lab.URLs(), spec); err != nil {
				t.Fatal(err)
			}
			put(key, string(valid))(spec.Name)
			c.then(spec.Name)

			for _, asKINE := range []bool{false, true} {
				watch := natslab.StartStopwatch()
				found := VerifyContract(t.Context(), client, spec, "", asKINE)
				if watch.Waited() > time.Second {
					t.Errorf("VerifyContract took %s", watch)
				}
				mismatch, ok := errors.AsType[*MismatchError](errors.Join(found...))
				switch {
				case c.field == "" && len(found) > 0:
					t.Errorf("VerifyContract found %v", found)
				case c.field != "" && (!ok || len(found) != 1 || !strings.Contains(mismatch.Error(), c.text)):
					t.Errorf("VerifyContract found %v, want %q", found, c.text)
				}
			}
			if got := hangs(t, lab.URLs(), spec); got != (c.field != "") {
				t.Errorf("KINE hangs: %t", got)
			}
			if c.field == "" {
				return
			}
			// A KINE that hangs leaves consumers behind. They do not hide the difference, because nothing writes.
			info, err := OpenStream(js, spec.Name).Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			inspected := OpenStream(js, spec.Name).inspect(t.Context(), aged(info, time.Minute))
			if len(inspected.Differences) != 1 || inspected.Differences[0].Field != c.field ||
				inspected.Differences[0].Repairable() != (c.field == FieldLastMessage) {
				t.Errorf("Inspect finds %v", inspected.Differences)
			}
			if err := RepairLastMessage(t.Context(), js, spec.Name); err != nil {
				t.Error(err)
			}
			if got := hangs(t, lab.URLs(), spec); got != (c.field == FieldMessages) {
				t.Errorf("after the repair KINE hangs: %t", got)
			}
		})
	}
}

// aged returns a stream whose last message has this age.
func aged(info *StreamInfo, age time.Duration) *StreamInfo {
	info.Now = info.State.LastTime.Add(age)
	return info
}

// A refresh of a bucket that KINE writes to, or that was never written to, sends one request, and one more for any
// other.
func TestInspectRequests(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	js := openAPI(t, lab.URLs())
	requests := lab.Requests(t)
	inspect := func(want int) {
		t.Helper()
		requests.Reset()
		if _, err := Inspect(t.Context(), js, "kine"); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, n := range requests.Snapshot() {
			total += n
		}
		if total != want {
			t.Errorf("the refresh made %d requests, not %d: %v", total, want, requests.Snapshot())
		}
	}
	mustCreate(t, js, testSpec)
	inspect(1)
	k, _ := runKINE(t, lab.URLs(), testSpec)
	inspect(1)
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	nc := lab.Connect(t)
	var names struct {
		Consumers []string `json:"consumers"`
	}
	call(t, js, "CONSUMER.NAMES."+StreamName("kine"), nil, &names)
	for _, name := range names.Consumers {
		if _, err := nc.Request("$JS.API.CONSUMER.DELETE."+StreamName("kine")+"."+name, nil, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "KINE's consumers are gone", func() bool {
		bucket, err := Read(t.Context(), js, "kine")
		return err == nil && bucket.Consumers == 0
	})
	inspect(2)
}

// The repair writes the message that KINE would write: it continues the key, and does nothing after a concurrent write.
func TestRepairLastMessageContinuesTheHealthKey(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	mustCreate(t, js, testSpec)
	if err := startsKINE(t, lab.URLs(), testSpec); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second call has nothing to do
		if err := RepairLastMessage(t.Context(), js, "kine"); err != nil {
			t.Fatal(err)
		}
	}
	if before, err := Read(t.Context(), js, "kine"); err != nil || before.LastSequence != 2 {
		t.Fatalf("a bucket that needs no repair was written to: %+v, %v", before, err)
	}
	if _, err := nc.Request(KeySubject("kine", "x"), []byte("y"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := RepairLastMessage(t.Context(), js, "kine"); err != nil {
		t.Fatal(err)
	}
	msg, err := js.DirectGetNext(t.Context(), StreamName("kine"), 4)
	if err != nil {
		t.Fatal(err)
	}
	r, err := decodeRecord(msg.Data)
	if err != nil || r.Create || r.PrevRevision != 2 || r.KV.CreateRevision != 1 || r.KV.Key != HealthKey ||
		string(r.KV.Value) != healthValue {
		t.Errorf("the repair wrote %+v %+v, %v", r, r.KV, err)
	}
	encoded, err := EncodeKey(HealthKey)
	if err != nil || encoded != encodedHealthKey || msg.Subject != KeySubject("kine", encoded) {
		t.Errorf("the health key is %s on %s, and encodedHealthKey is %s", encoded, msg.Subject, encodedHealthKey)
	}
	k, client := runKINE(t, lab.URLs(), testSpec)
	got, err := client.Get(t.Context(), HealthKey)
	if err != nil || len(got.Kvs) != 1 || got.Kvs[0].CreateRevision != 1 || string(got.Kvs[0].Value) != healthValue {
		t.Errorf("KINE has %v, %v", got, err)
	}
	_ = k
}

// A first_seq that was set deletes all data at the next restart, as the text warns. Removed in time, it deletes
// nothing.
func TestFirstSequenceDeletesAllData(t *testing.T) {
	t.Parallel()
	for _, repaired := range []bool{false, true} {
		t.Run(fmt.Sprintf("repaired %t", repaired), func(t *testing.T) {
			t.Parallel()
			lab := natslab.Single(t)
			mustCreate(t, openAPI(t, lab.URLs()), testSpec)
			if err := startsKINE(t, lab.URLs(), testSpec); err != nil {
				t.Fatal(err)
			}
			nc, js := lab.Connect(t), openAPI(t, lab.URLs())
			alter(t, nc, "kine", map[string]any{"first_seq": 2})
			found := VerifyContract(t.Context(), newClient(t, lab.URLs(), natsconn.Auth{}), testSpec, "", true)
			const text = "first_seq is 2, KINE requires unset, and the next restart of a server that holds the stream deletes " +
				"all of its messages"
			if len(found) != 1 || !strings.Contains(found[0].Error(), text) {
				t.Errorf("VerifyContract found %v", found)
			}
			if repaired {
				if err := RepairFirstSequence(t.Context(), js, "kine"); err != nil {
					t.Fatal(err)
				}
			}
			lab.Restart(t)
			after, err := Read(t.Context(), openAPI(t, lab.URLs()), "kine")
			if err != nil {
				t.Fatal(err)
			}
			if kept := after.Messages > 0; kept != repaired {
				t.Errorf("after the restart the bucket has %s", after.Contents())
			}
		})
	}
}

// The duration of a start is estimated from the data of a refresh, and reported from the warning threshold on.
func TestStartTime(t *testing.T) {
	for _, c := range []struct {
		messages, bytes uint64
		want            time.Duration
		text            string
	}{
		{0, 0, 0, ""},
		{922_000, 922_000_000, 30426 * time.Millisecond, "caution: KINE reads the whole bucket when it starts: 922000 messages with 922000000 bytes take about 30s, and KINE gives up after 1m0s"},
		{4_000_000, 3_900_000_000, 130300 * time.Millisecond, "take about 2m10s"},
		{1<<64 - 1, 1<<64 - 1, 0, "take about"},
	} {
		info := &StreamInfo{Config: contractForm(testSpec).Config}
		info.State.Messages, info.State.Bytes = c.messages, c.bytes
		bucket := info.Bucket()
		if got := bucket.StartTime(); c.want > 0 && got != c.want || got < 0 {
			t.Errorf("%+v: it takes %s, want %s", c, got, c.want)
		}
		text := ""
		for _, err := range slowStart(bucket) {
			text = err.Error()
			if as[*CautionError](err) {
				text = "caution: " + text
			}
		}
		if !strings.Contains(text, c.text) || (text == "") != (c.text == "") {
			t.Errorf("%+v: it says %q", c, text)
		}
	}
}
