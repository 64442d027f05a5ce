package k3sendpoint_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const etcd = `verify = "etcd"`

// lastRevision returns the last sequence of a bucket, or 0 if the bucket does not exist.
func lastRevision(t *testing.T, js jetstream.JetStream, bucket string) uint64 {
	t.Helper()
	stream, err := js.Stream(t.Context(), kine.StreamName(bucket))
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// KINE runs when the endpoint is created and when it changes, and not in other applies. Here it runs in the test
// binary, which starts itself as a child process.
func TestAccVerifyETCD(t *testing.T) {
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	var before uint64
	step := func(runs bool, action plancheck.ResourceActionType, lines ...string) resource.TestStep {
		return resource.TestStep{
			Config: acctest.ProviderConfig(lab.URLs()) + bucket +
				endpoint(append(lines, servers(lab.URLs()...), ofBucket, etcd)...),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{text("verified", "etcd"), checkFunc(func() error {
				now := lastRevision(t, js, "kine")
				defer func() { before = now }()
				if ran := now > before; ran != runs {
					return fmt.Errorf("KINE has run: %t, want %t: the last revision went from %d to %d", ran, runs, before, now)
				}
				return nil
			})},
		}
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		step(true, plancheck.ResourceActionCreate),
		step(false, plancheck.ResourceActionNoop),
		step(false, plancheck.ResourceActionUpdate, `timeouts = { update = "2m" }`),
		step(true, plancheck.ResourceActionUpdate, `slow_method = "1s"`),
		step(true, plancheck.ResourceActionUpdate, `slow_method = "1s"`, `k3s_version = "1.37.0+k3s1"`),
	}})
}

