package mirror

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// topology is a source and the place of its mirror.
type topology struct {
	from, js *natsconn.JetStream
	nc       *nats.Conn
	source   Source
	// leaf is the server of the mirror.
	leaf *natslab.Server
}

func inDomains(t *testing.T) topology {
	h := natslab.HubAndLeaf(t)
	return topology{openAPI(t, h.Hub.URLs(), ""), openAPI(t, h.Leaf.URLs(), ""), h.Hub.Connect(t), kineIn("hub"), h.Leaf}
}

// inDomainsFromHub reaches both sides over one connection to the source's domain.
func inDomainsFromHub(t *testing.T) topology {
	h := natslab.HubAndLeaf(t)
	client := natsconn.NewClient(natsconn.Settings{Servers: h.Hub.URLs()}, nil)
	t.Cleanup(client.Close)
	return topology{client.JetStream(""), client.JetStream("leaf"), h.Hub.Connect(t), kineIn("hub"), h.Leaf}
}

func inAccounts(t *testing.T) topology {
	s := natslab.Single(t, natslab.Accounts(accounts()...))
	return topology{openAPI(t, s.URLs(), "origin"), openAPI(t, s.URLs(), "edge"), s.Connect(t, asOrigin()), shared, s}
}

// A mirror follows its source in each topology, under the same and under another name, and is read back as created.
func TestEstablish(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) topology{
		"another domain": inDomains, "another domain, from the source's": inDomainsFromHub, "another account": inAccounts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := start(t)
			makeBucket(t, top.from, top.nc, 200)
			probed, err := Probe(t.Context(), top.from, "kine")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"kine", "copy"} {
				spec := Spec{Spec: kine.Spec{Name: name, History: probed.History, Replicas: 1}, Source: top.source}
				m := establish(t, top.js, top.from, spec)
				if m.spec() != spec || len(m.Differences) > 0 || m.Promoted || m.Placement != nil || m.LastSequence != 200 ||
					m.Keys != probed.Keys || m.Health() != Healthy || m.Created.IsZero() {
					t.Errorf("%+v: %s", m, m.Describe())
				}
			}
			write(t, top.nc, "kine", 20, 10)
			for _, name := range []string{"kine", "copy"} {
				if m, err := AwaitSequence(within(t, time.Minute), top.js, name, 220); err != nil || m.LastSequence != 220 {
					t.Errorf("%s does not follow: %v", name, err)
				}
				m, err := Read(t.Context(), top.js, name)
				if err != nil {
					t.Fatal(err)
				}
				if _, d, err := Compare(t.Context(), top.js, top.from, m); d != nil || err != nil {
					t.Errorf("%s: %v, %v", name, d, err)
				}
			}
			// Without access to the source, the mirror alone has to prove that it follows.
			if m, err := AwaitSync(within(t, time.Minute), top.js, nil, specOf("copy", top.source)); err != nil ||
				m.LastSequence != 220 {
				t.Errorf("blind: %v", err)
			}
			for _, name := range []string{"kine", "copy", "copy"} {
				if err := Delete(t.Context(), top.js, name, false); err != nil {
					t.Error(err)
				}
				mustNotExist(t, top.js, name)
			}
		})
	}
}

// An empty bucket can only be proven by signs of life.
func TestEstablishEmpty(t *testing.T) {
	t.Parallel()
	top := inAccounts(t)
	makeBucket(t, top.from, top.nc, 0)
	for name, source := range map[string]*natsconn.JetStream{"known": top.from, "blind": nil} {
		m := establish(t, top.js, source, specOf(name, top.source))
		if m.LastSequence != 0 || m.Health() != Healthy {
			t.Errorf("%s: %s", name, m.Describe())
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	if _, err := Probe(t.Context(), top.from, "kine"); !errors.Is(err, kine.ErrNotFound) {
		t.Errorf("of no bucket: %v", err)
	}
	makeBucket(t, top.from, top.nc, 1)
	establish(t, top.js, top.from, specOf("kine", top.source))
	_, err := Probe(t.Context(), top.js, "kine")
	if refused, ok := errors.AsType[*SourceError](err); !ok || !refused.Mirror ||
		!strings.Contains(err.Error(), "is a mirror itself") {
		t.Errorf("of a mirror: %v", err)
	}

	changed := kine.NewConfig(kine.Contract(kine.Spec{Name: "kine", History: 10, Replicas: 1}))
	changed.Set("max_bytes", 1<<20)
	if err := kine.OpenStream(top.from, "kine").Send(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if _, err = Probe(t.Context(), top.from, "kine"); err == nil ||
		!strings.Contains(err.Error(), "max_bytes is 1048576") {
		t.Errorf("of a bucket that breaks the contract: %v", err)
	}
	changed.Set("max_bytes", -1)
	if err := kine.OpenStream(top.from, "kine").Send(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if _, err := kine.SetFence(t.Context(), top.from, "kine", kine.Fence{By: "test"}); err != nil {
		t.Fatal(err)
	}
	if b, err := Probe(t.Context(), top.from, "kine"); err != nil || b.Fence == nil || b.History != 10 {
		t.Errorf("of a fenced bucket: %v", err)
	}
}

// An existing stream is adopted if it is the empty mirror, and left unchanged otherwise.
func TestCreateMeetsAnother(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	makeBucket(t, top.from, top.nc, 0)
	spec := specOf("kine", top.source)
	for range 2 {
		if _, err := Create(t.Context(), top.js, spec, nil); err != nil {
			t.Fatal(err)
		}
	}
	other := spec
	other.History = 5
	_, err := Create(t.Context(), top.js, other, nil)
	if exists, ok := errors.AsType[*kine.ExistsError](err); !ok || len(exists.Bucket.Differences) != 1 ||
		!strings.Contains(err.Error(), "max_msgs_per_subject is 10, not 5") {
		t.Errorf("of another history: %v", err)
	}
	write(t, top.nc, "kine", 7, 10)
	if _, err := AwaitSync(within(t, time.Minute), top.js, top.from, spec); err != nil {
		t.Fatal(err)
	}
	_, err = Create(t.Context(), top.js, spec, nil)
	if _, ok := errors.AsType[*kine.ExistsError](err); !ok ||
		!strings.Contains(err.Error(), "the mirror kine already exists: 5 keys in 7 messages") {
		t.Errorf("of a filled one: %v", err)
	}
	if _, err := kine.Create(t.Context(), top.js, kine.Spec{Name: "taken", History: 10, Replicas: 1}, nil); err != nil {
		t.Fatal(err)
	}
	_, err = Establish(t.Context(), top.js, top.from, specOf("taken", top.source), nil)
	if _, ok := errors.AsType[*kine.ExistsError](err); !ok ||
		!strings.Contains(err.Error(), "already exists and is not a mirror") {
		t.Errorf("of a bucket: %v", err)
	}
	if b, err := kine.Read(t.Context(), top.js, "taken"); err != nil || len(b.Differences) > 0 {
		t.Errorf("the bucket was changed: %v", err)
	}
}
