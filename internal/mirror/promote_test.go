package mirror

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// KINE continues with a promoted mirror where it stopped with the source, under the same and under another name.
func TestPromote(t *testing.T) {
	t.Parallel()
	for name, lab := range map[string]struct {
		start      func(*testing.T) (from, to []string)
		fromUser   string
		toUser     string
		source     Source
		mirrorName string
	}{
		"domain, same name": {start: hubAndLeafURLs, source: kineIn("hub"), mirrorName: "kine"},
		"account, another name": {
			start: accountURLs, fromUser: "origin", toUser: "edge", source: shared, mirrorName: "dr",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fromURLs, toURLs := lab.start(t)
			from, js := openAPI(t, fromURLs, lab.fromUser), openAPI(t, toURLs, lab.toUser)
			k, client := runKINE(t, fromURLs, lab.fromUser, "kine")
			spec := specOf(lab.mirrorName, lab.source)
			establish(t, js, from, spec)

			prefix := etcdtest.NewPrefix()
			seeded := seed(t, client, prefix, 60)
			_ = client.Close()
			if err := k.Stop(); err != nil {
				t.Fatal(err)
			}
			last := lastSequence(t, from)
			if m, err := AwaitSequence(within(t, time.Minute), js, spec.Name, last); err != nil || m.LastSequence != last {
				t.Fatalf("not in sync: %v", err)
			}

			for range 2 { // the second call finds it done
				bucket, err := Promote(t.Context(), js, spec)
				if err != nil {
					t.Fatal(err)
				}
				if len(bucket.Differences) > 0 || bucket.Spec != spec.Spec || bucket.LastSequence != last {
					t.Errorf("%+v", bucket)
				}
			}
			m, err := Read(t.Context(), js, spec.Name)
			if err != nil || !m.Promoted || m.Health() != Promoted || m.Source != (Source{}) || m.Follows() {
				t.Errorf("%+v, %v", m, err)
			}
			if _, d, err := Compare(t.Context(), js, from, m); d != nil || err != nil {
				t.Errorf("a promoted mirror is compared: %v, %v", d, err)
			}
			_, client = runKINE(t, toURLs, lab.toUser, spec.Name)
			verify(t, client, prefix, seeded)

			if _, err := Update(t.Context(), js, spec, nil, false); !isPromoted(err) {
				t.Errorf("updating what was promoted: %v", err)
			}
			if _, err := AwaitSync(t.Context(), js, from, spec); !isPromoted(err) {
				t.Errorf("waiting for what was promoted: %v", err)
			}
			if attached, ok := errors.AsType[*kine.AttachedError](Delete(t.Context(), js, spec.Name, false)); !ok ||
				attached.Consumers == 0 {
				t.Error("a promoted mirror that KINE is attached to was deleted")
			}
		})
	}
}

func isPromoted(err error) bool {
	_, ok := errors.AsType[*PromotedError](err)
	return ok
}

func hubAndLeafURLs(t *testing.T) (from, to []string) {
	t.Helper()
	h := natslab.HubAndLeaf(t)
	return h.Hub.URLs(), h.Leaf.URLs()
}

func accountURLs(t *testing.T) (from, to []string) {
	t.Helper()
	s := natslab.Single(t, natslab.Accounts(accounts()...))
	return s.URLs(), s.URLs()
}

// A mirror whose stream can never become a bucket is not promoted.
func TestPromoteRefused(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	makeBucket(t, top.from, top.nc, 3)
	spec := specOf("kine", top.source)
	if _, err := Promote(t.Context(), top.js, spec); !errors.Is(err, kine.ErrNotFound) {
		t.Errorf("of no mirror: %v", err)
	}
	form := spec.form().With("storage", "memory")
	if err := top.js.Request(t.Context(), "STREAM.CREATE.KV_kine", form.Config, nil); err != nil {
		t.Fatal(err)
	}
	_, err := Promote(t.Context(), top.js, spec)
	if refused, ok := errors.AsType[*kine.UnrepairableError](err); !ok || len(refused.Differences) != 1 ||
		refused.Differences[0].Field != "storage" {
		t.Errorf("of one in memory: %v", err)
	}
	if m, err := Read(t.Context(), top.js, "kine"); err != nil || m.Promoted {
		t.Errorf("it was changed: %v", err)
	}
}

