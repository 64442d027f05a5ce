package mirror

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The server takes ten to twenty seconds to react to a lost source.
func TestSourceAway(t *testing.T) {
	t.Parallel()
	atOnce(t, map[string]func(*testing.T){
		"link cut": linkCut, "contact lost": contactLost, "deleted": sourceDeleted, "recreated": graftedHistory,
		"restored": restored,
	})
}

// The link to the source is cut while KINE writes. The mirror then catches up automatically.
func linkCut(t *testing.T) { cutLink(t, 4*time.Second) }

// cutLink cuts the link between a mirror and its source for a duration while KINE writes to the source.
func cutLink(t *testing.T, d time.Duration) {
	t.Helper()
	h := natslab.HubAndLeaf(t)
	hub, leaf := openAPI(t, h.Hub.URLs(), ""), openAPI(t, h.Leaf.URLs(), "")
	_, client := runKINE(t, h.Hub.URLs(), "", "kine")
	spec := specOf("kine", kineIn("hub"))
	establish(t, leaf, hub, spec)
	writer, err := etcdtest.StartWriter(t.Context(), client, etcdtest.NewPrefix(), 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}

	h.Link.Cut()
	cut := time.Now()
	eventually(t, "the source to go ahead", func() bool { return time.Since(cut) > d })
	behind, err := Read(t.Context(), leaf, "kine")
	if err != nil {
		t.Fatal(err)
	}
	if last := lastSequence(t, hub); behind.LastSequence >= last {
		t.Errorf("the mirror has %d of %d although the link is cut", behind.LastSequence, last)
	}
	if _, d, err := Compare(t.Context(), leaf, hub, behind); d != nil || err != nil {
		t.Errorf("diverged while the link is cut: %v, %v", d, err)
	}
	h.Link.Restore()
	restored := time.Now()
	if _, err := AwaitSync(within(t, 3*time.Minute), leaf, hub, spec); err != nil {
		t.Fatal(err)
	}
	t.Logf("in sync %s after the link was restored", time.Since(restored))

	report, err := writer.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
	last := lastSequence(t, hub)
	m, err := AwaitSequence(within(t, time.Minute), leaf, "kine", last)
	if err != nil || m.LastSequence != last {
		t.Fatalf("%v, not %d: %v", m, last, err)
	}
	if _, d, err := Compare(t.Context(), leaf, hub, m); d != nil || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}

// A mirror that lost its source reports so. A wait that cannot succeed fails immediately; a wait with a source that is
// known to exist continues.
func contactLost(t *testing.T) {
	h := natslab.HubAndLeaf(t)
	hub, leaf := openAPI(t, h.Hub.URLs(), ""), openAPI(t, h.Leaf.URLs(), "")
	makeBucket(t, hub, h.Hub.Connect(t), 20)
	spec := specOf("kine", kineIn("hub"))
	establish(t, leaf, hub, spec)
	h.Link.Cut()
	var m *Mirror
	eventually(t, "the mirror to report that contact is lost", func() bool {
		var err error
		if m, err = Read(t.Context(), leaf, "kine"); err != nil {
			t.Fatal(err)
		}
		return m.Health() == ContactLost
	})
	if m.Active < ContactLimit || m.Follows() || m.LastSequence != 20 {
		t.Errorf("%+v", m)
	}
	watch := natslab.StartStopwatch()
	_, err := AwaitSequence(t.Context(), leaf, "kine", 21)
	if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Cause != CauseUnreachable || broken.Lasting() ||
		watch.Waited() > 3*time.Second {
		t.Errorf("waiting for what cannot come, after %s: %v", watch, err)
	}
	if _, err = AwaitSync(t.Context(), leaf, nil, spec); err == nil || watch.Waited() > 6*time.Second {
		t.Errorf("waiting blindly, after %s: %v", watch, err)
	}
	if _, err := AwaitSequence(t.Context(), leaf, "kine", 20); err != nil {
		t.Errorf("waiting for what is there: %v", err)
	}
	seen, err := AwaitSync(within(t, 500*time.Millisecond), leaf, hub, spec)
	_, ok := errors.AsType[*kine.UnsettledError](err)
	if !ok || seen == nil || !strings.Contains(err.Error(), "no contact to the bucket kine") {
		t.Errorf("waiting for a source that is there: %v", err)
	}
}