// The same holds with the provider binary on each CLI, and no child process is left behind.
func TestAccCLIVerifyETCD(t *testing.T) {
	lab := natslab.Single(t)
	w := acctest.NewWorkspace(t,
		acctest.ProviderConfig(lab.URLs())+bucket+endpoint(servers(lab.URLs()...), ofBucket, etcd)+
			"output \"verified\" {\n  value = "+address+".verified\n}\n")
	w.Apply(t)
	if verified, err := w.Output(t.Context(), "verified"); err != nil || verified != "etcd" {
		t.Errorf("verified is %q, %v", verified, err)
	}
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// Each way to connect that k3s can use is verified with KINE.
func TestAccVerifyETCDConnects(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("node", nil)
	if err != nil {
		t.Fatal(err)
	}
	password := natslab.Single(t, natslab.UserPassword("k3s", "p-_.~$&+;="))
	token := natslab.Single(t, natslab.Token("s3cr3t"))
	mutual := natslab.Single(t, natslab.VerifyClients())
	operated := natslab.Single(t, natslab.OperatorMode(operator))
	cluster := natslab.Cluster(t, 3)
	files := mutual.TLSFiles()
	as := nats.UserCredentialBytes([]byte(credentials))
	own := verification(credentials, "1", servers(operated.URLs()...))

	cases := map[string]struct {
		js    jetstream.JetStream
		lines []string
		spec  kine.Spec
	}{
		"password": {openJetStream(t, password.Connect(t)), []string{servers(password.URLs()...), `user = "k3s"`, `password = "p-_.~$&+;="`}, kine.Spec{}},
		"token":    {openJetStream(t, token.Connect(t)), []string{servers(token.URLs()...), `token = "s3cr3t"`}, kine.Spec{}},
		"certificate": {openJetStream(t, mutual.Connect(t)), []string{servers(mutual.URLs()...),
			fmt.Sprintf("tls = { ca_file = %q, cert_file = %q, key_file = %q }", files.CA, files.ClientCert, files.ClientKey)},
			kine.Spec{}},
		"certificate-as-text": {openJetStream(t, mutual.Connect(t)), []string{servers(mutual.URLs()...),
			`tls = { ca_file = "/node/ca", cert_file = "/node/cert", key_file = "/node/key" }`,
			fmt.Sprintf("verification = {\n    tls = {\n      ca_pem = %q\n      cert_pem = %q\n      key_pem_wo = %q\n"+
				"      key_pem_wo_version = \"1\"\n    }\n  }",
				readFile(t, files.CA), readFile(t, files.ClientCert), readFile(t, files.ClientKey))}, kine.Spec{}},
		"credentials-file": {openJetStream(t, operated.Connect(t, as)), []string{servers(operated.URLs()...), `credentials_file = "/node/creds"`,
			verification(credentials, "1")}, kine.Spec{}},
		"context-file": {openJetStream(t, operated.Connect(t, as)), []string{`context_file = "/node/context.json"`, own}, kine.Spec{}},
		"replicas":     {openJetStream(t, cluster.Connect(t)), []string{servers(cluster.URLs()...)}, kine.Spec{History: 20, Replicas: 3}},
	}
	config := acctest.ProviderConfig([]string{nowhere})
	for name, c := range cases {
		spec := c.spec
		if spec == (kine.Spec{}) {
			spec = kine.Spec{History: kine.DefaultHistory, Replicas: kine.DefaultReplicas}
		}
		spec.Name = name
		makeBucket(t, c.js, spec.Name, func(config *jetstream.StreamConfig) { *config = kine.Contract(spec) })
		store := fmt.Sprintf("datastore = { name = %q, history = %d, replicas = %d }", spec.Name, spec.History, spec.Replicas)
		config += strings.Replace(endpoint(append(c.lines, store, etcd)...), `"test"`, strconv.Quote(name), 1) +
			fmt.Sprintf("output %[1]q {\n  value = %[2]s.%[1]s.verified\n}\n", name, resourceType)
	}
	w := acctest.NewWorkspace(t, config)
	w.Apply(t)
	w.AssertEmptyPlan(t)
	for name, c := range cases {
		if verified, err := w.Output(t.Context(), name); err != nil || verified != "etcd" {
			t.Errorf("%s: verified is %q: %v", name, verified, err)
		}
		if last := lastRevision(t, c.js, name); last == 0 {
			t.Errorf("%s: KINE has not written to the bucket", name)
		}
	}
}

// If one server of a cluster is down, a warning names it, and KINE runs on the others.
func TestAccVerifyETCDOneServerDown(t *testing.T) {
	cluster := natslab.Cluster(t, 3)
	js := openJetStream(t, cluster.Connect(t))
	makeBucket(t, js, "kine", func(config *jetstream.StreamConfig) { config.Replicas = 3 })
	cluster.AwaitStream(t, "", "KV_kine")
	down := cluster.Servers()[2]
	down.Shutdown()
	w := acctest.NewWorkspace(t, acctest.ProviderConfig([]string{nowhere})+
		endpoint(servers(cluster.URLs()...), "datastore = { name = \"kine\", history = 10, replicas = 3 }", etcd))
	out := w.Apply(t)
	if want := acctest.Text(`Server Was Not Verified`); !want.MatchString(out) ||
		!strings.Contains(out, down.ClientURL()) {
		t.Errorf("no warning names the server %s that is down:\n%s", down.ClientURL(), out)
	}
	if revision := lastRevision(t, js, "kine"); revision == 0 {
		t.Error("KINE has not run on the bucket")
	}
	if all := contents(t, js); strings.Count(all, "\n") != 1 {
		t.Errorf("there are other streams:\n%s", all)
	}
}

// KINE picks a server at random. The error names a server that belongs to another NATS system, and no bucket is created
// there.
func TestAccServersOfTwoSystems(t *testing.T) {
	one, other := natslab.Single(t), natslab.Single(t)
	makeBucket(t, openJetStream(t, one.Connect(t)), "kine")
	for _, verify := range []string{etcd, `verify = "contract"`} {
		acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
			Config: acctest.ProviderConfig([]string{nowhere}) +
				endpoint(servers(one.ClientURL(), other.ClientURL()), literal, verify),
			ExpectError: errorAt(t, "datastore",
				"On "+other.ClientURL()+": the bucket does not exist: KINE would create an empty one"),
		}}})
	}
	if after := streams(t, other); after != "" {
		t.Errorf("the other system has %s", after)
	}
}

