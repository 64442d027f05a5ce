package mirror

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// A recreated source is detected no matter what was written to it. A source that is ahead, fenced, or has lost its
// oldest messages is accepted.
func TestCompare(t *testing.T) {
	t.Parallel()
	spec := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	remake := func(t *testing.T, top topology, messages int) {
		if err := kine.Delete(t.Context(), top.from, "kine", true); err != nil {
			t.Fatal(err)
		}
		if _, err := kine.Create(t.Context(), top.from, spec, nil); err != nil {
			t.Fatal(err)
		}
		write(t, top.nc, "kine", messages, 10)
	}
	cases := map[string]struct {
		change func(t *testing.T, top topology)
		want   string
	}{
		"in sync":            {func(*testing.T, topology) {}, ""},
		"written to":         {func(t *testing.T, top topology) { write(t, top.nc, "kine", 500, 10) }, ""},
		"recreated, empty":   {func(t *testing.T, top topology) { remake(t, top, 0) }, "the last sequence of the source is 0, below the mirror's 100"},
		"recreated, shorter": {func(t *testing.T, top topology) { remake(t, top, 40) }, "the last sequence of the source is 40, below the mirror's 100"},
		"recreated, as long": {func(t *testing.T, top topology) { remake(t, top, 100) }, "different messages at sequence"},
		"recreated, longer":  {func(t *testing.T, top topology) { remake(t, top, 150) }, "different messages at sequence"},
		"fenced": {func(t *testing.T, top topology) {
			if _, err := kine.SetFence(t.Context(), top.from, "kine", kine.Fence{By: "test"}); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"with less history": {func(t *testing.T, top topology) {
			less := spec
			less.History = 2
			if _, err := kine.Update(t.Context(), top.from, less, nil, false); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"purged": {func(t *testing.T, top topology) {
			if err := top.from.Request(t.Context(), "STREAM.PURGE.KV_kine", nil, nil); err != nil {
				t.Fatal(err)
			}
		}, ""},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := inAccounts(t)
			makeBucket(t, top.from, top.nc, 100)
			for _, name := range []string{"kine", "copy"} {
				establish(t, top.js, top.from, specOf(name, top.source))
			}
			tt.change(t, top)
			for _, name := range []string{"kine", "copy"} {
				m, err := Read(t.Context(), top.js, name)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, d, err := Compare(t.Context(), top.js, top.from, m)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %v after %s", name, d, time.Since(start))
				if (d != nil) != (tt.want != "") || d != nil && !strings.Contains(d.String(), tt.want) {
					t.Errorf("%s: %v", name, d)
				}
			}
		})
	}
}

// A recreated source that is longer than its mirror continues the mirror's old history with its own: the newest
// messages are equal.
func graftedHistory(t *testing.T) {
	top := inAccounts(t)
	makeBucket(t, top.from, top.nc, 100)
	establish(t, top.js, top.from, specOf("kine", top.source))
	if err := kine.Delete(t.Context(), top.from, "kine", true); err != nil {
		t.Fatal(err)
	}
	makeBucket(t, top.from, top.nc, 150)
	var m *Mirror
	eventually(t, "the mirror to continue with the new history", func() (done bool) {
		var err error
		if m, err = Read(t.Context(), top.js, "kine"); err != nil {
			t.Fatal(err)
		}
		return m.LastSequence == 150
	})
	_, d, err := Compare(t.Context(), top.js, top.from, m)
	if err != nil || d == nil || d.Sequence == 0 || d.Sequence > 100 {
		t.Errorf("%v, %v", d, err)
	}

	// The mirror may be the only copy of the old history. A restoration neither promotes nor removes it, even if a
	// restoration created it.
	spec := specOf("kine", top.source)
	if _, ok := errors.AsType[*kine.ExistsError](restore(t, top, spec)); !ok {
		t.Error("a mirror that no restoration created is adopted")
	}
	if err := kine.OpenStream(top.js, spec.Name).Send(t.Context(), spec.restoring().Config); err != nil {
		t.Fatal(err)
	}
	err = restore(t, top, spec)
	if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Cause != CauseOtherSource {
		t.Errorf("restored out of two histories: %v", err)
	}
	if m, err = Read(t.Context(), top.js, "kine"); err != nil || m.Promoted || m.LastSequence != 150 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestPivots(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		first, last uint64
		want        []uint64
	}{
		"nothing in common": {5, 4, nil},
		"one":               {7, 7, []uint64{7}},
		"two":               {7, 8, []uint64{7, 8}},
		"some":              {1, 10, []uint64{1, 2, 3, 5, 7, 9, 10}},
		"many":              {1, 100001, []uint64{1, 25001, 50001, 67233, 75001, 95905, 99489, 99937, 99993, 100000, 100001}},
	}
	for name, tt := range cases {
		got := comparison{first: tt.first, last: tt.last}.pivots()
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, not %v", name, got, tt.want)
		}
	}
}
