package mirror

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Several reads of a mirror in sequence lead to each verdict. The wait is for sequence 10. before is the time since the
// wait began and since all reads except the last.
func TestWatcher(t *testing.T) {
	t.Parallel()
	const long = time.Minute
	source := kineIn("hub")
	missing := &natsconn.APIError{ErrCode: natsconn.CodeStreamNotFound}
	stalled := &natsconn.APIError{ErrCode: natsconn.CodeFlowControlStalled}
	cases := map[string]struct {
		looks   []Mirror
		before  time.Duration
		patient bool
		done    bool
		cause   Cause
	}{
		"just made":              {looks: []Mirror{{Active: Never}}},
		"in sync":                {looks: []Mirror{{Active: Never}, {Bucket: at(10)}}, done: true},
		"coming":                 {looks: []Mirror{{Active: Never}, {Bucket: at(5), Lag: 5}}},
		"coming, with a lag":     {looks: []Mirror{{Active: Never}, {Bucket: at(10), Lag: 5}}, done: true},
		"there before, silent":   {looks: []Mirror{{Active: Never, Bucket: at(10)}}},
		"one sign of life":       {looks: []Mirror{{Bucket: at(10), Active: time.Second}}},
		"two signs of life":      {looks: []Mirror{{Bucket: at(10), Active: time.Second}, {Bucket: at(10)}}, done: true},
		"there, with an error":   {looks: []Mirror{{Active: Never}, {Bucket: at(10), Error: stalled}}},
		"source missing":         {looks: []Mirror{{Active: Never, Error: missing}, {Active: Never}}, before: long, cause: CauseSourceMissing},
		"refused":                {looks: []Mirror{{Active: Never, Error: &natsconn.APIError{ErrCode: 1}}}, before: long, cause: CauseRefused},
		"no delivery":            {looks: []Mirror{{Active: 4 * time.Second}, {Active: 4 * time.Second}}, before: long, cause: CauseNoDelivery},
		"stalled":                {looks: []Mirror{{Active: Never}, {Bucket: at(5), Lag: 5}, {Bucket: at(5), Lag: 5}}, before: long, cause: CauseFlowControl},
		"stalled, as it says":    {looks: []Mirror{{Active: Never}, {Bucket: at(5), Error: stalled}, {Bucket: at(5), Lag: 5}}, before: long, cause: CauseFlowControl},
		"another source":         {looks: []Mirror{{Active: Never}, {Bucket: at(5)}, {Bucket: at(5)}}, before: long, cause: CauseOtherSource},
		"lost":                   {looks: []Mirror{{Bucket: at(5)}, {Bucket: at(5), Active: 11 * time.Second}}, cause: CauseUnreachable},
		"lost, source known":     {looks: []Mirror{{Bucket: at(5)}, {Bucket: at(5), Active: 11 * time.Second}}, patient: true},
		"silent, worked before":  {looks: []Mirror{{Bucket: at(5), Active: 4 * time.Second}, {Bucket: at(5), Active: 4 * time.Second}}, before: long, cause: CauseUnreachable},
		"missing, worked before": {looks: []Mirror{{Bucket: at(5), Active: Never, Error: missing}}, before: long, cause: CauseSourceMissing},
		"missing, source known":  {looks: []Mirror{{Bucket: at(5), Active: Never, Error: missing}}, before: long, patient: true},
	}
	for name, tt := range cases {
		w := newWatcher(specOf("kine", source))
		w.target, w.patient = 10, tt.patient
		var last *Mirror
		for i := range tt.looks {
			last = &tt.looks[i]
			last.Name, last.Source = "kine", source
			if i == len(tt.looks)-1 {
				w.since, w.moved = w.since.Add(-tt.before), w.moved.Add(-tt.before)
			}
			w.look(last)
		}
		if w.done(last) != tt.done {
			t.Errorf("%s: done is %t", name, !tt.done)
		}
		if tt.done {
			continue
		}
		err := w.broken(t.Context(), nil, last)
		broken, ok := errors.AsType[*BrokenError](err)
		if ok != (tt.cause != "") || ok && broken.Cause != tt.cause {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A mirror that found its source again is given time to receive messages.
func TestWatcherContactReturns(t *testing.T) {
	t.Parallel()
	w := newWatcher(specOf("kine", kineIn("hub")))
	w.target, w.patient = 10, true
	w.since, w.moved = w.since.Add(-time.Minute), w.moved.Add(-time.Minute)
	back := &Mirror{Bucket: at(5), Source: kineIn("hub")}
	for _, active := range []time.Duration{50 * time.Second, 51 * time.Second, 0} {
		back.Active = active
		w.look(back)
		if err := w.broken(t.Context(), nil, back); err != nil {
			t.Errorf("%s after the last sign of life: %v", active, err)
		}
	}
	w.moved = w.moved.Add(-standstill)
	if broken, ok := errors.AsType[*BrokenError](w.broken(t.Context(), nil, back)); !ok ||
		broken.Cause != CauseOtherSource {
		t.Errorf("messages do not come: %v", broken)
	}
}

// A source that does not answer is reported soon, however long the mirror may take. It is not a failure of the mirror.
func TestAwaitSyncUnasked(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hub, leaf := openAPI(t, lab.Hub.URLs(), ""), openAPI(t, lab.Leaf.URLs(), "")
	makeBucket(t, hub, lab.Hub.Connect(t), 20)
	spec := specOf("kine", kineIn("hub"))
	establish(t, leaf, hub, spec)
	lab.Hub.Stop()
	watch := natslab.StartStopwatch()
	_, err := AwaitSync(within(t, 2*time.Minute), leaf, hub, spec)
	if pending, ok := errors.AsType[*kine.UnsettledError](err); !ok ||
		!strings.Contains(pending.Waiting, "its source cannot be asked") {
		t.Errorf("a lost source: %v", err)
	}
	if watch.Waited() > askTimeout+5*time.Second {
		t.Errorf("it took %s", watch)
	}
}
