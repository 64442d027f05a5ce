package kine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// alter changes fields of a bucket's stream. A nil value removes the field.
func alter(t *testing.T, nc *nats.Conn, bucket string, fields map[string]any) {
	t.Helper()
	c := streamConfig(t, nc, bucket)
	for field, value := range fields {
		if value == nil {
			delete(c, field)
		} else {
			c.Set(field, value)
		}
	}
	js := openAPI(t, []string{nc.ConnectedUrl()})
	if err := js.Request(t.Context(), "STREAM.UPDATE."+StreamName(bucket), c, nil); err != nil {
		t.Fatalf("changing bucket %s: %v", bucket, err)
	}
}

// An existing bucket is adopted only if this creation may have created it.
func TestCreateTakesOver(t *testing.T) {
	t.Parallel()
	lab := natslab.Cluster(t, 3)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	client, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	write := func(t *testing.T, bucket string) {
		if _, err := client.Publish(t.Context(), "$KV."+bucket+".key", []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	set := func(field string, value any) func(*testing.T, string) {
		return func(t *testing.T, bucket string) { alter(t, nc, bucket, map[string]any{field: value}) }
	}
	here := &Placement{Cluster: "lab"}

	cases := map[string]struct {
		// spoil changes the bucket before it is created again.
		spoil func(*testing.T, string)
		place *Placement
		// want is part of the error, or "" if the bucket is adopted.
		want string
	}{
		"equal and empty":        {func(*testing.T, string) {}, nil, ""},
		"with a placement":       {set("placement", here), here, ""},
		"with another placement": {set("placement", here), nil, ""},
		"not empty":              {write, nil, "1 keys in 1 messages"},
		"with another history":   {set("max_msgs_per_subject", 20), nil, "max_msgs_per_subject is 20, KINE requires 10"},
		"with a quota":           {set("max_bytes", 1<<20), nil, "max_bytes is 1048576, KINE requires -1"},
		"with metadata":          {set("metadata", map[string]string{"owner": "me"}), nil, `metadata is {"owner":"me"}`},
		"with another value":     {set("allow_direct", nil), nil, "allow_direct is false, KINE requires true"},
		"with more in a placement": {func(t *testing.T, bucket string) {
			alter(t, nc, bucket, map[string]any{"placement": here, "max_bytes": 1 << 20})
		}, here, "max_bytes is 1048576"},
		"emptied": {func(t *testing.T, bucket string) {
			write(t, bucket)
			stream, err := client.Stream(t.Context(), StreamName(bucket))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, nil, "0 keys in 0 messages (0 bytes), last revision 1"},
		"with a consumer": {func(t *testing.T, bucket string) {
			_, err := client.CreateConsumer(t.Context(), StreamName(bucket),
				jetstream.ConsumerConfig{InactiveThreshold: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
		}, nil, "already exists"},
		"fenced": {func(t *testing.T, bucket string) {
			if _, err := SetFence(t.Context(), js, bucket, Fence{By: "me", At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}, nil, "already exists and is fenced"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: strings.ReplaceAll(name, " ", "-"), History: 10, Replicas: 1}
			mustCreate(t, js, spec)
			c.spoil(t, spec.Name)
			before := streamConfig(t, nc, spec.Name)

			bucket, err := Create(t.Context(), js, spec, c.place)
			var exists *ExistsError
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "" && bucket.Name != spec.Name:
				t.Errorf("the bucket returned is %+v", bucket)
			case c.want != "" && (!errors.As(err, &exists) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("Create: %v; want an ExistsError with %q", err, c.want)
			}
			if diff := cmp.Diff(plain(t, before), plain(t, streamConfig(t, nc, spec.Name))); diff != "" {
				t.Errorf("the stream was touched:\n%s", diff)
			}
		})
	}

	t.Run("with other replicas", func(t *testing.T) {
		mustCreate(t, js, Spec{Name: "replicas", History: 10, Replicas: 3})
		_, err := Create(t.Context(), js, Spec{Name: "replicas", History: 10, Replicas: 1}, nil)
		if err == nil || !strings.Contains(err.Error(), "num_replicas is 3, KINE requires 1") {
			t.Errorf("Create: %v", err)
		}
	})
	t.Run("a mirror", func(t *testing.T) {
		mustCreate(t, js, Spec{Name: "origin", History: 10, Replicas: 1})
		if err := js.Request(t.Context(), "STREAM.CREATE.KV_mirror", map[string]any{"name": "KV_mirror", "storage": "file",
			"retention": "limits", "num_replicas": 1, "mirror": map[string]string{"name": "KV_origin"}}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := Create(t.Context(), js, Spec{Name: "mirror", History: 10, Replicas: 1}, nil)
		if err == nil || !strings.Contains(err.Error(), `mirror is {"name":"KV_origin"}, KINE requires unset`) {
			t.Errorf("Create: %v", err)
		}
	})
	t.Run("at the same time", func(t *testing.T) { testConcurrentCreates(t, lab.URLs()) })
}

// Concurrent creations of equal buckets all succeed. Of different ones, one succeeds.
func testConcurrentCreates(t *testing.T, urls []string) {
	// A cluster occasionally does not answer a request about a stream that it is creating.
	impatient := func() *natsconn.JetStream {
		client := natsconn.NewClient(natsconn.Settings{Servers: urls, RequestTimeout: time.Second}, nil)
		t.Cleanup(client.Close)
		return client.JetStream("")
	}
	first, second := impatient(), impatient()
	for round := range 10 {
		for name, history := range map[string]int64{"equal": 10, "other": 20} {
			specs := []Spec{{fmt.Sprintf("%s-%d", name, round), 10, 3}, {fmt.Sprintf("%s-%d", name, round), history, 3}}
			errs := make([]error, 2)
			var group errgroup.Group
			for i, js := range []*natsconn.JetStream{first, second} {
				group.Go(func() error {
					_, errs[i] = Create(t.Context(), js, specs[i], nil)
					return nil
				})
			}
			_ = group.Wait()

			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			var exists *ExistsError
			switch loser := errs[1-winner]; {
			case errs[winner] != nil:
				t.Errorf("%s: nobody made the bucket: %v", specs[0].Name, errs)
			case name == "equal" && loser != nil:
				t.Errorf("%s: %v", specs[0].Name, loser)
			case name == "other" && (!errors.As(loser, &exists) || !strings.Contains(loser.Error(), "max_msgs_per_subject is")):
				t.Errorf("%s: the other creation: %v; want an ExistsError that names the history", specs[0].Name, loser)
			}
			bucket, err := Read(t.Context(), first, specs[0].Name)
			if err != nil || bucket.History != specs[winner].History {
				t.Errorf("%s: %+v, %v; want history %d", specs[0].Name, bucket, err, specs[winner].History)
			}
		}
	}
}

// A stream that appears between the read and the creation is reported as it is.
func TestCreateIsOvertaken(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	slow, fast := openAPI(t, []string{proxy.ClientURL()}), openAPI(t, lab.URLs())
	client, err := jetstream.New(lab.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		spec  Spec
		write bool
		want  string
	}{
		"equal":     {Spec{"equal", 10, 1}, false, ""},
		"not empty": {Spec{"full", 10, 1}, true, "1 keys in 1 messages"},
		"other":     {Spec{"other", 20, 1}, false, "max_msgs_per_subject is 20, KINE requires 10"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			hold := proxy.HoldRequest(1,
				func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.STREAM.CREATE.") })
			done := make(chan error, 1)
			go func() {
				_, err := Create(t.Context(), slow, Spec{c.spec.Name, 10, 1}, nil)
				done <- err
			}()
			<-hold.Held()
			mustCreate(t, fast, c.spec)
			if c.write {
				if _, err := client.Publish(t.Context(), "$KV."+c.spec.Name+".key", []byte("value")); err != nil {
					t.Fatal(err)
				}
			}
			hold.Forward()

			err := <-done
			var exists *ExistsError
			if c.want == "" && err != nil {
				t.Error(err)
			}
			if c.want != "" && (!errors.As(err, &exists) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Create: %v; want an ExistsError with %q", err, c.want)
			}
		})
	}
}

// A request that succeeded but whose answer was lost is detected by the next attempt.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	client := natsconn.NewClient(natsconn.Settings{Servers: []string{proxy.ClientURL()},
		RequestTimeout: 200 * time.Millisecond}, nil)
	t.Cleanup(client.Close)
	js := client.JetStream("")
	lose := func(t *testing.T, call string) func() {
		hold := proxy.HoldReply(1, func(subject string) bool { return subject == "$JS.API."+call+".KV_kine" })
		return func() {
			select {
			case <-hold.Held():
				hold.Drop()
			default:
				t.Errorf("there was no %s", call)
			}
		}
	}
	steps := []struct {
		call string
		do   func() error
	}{
		{"STREAM.CREATE", func() error { _, err := Create(t.Context(), js, testSpec, nil); return err }},
		{"STREAM.INFO", func() error { _, err := Read(t.Context(), js, "kine"); return err }},
		{"STREAM.UPDATE", func() error {
			_, err := Update(t.Context(), js, Spec{Name: "kine", History: 20, Replicas: 1}, nil, false)
			return err
		}},
		{"STREAM.DELETE", func() error { return Delete(t.Context(), js, "kine", false) }},
	}
	for _, step := range steps {
		t.Run(step.call, func(t *testing.T) {
			check := lose(t, step.call)
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			check()
		})
	}
	if _, err := Read(t.Context(), js, "kine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Read after Delete: %v", err)
	}
	if err := Delete(t.Context(), js, "kine", false); err != nil {
		t.Errorf("Delete of what is gone: %v", err)
	}
}

// The guard reads every page of consumers and counts those with a waiting pull.
func TestDeleteGuard(t *testing.T) {
	t.Parallel()
	t.Run("single server", func(t *testing.T) {
		t.Parallel()
		lab := natslab.Single(t)
		testDeleteGuard(t, lab, lab.Requests(t))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		lab := natslab.Cluster(t, 3)
		testDeleteGuard(t, lab, lab.Requests(t))
	})
}

// A KINE that was just stopped does not count, although a server with gateways still counts its last pulls.
func TestDeleteAfterKINE(t *testing.T) {
	t.Parallel()
	lab := natslab.SuperCluster(t, 1, []string{"eu", "us"})
	js := openAPI(t, lab.URLs())
	place := &Placement{Cluster: "us"}
	if _, err := Create(t.Context(), js, testSpec, place); err != nil {
		t.Fatal(err)
	}
	if _, err := Settle(t.Context(), js, testSpec, place); err != nil {
		t.Fatal(err)
	}
	counts := func(want bool) func() bool {
		return func() bool {
			attached, err := OpenStream(js, "kine").countAttached(t.Context())
			return err == nil && (attached > 0) == want
		}
	}
	// A recent pull counts for two seconds although its client is closed. If a busy machine misses them, the next pull
	// shows it. Without waiting pulls the guard returns immediately.
	eu := lab.Region("eu")[0]
	client, err := jetstream.New(eu.Connect(t))
	if err == nil {
		err = addConsumer(t.Context(), client, "other")
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a pull counts after the one who waited has gone", func() bool {
		nc := eu.Connect(t)
		inbox, err := nc.SubscribeSync(nc.NewInbox())
		if err == nil {
			err = nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.KV_kine.other", inbox.Subject, []byte(`{"expires":60000000000}`))
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pull counts", counts(true))
		nc.Close()
		return counts(true)()
	})
	eventually(t, "the pull does not count any more", counts(false))

	k, _ := runKINE(t, eu.URLs(), testSpec)
	eventually(t, "KINE's pulls show", counts(true))
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := Delete(t.Context(), js, "kine", false); err != nil {
		t.Errorf("Delete after KINE has gone: %v", err)
	}
}

func testDeleteGuard(t *testing.T, lab lab, requests *natslab.Requests) {
	const pages, perPage = 3, 256 // JSApiListLimit in nats-server
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	mustCreate(t, js, testSpec)
	client, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Publish(t.Context(), "$KV.kine.key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range (pages - 1) * perPage {
		group.Go(func() error { return addConsumer(ctx, client, fmt.Sprintf("consumer-%04d", i)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	// Consumers are listed by name. This one is alone on the last page.
	if err := addConsumer(t.Context(), client, "waiting"); err != nil {
		t.Fatal(err)
	}
	inbox, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	pull := func() {
		if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.KV_kine.waiting", inbox.Subject,
			[]byte(`{"batch":1,"expires":60000000000}`)); err != nil {
			t.Fatal(err)
		}
	}
	// The existing key is delivered immediately if the cluster knows the consumer everywhere. The next pull waits.
	eventually(t, "the consumer's first message", func() bool {
		pull()
		_, err := inbox.NextMsg(time.Minute)
		if err != nil && !errors.Is(err, nats.ErrNoResponders) {
			t.Fatal(err)
		}
		return err == nil
	})
	pull()
	eventually(t, "the pull that waits", func() bool {
		n, err := OpenStream(js, "kine").countAttached(t.Context())
		return err == nil && n == 1
	})

	requests.Reset()
	err = Delete(t.Context(), js, "kine", false)
	var attached *AttachedError
	if !errors.As(err, &attached) || attached.Consumers != 1 || !strings.Contains(err.Error(), "1 keys in 1 messages") {
		t.Fatalf("Delete with a waiting pull: %v", err)
	}
	if got := requests.Snapshot()["$JS.API.CONSUMER.LIST.KV_kine"]; got < pages || got%pages != 0 {
		t.Errorf("%d pages of consumers were asked for, want all %d of them, once or several times", got, pages)
	}

	if err := inbox.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := Delete(t.Context(), js, "kine", false); err != nil {
		t.Errorf("Delete with nobody waiting: %v", err)
	}
	if _, err := Read(t.Context(), js, "kine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Read after Delete: %v", err)
	}
}

func addConsumer(ctx context.Context, client jetstream.JetStream, name string) error {
	_, err := client.CreateConsumer(ctx, "KV_kine",
		jetstream.ConsumerConfig{Name: name, InactiveThreshold: time.Minute, MemoryStorage: true,
			Replicas: 1, AckPolicy: jetstream.AckNonePolicy})
	return err
}
