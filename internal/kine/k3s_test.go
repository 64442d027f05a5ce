package kine

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLookUpK3s(t *testing.T) {
	t.Parallel()
	unknown := K3s{}
	for version, want := range map[string]K3s{
		"v1.35.0+k3s3":     {"0.14.10", GenerationStrict, true},
		"1.35.0+k3s3":      {"0.14.10", GenerationStrict, true},
		"v1.35.0-k3s3":     {"0.14.10", GenerationStrict, true},
		"v1.35.5+k3s1":     {"0.15.0", GenerationStrict, true},
		"v1.35.5":          {"0.15.0", GenerationStrict, true},
		"v1.36.2+k3s1":     {"0.16.1", GenerationStrict, true},
		"v1.37.0+k3s1":     {"0.17.0", GenerationStrict, false},
		"v1.37.0-rc1+k3s1": {"0.17.0", GenerationStrict, false},
		"v1.37.1+k3s1":     {"0.17.1", GenerationStrict, false},
		"v1.34.1+k3s1":     {"0.14.0", GenerationLenient, true},
		"v1.32.5+k3s1":     {"0.13.15", GenerationLenient, true},

		// Between and outside the listed versions.
		"v1.35.0+k3s4":  {"", GenerationStrict, true},
		"v1.35.3+k3s1":  {"", GenerationStrict, true},
		"v1.35.9+k3s1":  {"", GenerationStrict, false},
		"v1.35.0+k3s2":  {"", GenerationUnknown, true},
		"v1.36.0+k3s1":  {"", GenerationUnknown, true},
		"v1.37.4+k3s1":  {"", GenerationStrict, false},
		"v1.34.0+k3s1":  {"", GenerationLenient, true},
		"v1.33.1+k3s1":  {"", GenerationLenient, true},
		"v1.33.9+k3s1":  unknown,
		"v1.31.14+k3s1": {"", GenerationLenient, true},
		"v1.20.0+k3s1":  {"", GenerationLenient, true},
		"v1.38.0+k3s1":  unknown,
		"v99.0.0+k3s1":  unknown,

		"": unknown, "latest": unknown, "stable": unknown, "v1": unknown, "1.35": unknown, "v1.35.0+rke2r1": unknown,
		"v1.35.0+k3s": unknown, "v1.35.0 +k3s3": unknown, "v1.35.0+k3s99999999999999999999": unknown,
	} {
		if got := LookUpK3s(version); got != want {
			t.Errorf("%q: got %+v, want %+v", version, got, want)
		}
	}
}

// The table is sorted and never descends within a minor version. The lookup relies on that.
func TestBundledIsInOrder(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(bundled, func(a, b release) int { return a.k3s.compare(b.k3s) }) {
		t.Error("the releases are not in ascending order")
	}
	for i, r := range bundled[1:] {
		before := bundled[i]
		if before.k3s.minor == r.k3s.minor && (before.generation > r.generation || !before.slow && r.slow) {
			t.Errorf("%+v is older than %+v", r, before)
		}
	}
}

func FuzzLookUpK3s(f *testing.F) {
	f.Add("v1.35.0+k3s3")
	f.Fuzz(func(t *testing.T, version string) {
		if k3s := LookUpK3s(version); k3s.KINE != "" && k3s.Generation == GenerationUnknown {
			t.Errorf("%q: %+v", version, k3s)
		}
	})
}

func TestBundledKINE(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/k3s-io/kine v" + BundledKINE + "\n"; !strings.Contains(string(module), want) {
		t.Errorf("go.mod does not require %s", want)
	}
}
