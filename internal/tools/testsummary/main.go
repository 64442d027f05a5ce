// Command testsummary counts the results of `go test -json`, prints them as a table, and decides whether they are
// good enough: a test run that tested nothing must not pass.
//
//	testsummary [-acceptance] [-note TEXT]... -run CLI,VERSION,SCOPE,STATUS,FILE...
//
// Each -run describes one run: the CLI and its version (both empty if no CLI was used), a word for what was run, the
// exit status of the test command, and the file with its events. The last line of the output is `N passed, N failed,
// N skipped`, summed over all runs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err != nil {
		if !errors.Is(err, errNotGood) {
			fmt.Fprintln(os.Stderr, "testsummary:", err)
		}
		os.Exit(1)
	}
}

// errNotGood means that the tests failed, not this program. The report contains the reason.
var errNotGood = errors.New("the tests failed")

func run(args []string, out io.Writer) error {
	var (
		runs  []testRun
		notes []string
	)
	flags := flag.NewFlagSet("testsummary", flag.ContinueOnError)
	acceptance := flags.Bool("acceptance", false,
		"fail unless acceptance tests (TestAcc...) passed in each run; also fail if one was skipped")
	flags.Func("note", "a sentence to print below the table", func(s string) error {
		notes = append(notes, s)
		return nil
	})
	flags.Func("run", "CLI,VERSION,SCOPE,STATUS,FILE", func(s string) error {
		r, err := parseRun(s)
		runs = append(runs, r)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(runs) == 0 || flags.NArg() > 0 {
		return errors.New("usage: testsummary [-acceptance] [-note TEXT]... -run CLI,VERSION,SCOPE,STATUS,FILE")
	}
	for i := range runs {
		if err := runs[i].read(); err != nil {
			return err
		}
	}
	return report(out, runs, notes, *acceptance)
}

// testRun is one run of `go test`.
type testRun struct {
	cli, version, scope string
	status              int
	file                string
	result              result
}

func parseRun(s string) (testRun, error) {
	f := strings.SplitN(s, ",", 5)
	if len(f) != 5 {
		return testRun{}, fmt.Errorf("%q is not CLI,VERSION,SCOPE,STATUS,FILE", s)
	}
	status, err := strconv.Atoi(f[3])
	if err != nil {
		return testRun{}, fmt.Errorf("exit status %q is not a number", f[3])
	}
	return testRun{cli: f[0], version: f[1], scope: f[2], status: status, file: f[4]}, nil
}

func (r *testRun) read() error {
	f, err := os.Open(r.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only, so nothing can be lost
	r.result, err = count(f)
	if err != nil {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	return nil
}
