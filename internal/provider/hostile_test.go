package provider_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// TestAccHostileServer creates, reads, updates and deletes every resource, and reads every data source, on servers that
// lie. The provider must not believe a lie: an operation fails within its timeout, or it has done what it reports.
func TestAccHostileServer(t *testing.T) { runHostile(t, false) }

// hostileTimeout is the timeout of operations, hostileSlack the additional time that they may take on a busy machine.
const hostileTimeout, hostileSlack = 6 * time.Second, 30 * time.Second

// hostileRetries is the number of attempts on a server that is honest again.
const hostileRetries = 5

// hostileTarget is a resource or a data source about which servers lie.
type hostileTarget struct {
	kind string
	// data is true for a data source.
	data bool
	// url is the URL of the server, provider returns the provider's configuration for a URL.
	url      string
	provider func(url string) acctest.Config
	// config configures the object of a name, changed by an update.
	config func(name string, changed bool) acctest.Config
	// names are what another's answers say.
	names func(name string) map[string]string
	// quiet are the operations whose result does not depend on a server.
	quiet []string
	// deleted reports whether the object is deleted on an honest server, if a refresh cannot.
	deleted func(t *testing.T, name string) bool
}

func runHostile(t *testing.T, soak bool) {
	if os.Getenv("TF_ACC") == "" {
		t.Skip("Acceptance tests skipped unless env 'TF_ACC' set")
	}
	var tried, wrong atomic.Int64
	targets := append(hostileStreams(t), hostileAccounts(t)...)
	// Most of it is waiting, so that many wait at the same time.
	var running sync.WaitGroup
	places := make(chan struct{}, 12)
	for n, target := range targets {
		for i, lie := range falsehoods() {
			if !soak && (lie.soak || target.data && lie.waits) { // no configuration shortens the time of a data source
				continue
			}
			for _, operation := range target.operations() {
				places <- struct{}{}
				running.Go(func() {
					defer func() { <-places }()
					right := false
					defer func() { // also of one that fails before it comes to an end
						if tried.Add(1); !right {
							wrong.Add(1)
							t.Errorf("%s, %s: %s is wrong", target.kind, lie.name, operation)
						}
					}()
					right = target.try(t, lie, operation, hostileName(n, i, operation))
				})
			}
		}
	}
	running.Wait()
	t.Logf("hostile servers: tried %d, right %d, wrong %d", tried.Load(), tried.Load()-wrong.Load(), wrong.Load())
}

// operations are the operations of a resource or a data source.
func (h hostileTarget) operations() []string {
	if h.data {
		return []string{"read"}
	}
	return []string{"create", "read", "update", "delete"}
}

// limit is the maximum duration of an operation.
func (h hostileTarget) limit() time.Duration {
	if h.data {
		return time.Minute + hostileSlack
	}
	return hostileTimeout + hostileSlack
}

// try runs one operation with a lie and reports whether the operation handled it correctly.
func (h hostileTarget) try(t *testing.T, lie falsehood, operation, name string) bool {
	t.Helper()
	proxy := natslab.NewProxy(t, h.url)
	patient := h.provider(h.url)
	delete(patient, "request_timeout")
	honest := acctest.NewProvider(t, patient)
	fooled := acctest.NewProvider(t, h.provider(proxy.ClientURL()))
	names := h.names(name)

	var before acctest.State
	var found []acctest.Diagnostic
	if operation != "create" && !h.data {
		if before, found = honest.Apply(t, h.kind, before, h.config(name, false)); len(acctest.Failures(found)) > 0 {
			t.Fatalf("on an honest server: %v", found)
		}
	}
	lies := &atomic.Int64{}
	proxy.Lie(func(a *natslab.Answer) {
		lies.Add(1)
		lie.tell(a, names)
	})
	watch, after := natslab.StartStopwatch(), before
	var attributes map[string]any
	switch {
	case h.data:
		attributes, found = fooled.ReadData(t, h.kind, h.config(name, false))
	case operation == "create":
		after, found = fooled.Apply(t, h.kind, before, h.config(name, false))
	case operation == "read":
		after, found = fooled.Read(t, h.kind, before)
	case operation == "update":
		after, found = fooled.Apply(t, h.kind, before, h.config(name, true))
	case operation == "delete":
		after, found = fooled.Apply(t, h.kind, before, nil)
	}
	proxy.Lie(nil)

	failed := len(acctest.Failures(found)) > 0
	wrong := func(format string, args ...any) bool {
		t.Helper()
		t.Errorf(format+"\n%v", append(args, found)...)
		return false
	}
	for _, d := range found {
		if len(d.Text) > 6000 || strings.ContainsFunc(d.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			return wrong("a message of %d characters, or with control characters", len(d.Text))
		}
	}
	quiet := strings.Contains(strings.Join(h.quiet, " "), operation)
	switch {
	case watch.Waited() > h.limit():
		return wrong("it took %s", watch)
	case quiet:
		if failed && (operation == "create") == after.Exists() {
			return wrong("an operation that fails changes what is in the state")
		}
		return true
	case lies.Load() == 0:
		return wrong("no server was asked")
	case h.data:
		if !failed {
			return wrong("the lie is believed: %v", attributes)
		}
		return true
	}
	return h.judge(t, operation, name, honest, before, after, failed, wrong)
}