// A mirror reports that its source was deleted and keeps its messages.
func sourceDeleted(t *testing.T) {
	top := inDomains(t)
	makeBucket(t, top.from, top.nc, 20)
	establish(t, top.js, top.from, specOf("kine", top.source))
	if err := kine.Delete(t.Context(), top.from, "kine", true); err != nil {
		t.Fatal(err)
	}
	var m *Mirror
	eventually(t, "the mirror to report that the source is missing", func() bool {
		var err error
		if m, err = Read(t.Context(), top.js, "kine"); err != nil {
			t.Fatal(err)
		}
		return m.Health() == SourceMissing
	})
	if m.LastSequence != 20 || m.Active < ContactLimit {
		t.Errorf("%+v", m)
	}
	if _, _, err := Compare(t.Context(), top.js, top.from, m); !errors.Is(err, kine.ErrNotFound) {
		t.Errorf("compared with nothing: %v", err)
	}
	watch := natslab.StartStopwatch()
	_, err := AwaitSequence(t.Context(), top.js, "kine", 21)
	if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Lasting() && broken.Cause != CauseSourceMissing ||
		watch.Waited() > 12*time.Second {
		t.Errorf("waiting for what cannot come, after %s: %v", watch, err)
	}
	_, err = AwaitSync(t.Context(), top.js, top.from, specOf("kine", top.source))
	if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Cause != CauseSourceMissing {
		t.Errorf("waiting for a source that is not there: %v", err)
	}
}

// A request that succeeded but whose answer was lost is detected by the next attempt.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	makeBucket(t, top.from, top.nc, 50)
	proxy := natslab.NewProxy(t, top.leaf.ClientURL())
	client := natsconn.NewClient(natsconn.Settings{Servers: []string{proxy.ClientURL()},
		RequestTimeout: 500 * time.Millisecond}, nil)
	t.Cleanup(client.Close)
	js, spec := client.JetStream(""), specOf("kine", top.source)
	lose := func(call string, do func() error) {
		hold := proxy.HoldReply(1, func(subject string) bool { return subject == "$JS.API."+call+".KV_kine" })
		if err := do(); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		select {
		case <-hold.Held():
			hold.Drop()
		default:
			t.Errorf("%s was not asked for", call)
		}
	}
	lose("STREAM.CREATE", func() error {
		// The mirror has filled itself in the meantime.
		m, err := Establish(within(t, time.Minute), js, top.from, spec, nil)
		if err == nil && m.LastSequence != 50 {
			t.Errorf("%+v", m)
		}
		return err
	})
	lose("STREAM.UPDATE", func() error {
		bucket, err := Promote(t.Context(), js, spec)
		if err == nil && len(bucket.Differences) > 0 {
			t.Errorf("%+v", bucket)
		}
		return err
	})
}

// A mirror that is still catching up at the timeout stays and is finished by a later call.
func TestEstablishPending(t *testing.T) {
	t.Parallel()
	top := inAccounts(t)
	makeBucket(t, top.from, top.nc, 0)
	write(t, top.nc, "kine", 5000, 4096)
	spec := specOf("kine", top.source)
	// The first read shows that there is no mirror yet. The timeout expires at the next read, after the creation.
	proxy := natslab.NewProxy(t, top.leaf.ClientURL())
	hold := proxy.HoldRequest(2, func(subject string) bool { return subject == "$JS.API.STREAM.INFO.KV_kine" })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hold.Held()
		cancel()
	}()
	m, err := Establish(ctx, openAPI(t, []string{proxy.ClientURL()}, "edge"), top.from, spec, nil)
	if _, ok := errors.AsType[*kine.UnsettledError](err); !ok || m == nil {
		t.Fatalf("%v, %v", m, err)
	}
	if m, err = AwaitSync(within(t, time.Minute), top.js, top.from, spec); err != nil || m.LastSequence != 5000 {
		t.Fatal(err)
	}
	if m, err = Settle(t.Context(), top.js, spec, nil); err != nil || m.spec() != spec {
		t.Error(err)
	}
}

