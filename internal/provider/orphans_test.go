package provider_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// TestAccCLIOrphans kills CLIs and providers at random moments of an apply. No process or file of theirs remains, and
// the next apply continues.
func TestAccCLIOrphans(t *testing.T) { runOrphans(t, 6) }

const orphansConfig = `
variable "round" {
  type = number
}

resource "nats_account" "test" {
  name                = "tenant"
  description         = "round ${var.round}"
  deletion_protection = false
  force_destroy       = true
  jetstream           = { disk_storage = "1GiB", streams = 10, consumers = 1000 }
}

resource "nats_user" "k3s" {
  account     = nats_account.test.public_key
  name        = "k3s"
  permissions = provider::nats::kine_permissions("kine")
}

resource "nats_kine_bucket" "test" {
  account             = nats_account.test.public_key
  name                = "kine"
  history             = 10 + var.round %% 2
  deletion_protection = false
}

resource "nats_k3s_datastore_endpoint" "test" {
  servers          = [%q]
  datastore        = nats_kine_bucket.test.datastore
  credentials_file = "/etc/k3s.creds"
  slow_method      = "${500 + var.round}ms"
  verify           = "etcd"
  verification     = { credentials_wo = nats_user.k3s.credentials, credentials_wo_version = tostring(var.round) }
}
`

func runOrphans(t *testing.T, rounds int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("processes are found through /proc")
	}
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	provider := newSystem(t, operator, lab.URLs()).provider()
	w := acctest.NewWorkspace(t, provider+fmt.Sprintf(orphansConfig, lab.ClientURL()))
	temporary := t.TempDir()
	w.Env = append(w.Env, "TMPDIR="+temporary)

	began := time.Now()
	w.Must(t, "apply", "-auto-approve", "-var=round=0")
	takes := time.Since(began)
	killed := map[string]int{}
	for round := 1; round <= rounds; round++ {
		// The remains of the previous round are continued or recreated.
		if round%10 == 0 {
			w.Must(t, "destroy", "-auto-approve", "-var=round=0")
		}
		began = time.Now()
		cli := w.Command(t.Context(), "apply", "-auto-approve", fmt.Sprintf("-var=round=%d", round))
		var out bytes.Buffer
		cli.Stdout, cli.Stderr = &out, &out
		if err := cli.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cli.Wait() }()
		moment := time.NewTimer(rand.N(takes))
		select {
		case err := <-ended:
			killed["none, the apply was faster"]++
			takes = min(takes, time.Since(began))
			if err != nil {
				t.Errorf("round %d: %v\n%s", round, err, out.String())
			}
			continue
		case <-moment.C:
		}
		var excused []string
		switch {
		case round%2 == 0:
			killed["CLI"]++
			if err := cli.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		case killProvider(temporary):
			killed["provider"]++
			excused = plugins(t, temporary) // a killed process does not remove its socket
		default:
			killed["none, no provider ran"]++
		}
		<-ended
		wantNothing(t, round, temporary, excused)
	}
	w.Must(t, "apply", "-auto-approve", "-var=round=0")
	if out, err := w.Run(t.Context(), "plan", "-detailed-exitcode", "-var=round=0"); err != nil {
		t.Errorf("the plan is not empty: %v\n%s", err, out)
	}
	t.Logf("%d rounds: %v", rounds, killed)
}

// runs returns the processes whose directory for temporary files belongs to this workspace. program is part of their
// command line.
func runs(temporary string) (pids []int, program map[int]string) {
	program = map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !bytes.Contains(append([]byte{0}, environment...), []byte("\x00TMPDIR="+temporary+"\x00")) {
			continue
		}
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		pids = append(pids, pid)
		program[pid] = string(command)
		if bytes.Contains(environment, []byte("TERRAFORM_PROVIDER_NATS_PREFLIGHT=")) {
			program[pid] += " as the child of a verification"
		}
	}
	return pids, program
}

// killProvider kills a provider of the workspace and reports whether there was one.
func killProvider(temporary string) bool {
	pids, program := runs(temporary)
	for _, pid := range pids {
		if filepath.Base(string(bytes.Trim([]byte(program[pid]), "\x00"))) != "terraform-provider-nats" {
			continue
		}
		if process, err := os.FindProcess(pid); err == nil && process.Kill() == nil {
			return true
		}
	}
	return false
}

// plugins returns the sockets of providers.
func plugins(t *testing.T, temporary string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(temporary, "plugin*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantNothing waits until all processes of the workspace have exited and no files except the excused ones remain.
func wantNothing(t *testing.T, round int, temporary string, excused []string) {
	t.Helper()
	acctest.WaitFor(t, "the end of all processes", func() bool {
		pids, _ := runs(temporary)
		return len(pids) == 0
	})
	for _, file := range excused {
		_ = os.Remove(file) // unless it exited cleanly before it was killed
	}
	left, err := os.ReadDir(temporary)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("round %d: left behind: %s, %s", round, entry.Name(), entry.Type())
		_ = os.RemoveAll(filepath.Join(temporary, entry.Name())) // for the next rounds
	}
}
