package provider

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// The environment variables of the Go runtime take precedence over the provider's settings.
func TestPaceOfCollector(t *testing.T) {
	before := paceNow(t)
	restore := func() {
		debug.SetGCPercent(before.percent)
		debug.SetMemoryLimit(before.limit)
	}
	defer restore()
	for _, c := range []struct {
		gogc, gomemlimit string
		want             pace
	}{
		{"", "", pace{collectPercent, memoryLimit}},
		{"50", "", pace{before.percent, memoryLimit}},
		{"", "1GiB", pace{collectPercent, before.limit}},
		{"off", "1GiB", before},
	} {
		restore()
		t.Setenv("GOGC", c.gogc)
		t.Setenv("GOMEMLIMIT", c.gomemlimit)
		paceCollector()
		if got := paceNow(t); got != c.want {
			t.Errorf("GOGC=%s GOMEMLIMIT=%s: got %+v, want %+v", c.gogc, c.gomemlimit, got, c.want)
		}
	}
}

type pace struct {
	percent int
	limit   int64
}

func paceNow(t *testing.T) pace {
	t.Helper()
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(samples)
	return pace{int(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())} //nolint:gosec // both fit, as they came from there
}
