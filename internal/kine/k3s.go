package kine

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
)

// BundledKINE is the version of KINE that is linked into the provider and that a verification runs.
const BundledKINE = "0.17.5"

// Generation is how a version of KINE treats an existing bucket.
type Generation int

// Generations of KINE's NATS driver.
const (
	// GenerationUnknown is for unknown versions of k3s.
	GenerationUnknown Generation = iota
	// GenerationLenient uses an existing bucket unchanged: KINE before 0.14.10.
	GenerationLenient
	// GenerationStrict creates the bucket, which fails if an existing bucket differs from [Contract] in any field: KINE
	// 0.14.10 and later.
	GenerationStrict
)

// K3s describes the KINE that a version of k3s bundles.
type K3s struct {
	// KINE is the version of KINE, such as "0.14.10", or "" if it is not known exactly.
	KINE       string
	Generation Generation
	// SlowReplay is true if KINE is known to read a bucket slowly at startup, as versions before 0.16.4 do.
	SlowReplay bool
}

// k3sVersion is a version of k3s: Kubernetes 1.minor.patch, and the revision of k3s.
type k3sVersion struct{ minor, patch, revision int }

func (v k3sVersion) compare(other k3sVersion) int {
	return cmp.Or(cmp.Compare(v.minor, other.minor), cmp.Compare(v.patch, other.patch),
		cmp.Compare(v.revision, other.revision))
}

// release is a release of k3s with what it bundles.
type release struct {
	k3s        k3sVersion
	kine       string
	generation Generation
	slow       bool
}

// bundled lists releases of k3s in ascending order with the KINE in their go.mod. A later patch of a minor version
// never has an older KINE.
var bundled = []release{
	{k3sVersion{32, 5, 1}, "0.13.15", GenerationLenient, true},
	{k3sVersion{33, 5, 1}, "0.14.0", GenerationLenient, true},
	{k3sVersion{34, 1, 1}, "0.14.0", GenerationLenient, true},
	{k3sVersion{35, 0, 3}, "0.14.10", GenerationStrict, true},
	{k3sVersion{35, 5, 1}, "0.15.0", GenerationStrict, true},
	{k3sVersion{36, 2, 1}, "0.16.1", GenerationStrict, true},
	{k3sVersion{37, 0, 1}, "0.17.0", GenerationStrict, false},
	{k3sVersion{37, 1, 1}, "0.17.1", GenerationStrict, false},
}

// k3sPattern matches a version of k3s, with or without the v. Image tags have a dash instead of the plus.
var k3sPattern = regexp.MustCompile(`^v?1\.(\d{1,3})\.(\d{1,3})(?:-rc\d+)?(?:[+-]k3s(\d{1,3}))?$`)

// LookUpK3s describes the KINE in a version of k3s, such as "v1.35.0+k3s3". A version without a revision is treated as
// revision 1. Text that is not a version is treated as an unknown version.
//
// A version that is not listed is strict if an earlier release of its minor version is strict, lenient if a later
// release is lenient, and unknown otherwise.
func LookUpK3s(version string) K3s {
	parts := k3sPattern.FindStringSubmatch(version)
	if parts == nil {
		return K3s{}
	}
	number := func(text string) int {
		n, _ := strconv.Atoi(text) // at most three digits
		return n
	}
	v := k3sVersion{number(parts[1]), number(parts[2]), max(1, number(parts[3]))}

	oldest := bundled[0]
	if v.minor < oldest.k3s.minor {
		return K3s{Generation: oldest.generation, SlowReplay: true}
	}
	at, exact := slices.BinarySearchFunc(bundled, v, func(r release, v k3sVersion) int { return r.k3s.compare(v) })
	if exact {
		return K3s{KINE: bundled[at].kine, Generation: bundled[at].generation, SlowReplay: bundled[at].slow}
	}
	var k3s K3s
	if at > 0 && bundled[at-1].k3s.minor == v.minor && bundled[at-1].generation == GenerationStrict {
		k3s.Generation = GenerationStrict
	}
	if at < len(bundled) && bundled[at].k3s.minor == v.minor {
		k3s.SlowReplay = bundled[at].slow
		if bundled[at].generation == GenerationLenient {
			k3s.Generation = GenerationLenient
		}
	}
	return k3s
}