// judge checks whether an operation's report is true, and whether the next operation succeeds on an honest server.
func (h hostileTarget) judge(
	t *testing.T, operation, name string, honest *acctest.Provider, before, after acctest.State, failed bool,
	wrong func(string, ...any) bool,
) bool {
	t.Helper()
	changed := operation == "update"
	was, is := honest.Attributes(t, h.kind, before), honest.Attributes(t, h.kind, after)
	switch {
	case operation == "create" && failed && after.Exists(), operation == "create" && !failed && !after.Exists():
		return wrong("the resource is in the state: %t", after.Exists())
	case operation == "delete" && failed != after.Exists():
		return wrong("the resource is in the state: %t", after.Exists())
	case (operation == "read" || operation == "update") && !after.Exists():
		return wrong("the resource is gone from the state")
	case (operation == "read" || operation == "update") && failed && fmt.Sprint(was) != fmt.Sprint(is):
		return wrong("the state has changed from\n%v to\n%v", was, is)
	case operation == "read" && !failed:
		return wrong("the lie is believed")
	case operation == "delete" && !failed && (h.deleted == nil || !h.deleted(t, name)):
		if now, _ := honest.Read(t, h.kind, before); now.Exists() {
			return wrong("it is said to be deleted, and is there")
		}
		return true
	case !after.Exists():
		return true
	}
	if is["name"] != nil && is["name"] != h.config(name, changed)["name"] {
		return wrong("the name is %v", is["name"])
	}
	want := h.config(name, changed)
	if operation == "delete" {
		want = nil
	}
	now, found := honest.Read(t, h.kind, after)
	for i := range hostileRetries { // changes of one account take a second each, and others wait for theirs
		if !now.Exists() || len(acctest.Failures(found)) > 0 {
			break
		}
		var done acctest.State
		if done, found = honest.Apply(t, h.kind, now, want); len(acctest.Failures(found)) == 0 {
			now = done
			break
		}
		if i < hostileRetries-1 {
			found = nil
		}
	}
	if len(acctest.Failures(found)) > 0 || now.Exists() != (want != nil) {
		return wrong("on an honest server again, it fails: %v", found)
	}
	return true
}

// limited sets the timeout of every operation in a resource's configuration.
func limited(operations ...string) acctest.Config {
	config := acctest.Config{}
	for _, operation := range operations {
		config[operation] = hostileTimeout.String()
	}
	return config
}

// impatient returns a provider of one server with short timeouts and additional settings.
func impatient(more acctest.Config) func(string) acctest.Config {
	return func(url string) acctest.Config {
		config := acctest.Config{"servers": []any{url}, "connect_timeout": "10s", "request_timeout": "3s"}
		maps.Copy(config, more)
		return config
	}
}