// Every change made to a mirror elsewhere is reported, and repaired if the server can.
func TestUpdateRepairs(t *testing.T) {
	t.Parallel()
	top := inAccounts(t)
	makeBucket(t, top.from, top.nc, 20)
	spec := specOf("copy", top.source)
	establish(t, top.js, top.from, spec)
	for field, value := range map[string]any{
		"mirror_direct": true, "description": "mine", "max_bytes": 1 << 30, "discard": "old",
		"allow_direct": false, "metadata": map[string]string{"owner": "me"}, "max_age": int64(time.Hour),
	} {
		changed := spec.form().With(field, value)
		if err := kine.OpenStream(top.js, spec.Name).Send(t.Context(), changed.Config); err != nil {
			t.Errorf("%s: %v", field, err)
			continue
		}
		m, err := Read(t.Context(), top.js, "copy")
		if err != nil || len(m.Differences) != 1 || m.Differences[0].Field != field || !m.Differences[0].Repairable() {
			t.Errorf("%s: %v, %v", field, m.Differences, err)
		}
		if m, err = Update(t.Context(), top.js, spec, nil, false); err != nil || len(m.Differences) > 0 || m.spec() != spec {
			t.Errorf("%s is not repaired: %v", field, err)
		}
	}

	other := spec
	other.History = 20
	if m, err := Update(t.Context(), top.js, other, nil, false); err != nil || m.spec() != other {
		t.Errorf("another history: %v", err)
	}
	other.Source.DeliverPrefix = "elsewhere"
	_, err := Update(t.Context(), top.js, other, nil, false)
	if refused, ok := errors.AsType[*kine.UnrepairableError](err); !ok || len(refused.Differences) != 1 ||
		refused.Differences[0].Field != "mirror" {
		t.Errorf("another source: %v", err)
	}
	if _, err := Update(t.Context(), top.js, specOf("none", top.source), nil, false); !errors.Is(err, kine.ErrNotFound) {
		t.Errorf("of no mirror: %v", err)
	}
	if _, err := Update(t.Context(), top.js, spec, &kine.Placement{Cluster: "east"}, true); !errors.Is(err,
		kine.ErrNoCluster) {
		t.Errorf("a move on a server of no cluster: %v", err)
	}
}

// In a super-cluster, which is one domain, the mirror is in a second account and another region. It gets more replicas
// there, moves, and is promoted.
func TestSuperCluster(t *testing.T) {
	t.Parallel()
	c := natslab.SuperCluster(t, 2, []string{"east", "west"}, natslab.Accounts(accounts()...))
	from, js := openAPI(t, c.Region("east")[0].URLs(), "origin"), openAPI(t, c.Region("west")[0].URLs(), "edge")
	bucket := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	if _, err := kine.Create(t.Context(), from, bucket, &kine.Placement{Cluster: "east"}); err != nil {
		t.Fatal(err)
	}
	if _, err := kine.Settle(within(t, time.Minute), from, bucket, &kine.Placement{Cluster: "east"}); err != nil {
		t.Fatal(err)
	}
	write(t, c.Connect(t, asOrigin()), "kine", 300, 10)

	west := &kine.Placement{Cluster: "west", Tags: []string{"region:west"}}
	spec := specOf("kine", shared)
	m, err := Establish(within(t, time.Minute), js, from, spec, west)
	if err != nil || m.Cluster != "west" || m.Placement != nil || len(m.Differences) > 0 || m.LastSequence != 300 {
		t.Fatalf("%+v, %v", m, err)
	}
	spec.Replicas = 2
	if m, err = Update(within(t, time.Minute), js, spec, west, false); err != nil || m.Replicas != 2 ||
		m.Placement != nil || m.Cluster != "west" {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err = Update(within(t, 2*time.Minute), js, spec, &kine.Placement{Cluster: "east"}, true); err != nil ||
		m.Cluster != "east" || m.Placement != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	write(t, c.Connect(t, asOrigin()), "kine", 10, 10)
	if _, err = AwaitSync(within(t, 2*time.Minute), js, from, spec); err != nil {
		t.Fatal(err)
	}
	promoted, err := Promote(t.Context(), js, spec)
	if err != nil || promoted.Spec != spec.Spec || promoted.Cluster != "east" || promoted.LastSequence != 310 {
		t.Fatalf("%+v, %v", promoted, err)
	}
}
