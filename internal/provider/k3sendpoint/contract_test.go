package k3sendpoint_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// fence fences a bucket on a server without users.
func fence(t *testing.T, lab *natslab.Server, bucket string) {
	t.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs()}, nil)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := kine.SetFence(ctx, client.JetStream(""), bucket, kine.Fence{By: "a test", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// mirrorOf turns the configuration of a bucket into the configuration of its mirror.
func mirrorOf(origin string) func(*jetstream.StreamConfig) {
	return func(config *jetstream.StreamConfig) {
		config.Mirror, config.Subjects = &jetstream.StreamSource{Name: origin}, nil
		config.AllowRollup, config.Duplicates = false, 0
	}
}

// contractFailure is an endpoint on which KINE could not start, or would start on the wrong bucket.
type contractFailure struct {
	lab   *natslab.Server
	lines []string
	// at is the attribute of the error, and want its text with the remedy.
	at, want string
}

// named is the datastore of another bucket with KINE's defaults.
func named(bucket string) string {
	return fmt.Sprintf("datastore = { name = %q, history = 10, replicas = 1 }", bucket)
}

// bucketFailures returns the failures that the bucket causes.
func bucketFailures(t *testing.T) map[string]contractFailure {
	t.Helper()
	lab := natslab.Single(t, natslab.Domain("hub"))
	js := openJetStream(t, lab.Connect(t))
	makeBucket(t, js, "good")
	makeBucket(t, js, "limited", func(config *jetstream.StreamConfig) { config.MaxBytes = 1 << 20 })
	makeBucket(t, js, "extra",
		func(config *jetstream.StreamConfig) { config.Subjects = append(config.Subjects, "extra.>") })
	makeBucket(t, js, "copy", mirrorOf("KV_good"))
	makeBucket(t, js, "fenced")
	fence(t, lab, "fenced")

	at := servers(lab.URLs()...)
	const (
		mismatch = "Set datastore to the datastore of the nats_kine_bucket that created the bucket, and apply that " +
			"resource first if its plan shows a change."
		missing = "Create the bucket with nats_kine_bucket, or correct the name, the servers or the credentials: each " +
			"account has its own buckets."
	)
	on := func(datastore, want string) contractFailure {
		return contractFailure{lab, []string{at, datastore}, "datastore", want}
	}
	other := func(history, replicas int, domain string) string {
		return fmt.Sprintf("datastore = { name = \"good\", history = %d, replicas = %d, jetstream_domain = %s }", history,
			replicas, domain)
	}
	return map[string]contractFailure{
		"no bucket": on(named("none"),
			`Bucket "none": The bucket does not exist: KINE would create an empty one, and k3s a new, empty cluster. `+missing),
		"another history": on(other(20, 1, "null"),
			`Bucket "good": KINE would not start on bucket good: max_msgs_per_subject is 10, KINE requires 20. `+mismatch),
		"another number of replicas": on(other(10, 3, "null"), `num_replicas is 1, KINE requires 3. `+mismatch),
		"both": on(other(11, 5, "null"),
			`max_msgs_per_subject is 10, KINE requires 11; num_replicas is 1, KINE requires 5. `+mismatch),
		"a limit": on(named("limited"), `max_bytes is 1048576, KINE requires -1. `+mismatch),
		"another subject": on(named("extra"),
			`subjects is ["$KV.extra.>","extra.>"], KINE requires ["$KV.extra.>"]. `+mismatch),
		"a mirror": on(named("copy"), `mirror is {"name":"KV_good"}, KINE requires unset`),
		"a fence": on(named("fenced"),
			`Bucket "fenced": The bucket is fenced: KINE does not start on it. Set datastore to the bucket that replaces this one, or lift the fence with fenced = false.`),
		"another domain": {lab, []string{at, other(10, 1, `"hup"`)}, "servers",
			`The servers of the endpoint are in the JetStream domain "hub", but the bucket is in "hup", and KINE uses only the domain of its server. ` +
				"Set servers to servers in the domain of the bucket."},
	}
}

// serverFailures returns the failures that the server or the connection causes.
func serverFailures(t *testing.T) map[string]contractFailure {
	t.Helper()
	off := natslab.Single(t, natslab.NoJetStream())
	account := natslab.Single(t, natslab.Accounts(
		natslab.Account{Name: "strict", Users: []natslab.User{{Name: "strict", Password: "p"}},
			JetStream: &natslab.JetStreamLimits{MaxBytesRequired: true}},
		natslab.Account{Name: "off", Users: []natslab.User{{Name: "off", Password: "p"}}, NoJetStream: true}))
	password := natslab.Single(t, natslab.UserPassword("k3s", "p"))
	token := natslab.Single(t, natslab.Token("t"))
	tls := natslab.Single(t, natslab.TLS())
	mutual := natslab.Single(t, natslab.VerifyClients())
	hub := natslab.Single(t, natslab.Name("hub"), natslab.Domain("hub"), natslab.LeafNodes())
	leaf := natslab.Single(t, natslab.Name("leaf"), natslab.Domain("leaf"),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}}))
	makeBucket(t, openJetStream(t, hub.Connect(t)), "kine")
	down := natslab.Single(t)
	down.Shutdown()
	other, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	user := func(name, password string) []string {
		return []string{fmt.Sprintf("user = %q", name), fmt.Sprintf("password = %q", password), literal}
	}
	at := func(lab *natslab.Server, lines []string, attribute, want string) contractFailure {
		return contractFailure{lab, append(lines, servers(lab.URLs()...)), attribute, want}
	}
	const (
		refused = "The servers would also refuse k3s: correct the user and password, the token, or the credentials."
		setTLS  = "Set tls.ca_file to the certificate authority of the servers, and tls.cert_file and tls.key_file if " +
			"they require a client certificate."
		elsewhere = `The files of tls are on the node. Set verification.tls to files on this machine, or set verify = "none".`
	)
	return map[string]contractFailure{
		"JetStream is off": at(off, []string{literal}, "verify",
			"The JetStream API does not respond. Enable JetStream on the server"),
		"JetStream is off in the account": at(account, user("off", "p"), "verify",
			"JetStream is not enabled for the account. Give the account JetStream limits"),
		"max_bytes required": at(account, user("strict", "p"), "verify",
			"The account requires max_bytes of every stream (max_bytes_required), which KINE does not set. Set "+
				"max_bytes_required = false for the account, and limit it with disk_storage"),
		"a wrong password": at(password, user("k3s", "guess"), "verify",
			"The credentials were refused by "+password.ClientURL()+": nats: Authorization Violation. "+refused),
		"no password":   at(password, []string{literal}, "verify", refused),
		"a wrong token": at(token, []string{`token = "guess"`, literal}, "verify", refused),
		"no authority":  at(tls, []string{literal}, "servers", "unknown authority. "+setTLS),
		"another authority": at(tls, []string{fmt.Sprintf("tls = { ca_file = %q }", other.CA), literal}, "tls",
			"No TLS connection to "+tls.ClientURL()+": nats: tls error: tls: failed to verify certificate: x509: certificate "+
				"signed by unknown authority"),
		"no client certificate": at(mutual, []string{fmt.Sprintf("tls = { ca_file = %q }", mutual.CAFile()), literal},
			"tls", setTLS),
		"a file of the node": at(tls, []string{`tls = { ca_file = "/etc/nonexistent/ca.pem" }`, literal}, "tls",
			"The certificate authority: open /etc/nonexistent/ca.pem: no such file or directory. "+elsewhere),
		"a file that verification names": at(tls,
			[]string{`verification = { tls = { ca_file = "/etc/nonexistent/ca.pem" } }`, literal}, "verification",
			"no such file or directory. The files of verification.tls must be on the machine that runs Terraform."),
		"the server is down": at(down, []string{literal}, "servers",
			"No connection to "+down.ClientURL()+": nats: no servers available for connection. If this machine must use other "+
				"addresses for the servers than the node, "+
				`set verification.servers. If it cannot reach them, set verify = "none".`),
		"the server is a leaf node of the domain": at(leaf,
			[]string{`datastore = { name = "kine", history = 10, replicas = 1, jetstream_domain = "hub" }`}, "servers",
			`The servers of the endpoint are in the JetStream domain "leaf", but the bucket is in "hub", and KINE uses only the domain of its server. `+
				"Set servers to servers in the domain of the bucket."),
		"the leaf node without a domain": at(leaf, []string{literal}, "datastore", "The bucket does not exist"),
	}
}