// hostileStreams are the resources that manage a stream, on a leaf node.
func hostileStreams(t *testing.T) []hostileTarget {
	t.Helper()
	lab := natslab.HubAndLeaf(t)
	hub := acctest.NewProvider(t, impatient(nil)(lab.Hub.ClientURL()))
	bucket := func(name string) acctest.Config {
		return acctest.Config{
			"name": name, "history": 10, "replicas": 1, "deletion_protection": false,
			"timeouts": limited("create", "read", "update", "delete"),
		}
	}
	honest := acctest.NewProvider(t, impatient(nil)(lab.Leaf.ClientURL()))
	for p, name := range map[*acctest.Provider]string{hub: "source", honest: "datastore"} {
		if _, found := p.Apply(t, "nats_kine_bucket", acctest.State{}, bucket(name)); len(acctest.Failures(found)) > 0 {
			t.Fatal(found)
		}
	}
	mirrored := func(name string) acctest.Config {
		return acctest.Config{
			"name": name, "source": acctest.Config{"bucket": "source", "jetstream_domain": "hub"}, "jetstream_domain": "leaf",
			"deletion_protection": false, "timeouts": limited("read", "delete"),
		}
	}
	watched := mirrored("watched")
	if _, found := honest.Apply(t, "nats_kv_mirror", acctest.State{}, watched); len(acctest.Failures(found)) > 0 {
		t.Fatal(found)
	}
	others := func(name string) map[string]string {
		return map[string]string{name: "elsewhere", "source": "elsewhere", "datastore": "elsewhere", "watched": "elsewhere"}
	}
	base := hostileTarget{url: lab.Leaf.ClientURL(), provider: impatient(nil), names: others}
	buckets, mirrors, endpoints, data := base, base, base, base
	buckets.kind, buckets.config = "nats_kine_bucket", func(name string, changed bool) acctest.Config {
		config := bucket(name)
		if changed {
			config["history"] = 12
		}
		return config
	}
	mirrors.kind, mirrors.config = "nats_kv_mirror", func(name string, changed bool) acctest.Config {
		config := mirrored(name)
		config["timeouts"] = limited("create", "read", "update", "delete")
		if changed {
			config["timeouts"] = limited("update")
		}
		return config
	}
	endpoints.kind, endpoints.quiet = "nats_k3s_datastore_endpoint", []string{"read", "delete"}
	endpoints.config = func(_ string, changed bool) acctest.Config {
		config := acctest.Config{
			"servers":   []any{lab.Leaf.ClientURL()},
			"datastore": acctest.Config{"name": "datastore", "history": 10, "replicas": 1}, "verify": "contract",
			"timeouts": limited("create", "update"), "credentials_file": "/on/the/node.creds",
		}
		if changed {
			config["slow_method"] = "2s"
		}
		return config
	}
	data.kind, data.data = "nats_kv_mirror", true
	data.config = func(string, bool) acctest.Config {
		return acctest.Config{"name": "watched", "jetstream_domain": "leaf"}
	}
	return []hostileTarget{buckets, mirrors, endpoints, data}
}

// hostileAccounts are the resources that are pushed to servers, on a server in operator mode.
func hostileAccounts(t *testing.T) []hostileTarget {
	t.Helper()
	operator := newOperator(t)
	other, err := operator.AddAccount("OTHER", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	system := newSystem(t, operator, lab.URLs()).credentials
	configured := impatient(acctest.Config{
		"operator": acctest.Config{"signing_key": operator.SigningKeySeed(), "system_credentials": system},
	})
	signing := acctest.NewKey(t, natsconn.AccountKey)
	keys := hostileKeys(t)
	account := func(name string, changed bool) acctest.Config {
		config := acctest.Config{
			"name": name, "public_key": keys(name), "deletion_protection": false,
			"signing_keys": []any{acctest.Config{"public_key": signing.Public}},
			"timeouts":     limited("create", "read", "update", "delete"),
		}
		if changed {
			config["description"] = "changed"
		}
		return config
	}
	names := func(name string) map[string]string {
		return map[string]string{keys(name): other.PublicKey(), keys("tenant"): other.PublicKey(), otherToken: other.JWT()}
	}
	honest := acctest.NewProvider(t, configured(lab.ClientURL()))
	if _, found := honest.Apply(t, "nats_account", acctest.State{},
		account("tenant", false)); len(acctest.Failures(found)) > 0 {
		t.Fatal(found)
	}
	base := hostileTarget{url: lab.ClientURL(), provider: configured, names: names}
	accounts, users, data, list := base, base, base, base
	accounts.kind, accounts.config = "nats_account", account
	accounts.deleted = func(t *testing.T, name string) bool {
		t.Helper()
		_, found := honest.ReadData(t, "nats_account", acctest.Config{"public_key": keys(name)})
		return len(acctest.Failures(found)) > 0
	}
	users.kind, users.quiet = "nats_user", []string{"create", "read", "update"}
	users.config = func(name string, changed bool) acctest.Config {
		config := acctest.Config{
			"name": name, "account": keys("tenant"), "signing_key_seed_wo": signing.Seed, "signing_key_seed_wo_version": "1",
			"revoke_on_destroy": true,
			"timeouts":          limited("delete"),
		}
		if changed {
			config["expires_in"] = "24h"
		}
		return config
	}
	data.kind, data.data = "nats_account", true
	data.config = func(string, bool) acctest.Config { return acctest.Config{"public_key": keys("tenant")} }
	list.kind, list.data = "nats_accounts", true
	list.config = func(string, bool) acctest.Config { return acctest.Config{} }
	return []hostileTarget{accounts, users, data, list}
}

// hostileKeys returns a function that always returns the same public key for an account's name.
func hostileKeys(t *testing.T) func(name string) string {
	t.Helper()
	var mu sync.Mutex
	keys := map[string]string{}
	return func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		if keys[name] == "" {
			keys[name] = acctest.NewKey(t, natsconn.AccountKey).Public
		}
		return keys[name]
	}
}

// hostileName returns the name of a case's object.
func hostileName(target, lie int, operation string) string {
	return fmt.Sprintf("h%d-%d-%s", target, lie, operation)
}
