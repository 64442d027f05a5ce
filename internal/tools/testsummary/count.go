package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is one line of the output of `go test -json` (see `go doc test2json`).
type event struct {
	Time    time.Time
	Action  string
	Package string
	Test    string
}

// result is the result of one run. It counts leaves: a test without subtests, or each subtest of a table. A parent
// only counts if it failed and none of its subtests did, and a package only if it failed and none of its tests did
// (for example because it did not compile).
type result struct {
	passed, failed, skipped int
	// acceptance is the number of top-level tests named TestAcc... that passed.
	acceptance int
	// accSkipped and failures are the sorted names that the report lists.
	accSkipped, failures []string
	// duration is the time between the first event and the last. It excludes most of the compile time.
	duration time.Duration
}

// key names a test, or a package when test is empty.
type key struct{ pkg, test string }

func (k key) String() string {
	if k.test == "" {
		return k.pkg
	}
	return k.pkg + " " + k.test
}

// parent returns the test that k is a subtest of, or else its package.
func (k key) parent() key {
	i := strings.LastIndexByte(k.test, '/')
	return key{k.pkg, k.test[:max(i, 0)]}
}

func (k key) acceptance() bool { return strings.HasPrefix(k.test, "TestAcc") }

// count reads the events of one run.
func count(r io.Reader) (result, error) {
	actions := map[key]string{} // last action of each test and package
	var first, last time.Time
	in := bufio.NewReader(r) // not a Scanner because a test's output has lines of any length
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return result{}, err
		}
		if len(line) == 0 {
			break
		}
		if !bytes.HasPrefix(line, []byte("{")) {
			continue // output of the go command itself
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return result{}, fmt.Errorf("line %d is not a complete event (was the run interrupted?): %w", n, err)
		}
		if first.IsZero() {
			first = e.Time
		}
		if e.Time.After(last) {
			last = e.Time
		}
		switch e.Action {
		case "run", "pass", "fail", "skip":
			if e.Package != "" {
				actions[key{e.Package, e.Test}] = e.Action
			}
		}
	}
	res := tally(actions)
	res.duration = last.Sub(first)
	return res, nil
}

func tally(actions map[key]string) result {
	// A parent is reported through its children. A failed parent is covered as soon as anything below it failed.
	hasChild, covered := map[key]bool{}, map[key]bool{}
	for k, action := range actions {
		for child := k; child.test != ""; {
			child = child.parent()
			hasChild[child] = true
			if action != "pass" && action != "skip" {
				covered[child] = true
			}
		}
	}
	var res result
	for k, action := range actions {
		leaf := k.test != "" && !hasChild[k]
		switch action {
		case "pass":
			if leaf {
				res.passed++
			}
			if k.acceptance() && k.parent().test == "" {
				res.acceptance++
			}
		case "skip":
			if leaf {
				res.skipped++
			}
			if k.acceptance() {
				res.accSkipped = append(res.accSkipped, k.String())
			}
		case "fail":
			if !covered[k] {
				res.failed++
				res.failures = append(res.failures, k.String())
			}
		case "run": // started but not finished: a crash or a timeout ended it
			if !covered[k] {
				res.failed++
				res.failures = append(res.failures, k.String()+" (did not finish)")
			}
		}
	}
	slices.SortFunc(res.accSkipped, cmp.Compare)
	slices.SortFunc(res.failures, cmp.Compare)
	return res
}
