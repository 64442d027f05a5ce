package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// events writes the JSON of `action package[ test]` lines, one second apart.
func events(lines ...string) string {
	var b strings.Builder
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, l := range lines {
		f := strings.Fields(l)
		b.WriteString(`{"Time":"` + at.Format(time.RFC3339) + `","Action":"` + f[0] + `","Package":"` + f[1] + `"`)
		if len(f) > 2 {
			b.WriteString(`,"Test":"` + f[2] + `"`)
		}
		b.WriteString("}\n")
		at = at.Add(time.Second)
	}
	return b.String()
}

func TestCount(t *testing.T) {
	tests := map[string]struct {
		in   string
		want result
	}{
		"nothing": {in: ""},
		"one of each": {
			in: events(
				"start p", "run p TestA", "pass p TestA", "run p TestB", "fail p TestB", "run p TestC", "skip p TestC",
				"fail p"),
			want: result{
				passed: 1, failed: 1, skipped: 1, failures: []string{"p TestB"}, duration: 7 * time.Second,
			},
		},
		"a table counts its rows, not itself": {
			in: events(
				"run p TestA", "run p TestA/x", "pass p TestA/x", "run p TestA/y", "run p TestA/y/deep",
				"pass p TestA/y/deep", "pass p TestA/y", "pass p TestA", "pass p"),
			want: result{passed: 2, duration: 8 * time.Second},
		},
		"a row's failure counts once": {
			in: events(
				"run p TestA", "run p TestA/x", "fail p TestA/x", "run p TestA/y", "pass p TestA/y", "fail p TestA", "fail p"),
			want: result{passed: 1, failed: 1, failures: []string{"p TestA/x"}, duration: 6 * time.Second},
		},
		"a parent that failed by itself": {
			in: events("run p TestA", "run p TestA/x", "pass p TestA/x", "fail p TestA", "fail p"),
			want: result{
				passed: 1, failed: 1, failures: []string{"p TestA"}, duration: 4 * time.Second,
			},
		},
		"a package that does not compile": {
			in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"x.go:1: no\n"}` + "\n" +
				`{"ImportPath":"p [p.test]","Action":"build-fail"}` + "\n" +
				`{"Action":"start","Package":"p"}` + "\n" +
				`{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}` + "\n",
			want: result{failed: 1, failures: []string{"p"}},
		},
		"a test that never ended": {
			in: events("run p TestA", "run p TestA/x", "fail p"),
			want: result{
				failed: 1, failures: []string{"p TestA/x (did not finish)"}, duration: 2 * time.Second,
			},
		},
		"a whole run that was cut short": {
			in:   events("run p TestA"),
			want: result{failed: 1, failures: []string{"p TestA (did not finish)"}},
		},
		"a package without tests is no skipped test": {
			in: events("start p", "skip p"), want: result{duration: time.Second},
		},
		"the same name in two packages": {
			in:   events("pass p TestA", "pass q TestA"),
			want: result{passed: 2, duration: time.Second},
		},
		"acceptance tests": {
			in: events(
				"pass p TestAccA", "pass p TestAccB/x", "pass p TestAccB/y", "pass p TestAccB", "skip p TestAccC",
				"skip p TestAccD/x", "pass p TestAccD", "pass p TestB"),
			want: result{
				passed: 4, skipped: 2, acceptance: 3, accSkipped: []string{"p TestAccC", "p TestAccD/x"},
				duration: 7 * time.Second,
			},
		},
		"lines of the go command, and a line longer than any buffer": {
			in: "go: downloading example.com/x v1.0.0\n" +
				`{"Action":"output","Package":"p","Output":"` + strings.Repeat("x", 1<<20) + `"}` + "\n" +
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
			want: result{passed: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := count(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if !equal(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestCountRefusesHalfAnEvent(t *testing.T) {
	_, err := count(strings.NewReader(events("pass p TestA") + `{"Action":"pass","Pack`))
	if err == nil || !strings.Contains(err.Error(), "line 2 is not a complete event") {
		t.Errorf("got error %v, want one that contains line 2", err)
	}
}

func equal(a, b result) bool {
	return a.passed == b.passed && a.failed == b.failed && a.skipped == b.skipped && a.acceptance == b.acceptance &&
		a.duration == b.duration && slices.Equal(a.accSkipped, b.accSkipped) && slices.Equal(a.failures, b.failures)
}

func TestRun(t *testing.T) {
	const (
		good    = "good"
		skipped = "skipped"
		unit    = "unit"
		failing = "failing"
		empty   = "empty"
	)
	dir := t.TempDir()
	for name, content := range map[string]string{
		good:    events("run p TestAccA", "pass p TestAccA", "pass p TestB", "pass p"),
		skipped: events("pass p TestAccA", "skip p TestAccB", "pass p"),
		unit:    events("pass p TestB", "skip p TestC", "pass p"),
		failing: events("pass p TestAccA", "fail p TestB", "fail p"),
		empty:   "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := func(cli, status, file string) string {
		return "-run=" + cli + ",1.2.3,everything," + status + "," + filepath.Join(dir, file)
	}
	tests := map[string]struct {
		args []string
		fail bool
		want []string // parts of the output
		last string
	}{
		"good": {
			args: []string{"-acceptance", spec("OpenTofu", "0", good)},
			want: []string{"OpenTofu  1.2.3    everything  2       0       0        1               3s\n"},
			last: "2 passed, 0 failed, 0 skipped",
		},
		"two runs are summed, the note is printed": {
			args: []string{"-acceptance", "-note", "A note.", spec("OpenTofu", "0", good), spec("Terraform", "0", good)},
			want: []string{"\nOpenTofu ", "\nTerraform ", "\nA note.\n"},
			last: "4 passed, 0 failed, 0 skipped",
		},
		"no acceptance test on one of two": {
			args: []string{"-acceptance", spec("OpenTofu", "0", good), spec("Terraform", "0", unit)},
			fail: true,
			want: []string{"FAIL: Terraform 1.2.3: no acceptance test (TestAcc...) passed\n"},
			last: "3 passed, 0 failed, 1 skipped",
		},
		"unit tests need none": {
			args: []string{spec("", "0", unit)},
			last: "1 passed, 0 failed, 1 skipped",
		},
		"a skipped acceptance test": {
			args: []string{"-acceptance", spec("OpenTofu", "0", skipped)},
			fail: true,
			want: []string{"FAIL: OpenTofu 1.2.3: acceptance test skipped: p TestAccB\n"},
			last: "1 passed, 0 failed, 1 skipped",
		},
		"a failure": {
			args: []string{"-acceptance", spec("OpenTofu", "1", failing)},
			fail: true,
			want: []string{"FAIL: OpenTofu 1.2.3: p TestB\n"},
			last: "1 passed, 1 failed, 0 skipped",
		},
		"a command that failed without a test that did": {
			args: []string{"-acceptance", spec("OpenTofu", "2", good)},
			fail: true,
			want: []string{"the test command exited with status 2 although no test failed"},
			last: "2 passed, 0 failed, 0 skipped",
		},
		"nothing ran": {
			args: []string{"-run=,,unit,0," + filepath.Join(dir, empty)},
			fail: true,
			want: []string{"\nnone  -  ", "FAIL: unit: no test ran\n"},
			last: "0 passed, 0 failed, 0 skipped",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := run(tt.args, &out)
			if tt.fail != errors.Is(err, errNotGood) || (!tt.fail && err != nil) {
				t.Errorf("got error %v, want failure: %t", err, tt.fail)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("the output does not contain %q:\n%s", w, out.String())
				}
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if got := lines[len(lines)-1]; got != tt.last {
				t.Errorf("last line is %q, want %q", got, tt.last)
			}
		})
	}
}

func TestRunUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no run":          {},
		"fields missing":  {"-run", "OpenTofu,1.2.3"},
		"no status":       {"-run", "OpenTofu,1.2.3,all,x,file"},
		"no such file":    {"-run", "OpenTofu,1.2.3,all,0," + filepath.Join(t.TempDir(), "absent")},
		"stray arguments": {"-run", "OpenTofu,1.2.3,all,0,file", "more"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(args, &out); err == nil || errors.Is(err, errNotGood) {
				t.Errorf("got error %v, want one about the arguments", err)
			}
			if out.Len() > 0 {
				t.Errorf("unexpected report:\n%s", out.String())
			}
		})
	}
}
