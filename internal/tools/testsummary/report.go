package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report prints the table, the notes, the problems and the sum. It returns errNotGood if there are problems.
func report(out io.Writer, runs []testRun, notes []string, acceptance bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLI\tVERSION\tSCOPE\tPASSED\tFAILED\tSKIPPED\tTestAcc PASSED\tTIME")
	var sum result
	for _, r := range runs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", cmp.Or(r.cli, "none"), cmp.Or(r.version, "-"), r.scope,
			r.result.passed, r.result.failed, r.result.skipped, r.result.acceptance,
			r.result.duration.Round(time.Second))
		sum.passed += r.result.passed
		sum.failed += r.result.failed
		sum.skipped += r.result.skipped
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}

	good := true
	for _, r := range runs {
		for _, p := range r.problems(acceptance) {
			good = false
			fmt.Fprintln(out, "FAIL:", p)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", sum.passed, sum.failed, sum.skipped)
	if !good {
		return errNotGood
	}
	return nil
}

// problems returns the reasons why the run is not good enough, as sentences.
func (r *testRun) problems(acceptance bool) []string {
	var ps []string
	name := r.scope
	if r.cli != "" {
		name = r.cli + " " + r.version
	}
	for _, f := range r.result.failures {
		ps = append(ps, fmt.Sprintf("%s: %s", name, f))
	}
	if r.status != 0 && r.result.failed == 0 {
		ps = append(ps, fmt.Sprintf("%s: the test command exited with status %d although no test failed", name, r.status))
	}
	if r.result.passed == 0 && r.result.failed == 0 {
		ps = append(ps, name+": no test ran")
	}
	if !acceptance {
		return ps
	}
	if r.result.acceptance == 0 {
		ps = append(ps, name+": no acceptance test (TestAcc...) passed")
	}
	for _, s := range r.result.accSkipped {
		ps = append(ps, fmt.Sprintf("%s: acceptance test skipped: %s", name, s))
	}
	return ps
}