// With fifty endpoints in one apply, the number of concurrent processes and their total memory are limited.
func TestAccFiftyEndpoints(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are found through /proc")
	}
	const count = 50
	lab := natslab.Single(t)
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+fmt.Sprintf(`
resource "nats_kine_bucket" "many" {
  count               = %d
  name                = "kine-${count.index}"
  deletion_protection = false
}

resource "nats_k3s_datastore_endpoint" "many" {
  count     = %[1]d
  %s
  datastore = nats_kine_bucket.many[count.index].datastore
  verify    = "etcd"
}

output "verified" {
  value = length([for e in nats_k3s_datastore_endpoint.many : e if e.verified == "etcd"])
}
`, count, servers(lab.URLs()...)))
	temporary := t.TempDir()
	w.Env = append(w.Env, "TMPDIR="+temporary)

	watch := newProcessWatch(temporary)
	began := time.Now()
	w.Apply(t)
	took := time.Since(began)
	watch.stop()
	if verified, err := w.Output(t.Context(), "verified"); err != nil || verified != strconv.Itoa(count) {
		t.Errorf("%s of %d are verified, %v", verified, count, err)
	}
	t.Logf("%d endpoints in %s: at most %d processes of KINE at a time, with %d MiB each, and %d MiB with the "+
		"provider's own",
		count, took.Round(10*time.Millisecond), watch.processes, watch.largest>>10, watch.memory>>10)
	if limit := max(2, runtime.NumCPU()); watch.processes == 0 || watch.processes > limit {
		t.Errorf("%d processes of KINE at a time, with a limit of %d", watch.processes, limit)
	}
	if watch.memory > 1<<20 {
		t.Errorf("%d KiB of memory", watch.memory)
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "nats-k3s-preflight-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// A canceled apply stops KINE, does not report a problem of the datastore, and leaves no process and no file. The next
// apply verifies the datastore although the reserved key still exists.
func TestAccCLIVerifyETCDCancelled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are found through /proc")
	}
	lab := natslab.Single(t)
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "kine")
	proxy := natslab.NewProxy(t, lab.ClientURL())
	w := acctest.NewWorkspace(t,
		acctest.ProviderConfig([]string{nowhere})+endpoint(servers(proxy.ClientURL()), literal, etcd))
	temporary := t.TempDir()
	w.Env = append(w.Env, "TMPDIR="+temporary)
	key, err := kine.EncodeKey(preflight.ReservedKey)
	if err != nil {
		t.Fatal(err)
	}
	// The server has the key, and KINE waits for the confirmation.
	written := proxy.HoldReply(1, func(subject string) bool { return subject == kine.KeySubject("kine", key) })
	defer written.Drop()
	watch := newProcessWatch(temporary)
	go func() {
		<-written.Held()
		watch.stop()
		_, cli := status(fmt.Sprintf("/proc/%d", watch.parent))
		process, err := os.FindProcess(cli)
		if err == nil {
			err = process.Signal(os.Interrupt)
		}
		if err != nil {
			t.Errorf("interrupting the CLI, %d: %v", cli, err)
		}
	}()
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	want := acctest.Text("was stopped while creating the reserved key: context canceled. This does not mean that the " +
		"datastore has a problem. The next apply verifies it.")
	if err == nil || !want.MatchString(out) || acctest.Text("k3s would also fail").MatchString(out) {
		t.Errorf("the error of a canceled apply: %v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "nats-k3s-preflight-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	left := processWatch{temporary: temporary}
	if left.look(); left.processes > 0 {
		t.Error("KINE still runs")
	}
	w.Apply(t)
	if streams := streams(t, lab); strings.Count(streams, "\n") != 1 {
		t.Errorf("there are other streams:\n%s", streams)
	}
}

// processWatch observes the processes that run KINE, which have a temporary directory in their environment.
type processWatch struct {
	temporary string
	// processes is the maximum number of concurrent processes. largest is the maximum memory of one process, and memory
	// the maximum of all processes and their parent, both in KiB.
	processes, largest, memory int
	// parent is the parent of the last process.
	parent int
	done   chan struct{}
	ended  sync.WaitGroup
}

func newProcessWatch(temporary string) *processWatch {
	w := &processWatch{temporary: temporary, done: make(chan struct{})}
	w.ended.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.look()
			case <-w.done:
				return
			}
		}
	})
	return w
}

func (w *processWatch) stop() {
	close(w.done)
	w.ended.Wait()
}

func (w *processWatch) look() {
	processes, memory, parents := 0, 0, map[int]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(environment), "TERRAFORM_PROVIDER_NATS_PREFLIGHT="+w.temporary) {
			continue
		}
		resident, parent := status(filepath.Dir(file))
		if resident == 0 {
			continue // it has ended
		}
		processes++
		w.largest = max(w.largest, resident)
		memory += resident
		parents[parent], w.parent = true, parent
	}
	for parent := range parents {
		resident, _ := status(fmt.Sprintf("/proc/%d", parent))
		memory += resident
	}
	w.processes, w.memory = max(w.processes, processes), max(w.memory, memory)
}

// status returns the resident memory of a process in KiB, and its parent.
func status(dir string) (resident, parent int) {
	file, err := os.Open(filepath.Join(dir, "status"))
	if err != nil {
		return 0, 0
	}
	defer file.Close()
	for scan := bufio.NewScanner(file); scan.Scan(); {
		name, value, _ := strings.Cut(scan.Text(), ":")
		switch name {
		case "VmRSS":
			_, _ = fmt.Sscanf(value, "%d", &resident)
		case "PPid":
			_, _ = fmt.Sscanf(value, "%d", &parent)
		}
	}
	return resident, parent
}