// The bucket is lost and restored from its mirror. KINE continues with it, and the mirror follows the new bucket.
func restored(t *testing.T) {
	h := natslab.HubAndLeaf(t)
	hub, leaf := openAPI(t, h.Hub.URLs(), ""), openAPI(t, h.Leaf.URLs(), "")
	k, client := runKINE(t, h.Hub.URLs(), "", "kine")
	spec := specOf("kine", kineIn("hub"))
	establish(t, leaf, hub, spec)
	prefix := etcdtest.NewPrefix()
	seeded := seed(t, client, prefix, 60)
	_ = client.Close()
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	last := lastSequence(t, hub)
	if _, err := AwaitSequence(within(t, time.Minute), leaf, "kine", last); err != nil {
		t.Fatal(err)
	}
	if err := kine.Delete(t.Context(), hub, "kine", true); err != nil {
		t.Fatal(err)
	}

	back := specOf("kine", kineIn("leaf"))
	// An earlier attempt was interrupted.
	if _, err := createRestoring(t.Context(), hub, back, nil); err != nil {
		t.Fatal(err)
	}
	halfway, err := Read(t.Context(), leaf, "kine")
	if err != nil {
		t.Fatal(err)
	}
	if _, d, err := Compare(t.Context(), leaf, hub, halfway); d != nil || err != nil {
		t.Errorf("diverged while the source is being restored: %v, %v", d, err)
	}
	if _, err := AwaitSync(within(t, time.Minute), hub, leaf, back); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"an interrupted one", "a finished one"} {
		bucket, err := Restore(within(t, time.Minute), hub, leaf, back, nil)
		if err != nil {
			t.Fatalf("continuing %s: %v", what, err)
		}
		if bucket.Spec != back.Spec || len(bucket.Differences) > 0 || bucket.LastSequence != last {
			t.Errorf("%+v", bucket)
		}
	}
	if m, err := Read(t.Context(), leaf, "kine"); err != nil || m.Promoted || m.spec() != spec {
		t.Errorf("the source was changed: %v", err)
	}

	_, client = runKINE(t, h.Hub.URLs(), "", "kine")
	verify(t, client, prefix, seeded)
	m, err := AwaitSync(within(t, time.Minute), leaf, hub, spec)
	if err != nil {
		t.Fatalf("the mirror does not follow the bucket that was restored from it: %v", err)
	}
	if _, d, err := Compare(t.Context(), leaf, hub, m); d != nil || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}

// A restoration only replaces what an earlier restoration left, and leaves nothing behind if it cannot work.
func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	spec := specOf("taken", top.source)
	if _, err := Restore(t.Context(), top.js, top.from, spec, nil); !errors.Is(err, kine.ErrNotFound) {
		t.Errorf("from no bucket: %v", err)
	}
	makeBucket(t, top.from, top.nc, 30)
	if _, err := kine.Create(t.Context(), top.js, spec.Spec, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*kine.ExistsError](restore(t, top, spec)); !ok {
		t.Error("restored over an empty bucket")
	}
	nc := top.leaf.Connect(t)
	write(t, nc, "taken", 30, 10)
	if _, ok := errors.AsType[*kine.ExistsError](restore(t, top, spec)); !ok {
		t.Error("restored over a bucket as long as the source")
	}
	spec = specOf("standby", top.source)
	establish(t, top.js, top.from, spec)
	if _, ok := errors.AsType[*kine.ExistsError](restore(t, top, spec)); !ok {
		t.Error("restored over a mirror that follows the source")
	}
	if m, err := Read(t.Context(), top.js, "standby"); err != nil || m.Promoted || len(m.Differences) > 0 {
		t.Errorf("the mirror was changed: %+v, %v", m, err)
	}
	spec = specOf("copy", kineIn("hubb"))
	if broken, ok := errors.AsType[*BrokenError](restore(t, top, spec)); !ok || broken.Cause != CauseNoAnswer {
		t.Error("restored from a domain that does not answer")
	}
	mustNotExist(t, top.js, "copy")

	if err := restore(t, top, specOf("copy", top.source)); err != nil {
		t.Errorf("under another name: %v", err)
	}
	m, err := Read(t.Context(), top.js, "copy")
	if err != nil || !m.Promoted || m.LastSequence != 30 || len(m.Differences) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func restore(t *testing.T, top topology, spec Spec) error {
	t.Helper()
	_, err := Restore(within(t, time.Minute), top.js, top.from, spec, nil)
	return err
}

// Concurrent restorations of one bucket, for example after a CLI was killed and its provider continued, all return the
// same bucket.
func TestRestoreAtOnce(t *testing.T) {
	t.Parallel()
	top := inDomains(t)
	makeBucket(t, top.from, top.nc, 2000)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = restore(t, top, specOf("kine", top.source)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if m, err := Read(t.Context(), top.js, "kine"); err != nil || !m.Promoted || m.LastSequence != 2000 ||
		len(m.Differences) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
}