// Each reason why KINE would not start, or would start on another bucket, is an error on the attribute with its remedy.
// The verification changes nothing on the server, with contract or with etcd, which does not start KINE.
func TestAccContractFailures(t *testing.T) {
	failures := bucketFailures(t)
	maps.Copy(failures, serverFailures(t))
	verified := map[string]contractFailure{}
	for name, c := range failures {
		for _, verify := range []string{"contract", "etcd"} {
			of := c
			of.lines = append(slices.Clone(c.lines), fmt.Sprintf("verify = %q", verify))
			verified[name+", "+verify] = of
		}
	}
	assertFailures(t, verified)
}

// assertFailures applies all of these endpoints in one configuration.
func assertFailures(t *testing.T, failures map[string]contractFailure) {
	t.Helper()
	names := slices.Sorted(maps.Keys(failures))
	before := map[*natslab.Server]string{}
	config := acctest.ProviderConfig([]string{nowhere})
	for i, name := range names {
		c := failures[name]
		before[c.lab] = streams(t, c.lab)
		config += strings.Replace(endpoint(c.lines...), `"test"`, fmt.Sprintf(`"row-%d"`, i), 1)
	}
	found := acctest.NewWorkspace(t, config).ApplyErrors(t)
	for i, name := range names {
		c, said := failures[name], found[fmt.Sprintf("%s.row-%d", resourceType, i)]
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, c.at+": ") && acctest.Text(c.want).MatchString(s) }) {
			t.Errorf("%s: at %s, no %q in\n%s", name, c.at, c.want, strings.Join(said, "\n"))
		}
	}
	for lab, was := range before {
		if after := streams(t, lab); after != was {
			t.Errorf("the verification has changed something:\n%s", cmp.Diff(was, after))
		}
	}
}

// streams describes all streams of a lab, or "" if it has none.
func streams(t *testing.T, lab *natslab.Server) string {
	t.Helper()
	if !lab.Running() {
		return ""
	}
	nc, err := lab.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js := openJetStream(t, nc)
	if _, err := js.AccountInfo(t.Context()); err != nil {
		return "" // without JetStream
	}
	return contents(t, js)
}
