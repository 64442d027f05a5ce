package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const (
	factBucket   = "nats_kine_bucket"
	factEndpoint = "nats_k3s_datastore_endpoint"
)

// fact is a state of a bucket on which KINE does not start, or soon will not.
type fact struct {
	// spoil creates this state in the bucket of this name.
	spoil func(t *testing.T, nc *nats.Conn, bucket string)
	// contract is part of the verification's text, refresh of a refresh's or its plan's, and imported of an import's.
	contract, refresh, imported string
	// left is true if no apply repairs it.
	left bool
}

// set changes fields of a stream.
func set(fields acctest.RawStream) func(*testing.T, *nats.Conn, string) {
	return func(t *testing.T, nc *nats.Conn, bucket string) {
		t.Helper()
		config := acctest.StreamAPI(t, nc, "STREAM.INFO.KV_"+bucket, nil)
		maps.Copy(config, fields)
		acctest.StreamAPI(t, nc, "STREAM.UPDATE.KV_"+bucket, config)
	}
}

// put publishes a message to a bucket's key.
func put(key, value string) func(*testing.T, *nats.Conn, string) {
	return func(t *testing.T, nc *nats.Conn, bucket string) {
		t.Helper()
		if _, err := nc.Request(kine.KeySubject(bucket, key), []byte(value), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}

// purge purges a bucket.
func purge(request string) func(*testing.T, *nats.Conn, string) {
	return func(t *testing.T, nc *nats.Conn, bucket string) {
		t.Helper()
		put("x", "y")(t, nc, bucket)
		acctest.StreamAPI(t, nc, "STREAM.PURGE.KV_"+bucket, json.RawMessage(request))
	}
}

// facts are the facts of a bucket. Fields that KINE compares and an apply repairs are all alike:
// TestAccKineBucketDriftRepaired covers each.
var facts = map[string]fact{
	"plain-put": {put("x", "y"), `the last message, on "$KV.plain-put.x", is not KINE's, and KINE waits for one of its own when it starts. Only KINE may write`,
		"KINE fails after a minute. Only KINE may write to the bucket or purge it. The next apply writes KINE's health " +
			"key, /registry/health", "The next apply writes KINE's health key", false},
	"empty-put": {put("x", ""), "is not KINE's", "The next apply writes KINE's health key", "The next apply writes KINE's health key", false},
	"tail-purged": {func(t *testing.T, nc *nats.Conn, bucket string) {
		t.Helper()
		put("a", "b")(t, nc, bucket)
		put("x", "y")(t, nc, bucket)
		acctest.StreamAPI(t, nc, "STREAM.PURGE.KV_"+bucket, map[string]any{"filter": kine.KeySubject(bucket, "x")})
	}, "the last message was deleted, and KINE waits for it when it starts", "The last message was deleted", "The last message was deleted", false},
	"emptied": {purge("{}"), "all messages were deleted (message 1 was the last one), and KINE waits for the last one when it starts. The data of the cluster is lost. Restore",
		"The bucket \"emptied\" is empty", "The Bucket Was Emptied", true},
	"bumped": {purge(`{"seq":1000}`), "all messages were deleted (message 999 was the last one)", "To recover the cluster, restore the bucket", "The Bucket Was Emptied", true},
	"first-seq": {set(acctest.RawStream{"first_seq": 7}), "first_seq is 7, KINE requires unset, and the next restart of a server that holds the stream deletes all of its messages",
		"The Next Restart of the Server Deletes the Bucket's Data", "Apply immediately, before a server is restarted", false},
	"sealed":         {set(acctest.RawStream{"sealed": true}), "sealed is true, KINE requires", "Stream Cannot Be Repaired", "sealed is true", true},
	"deny-purge":     {set(acctest.RawStream{"deny_purge": true, "allow_rollup_hdrs": false}), "deny_purge is true", "Stream Cannot Be Repaired", "deny_purge is true", true},
	"no-direct-gets": {set(acctest.RawStream{"allow_direct": false}), "allow_direct is false, KINE requires true", "allow_direct", "allow_direct is false, KINE requires true", false},
	"discard-old":    {set(acctest.RawStream{"discard": "old"}), `discard is "old", KINE requires "new"`, "discard", `discard is "old"`, false},
	"a-quota":        {set(acctest.RawStream{"max_bytes": 1 << 20}), "max_bytes is 1048576, KINE requires -1", "max_bytes", "max_bytes is 1048576", false},
	"message-ttl":    {set(acctest.RawStream{"allow_msg_ttl": true}), "allow_msg_ttl is true", "Stream Cannot Be Repaired", "allow_msg_ttl is true", true},
	"gone": {func(t *testing.T, nc *nats.Conn, bucket string) {
		t.Helper()
		acctest.StreamAPI(t, nc, "STREAM.DELETE.KV_"+bucket, nil)
	}, "The bucket does not exist: KINE would create an empty one", "on which k3s starts a new, empty cluster", "", false},
}

// factOf returns the datastore endpoint of a bucket on the servers.
func factOf(servers []string, bucket, verify string, more acctest.Config) acctest.Config {
	list := make([]any, len(servers))
	for i, server := range servers {
		list[i] = server
	}
	config := acctest.Config{"servers": list, "datastore": acctest.Config{"name": bucket, "history": 10, "replicas": 1},
		"verify": verify}
	maps.Copy(config, more)
	return config
}

// said joins a provider's diagnostics on one line, with the differences of a refreshed bucket.
func said(found []acctest.Diagnostic, attributes map[string]any) string {
	var b strings.Builder
	for _, d := range found {
		b.WriteString(strings.Join(strings.Fields(d.Text), " ") + "\n")
	}
	if differences, ok := attributes["contract_violations"]; ok {
		fmt.Fprintln(&b, differences)
	}
	return b.String()
}

// Each fact that stops KINE is detected by the verification of an endpoint within a second or two and without KINE, by
// a refresh, and by an import. An apply repairs what it can.
func TestAccFactsThatStopKINE(t *testing.T) {
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	p := acctest.NewProvider(t, acctest.Config{"servers": []any{lab.ClientURL()}})
	for bucket, f := range facts {
		t.Run(bucket, func(t *testing.T) {
			config := acctest.Config{"name": bucket}
			made, found := p.Apply(t, factBucket, acctest.State{}, config)
			if len(found) > 0 {
				t.Fatal(found)
			}
			f.spoil(t, nc, bucket)
			expect := func(by, want string, found []acctest.Diagnostic, attributes map[string]any, watch natslab.Stopwatch) {
				t.Helper()
				text := said(found, attributes)
				t.Logf("%s in %s: %s", by, watch, text)
				if want == "" || !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
					t.Errorf("%s says %s\nwithout %q", by, text, want)
				}
				if watch.Waited() > 3*time.Second {
					t.Errorf("%s took %s", by, watch)
				}
			}
			for _, verify := range []string{"contract", "etcd"} {
				watch := natslab.StartStopwatch()
				_, found := p.Apply(t, factEndpoint, acctest.State{}, factOf(lab.URLs(), bucket, verify, nil))
				if len(acctest.Failures(found)) == 0 {
					t.Errorf("%s does not fail", verify)
				}
				expect(verify, f.contract, found, nil, watch)
			}
			watch := natslab.StartStopwatch()
			read, found := p.Read(t, factBucket, made)
			var planned []acctest.Diagnostic
			if read.Exists() {
				_, planned = p.Plan(t, factBucket, read, config)
			}
			expect("a refresh", f.refresh, append(found, planned...), p.Attributes(t, factBucket, read), watch)
			if refused := len(acctest.Failures(planned)) > 0; refused != f.left {
				t.Errorf("the plan says %v", planned)
			}
			if !read.Exists() {
				return
			}
			watch = natslab.StartStopwatch()
			_, found = p.Import(t, factBucket, bucket)
			expect("an import", f.imported, found, nil, watch)
			if f.left {
				return
			}
			repaired, found := p.Apply(t, factBucket, read, config)
			if len(acctest.Failures(found)) > 0 {
				t.Errorf("the repair fails: %v", found)
			}
			again, found := p.Read(t, factBucket, repaired)
			if len(found) > 0 || len(p.Attributes(t, factBucket, again)["contract_violations"].([]any)) > 0 {
				t.Errorf("after the repair, a refresh says %s", said(found, p.Attributes(t, factBucket, again)))
			}
			if _, found := p.Apply(t, factEndpoint, acctest.State{}, factOf(lab.URLs(), bucket, "etcd", nil)); len(found) > 0 {
				t.Errorf("after the repair, etcd says %v", found)
			}
		})
	}
}

// The verification reports limits below what KINE needs and does not start KINE, which would hang.
func TestAccLimitsThatStopKINE(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]struct {
		account func(*jwt.AccountClaims)
		user    func(*jwt.UserClaims)
		want    string
		warns   bool
	}{
		"flat consumers": {account: func(c *jwt.AccountClaims) {
			c.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: 1 << 30, Streams: -1, Consumer: 2, MaxAckPending: -1}
		}, want: "a stream may have 2 consumers, but KINE needs at least 4: for its index, for compactions, for watches, " +
			"and while it deletes a key. Raise or remove jetstream.consumers"},
		"few consumers": {account: func(c *jwt.AccountClaims) {
			c.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: 1 << 30, Streams: 1, Consumer: 5, MaxAckPending: -1}
		}, want: "a restarted KINE needs 7", warns: true},
		"tiered consumers": {account: func(c *jwt.AccountClaims) {
			c.Limits.JetStreamLimits = jwt.JetStreamLimits{}
			c.Limits.JetStreamTieredLimits = jwt.JetStreamTieredLimits{"R1": {DiskStorage: 1 << 30, Streams: 1, Consumer: 2}}
		}, want: "a stream may have 2 consumers, but KINE needs at least 4"},
		"account's subscriptions": {account: func(c *jwt.AccountClaims) { c.Limits.Subs = 2 }, want: "a connection may have 2 subscriptions, but KINE needs at least 5"},
		"user's subscriptions":    {user: func(c *jwt.UserClaims) { c.Limits.Subs = 3 }, want: "a connection may have 3 subscriptions, but KINE needs at least 5"},
		"user's payload":          {user: func(c *jwt.UserClaims) { c.Limits.Payload = 900 }, want: "a message may have 900 bytes, but KINE's own requests need 1024"},
		"account's small payload": {account: func(c *jwt.AccountClaims) { c.Limits.Payload = 512 << 10 }, want: "a message may have 524288 bytes", warns: true},
		"storage":                 {account: func(c *jwt.AccountClaims) { c.Limits.JetStreamLimits.DiskStorage = 1000 }, want: "the account may store 1000 bytes in files"},
	}
	type tenant struct{ admin, user string }
	tenants := map[string]tenant{}
	for name, row := range rows {
		account, err := operator.AddAccount(strings.ReplaceAll(name, " ", "-"), row.account)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := account.Credentials("admin", nil)
		if err != nil {
			t.Fatal(err)
		}
		user, err := account.Credentials("k3s", row.user)
		if err != nil {
			t.Fatal(err)
		}
		tenants[name] = tenant{admin, user}
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			admin := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs(),
				Auth: natsconn.Auth{Credentials: tenants[name].admin}}, nil)
			_, err := kine.Create(t.Context(), admin.JetStream(""), kine.Spec{Name: "kine", History: 10, Replicas: 1}, nil)
			admin.Close()
			if err != nil {
				t.Fatal(err)
			}
			p := acctest.NewProvider(t, acctest.Config{"servers": []any{"nats://127.0.0.1:1"}})
			for _, verify := range []string{"contract", "etcd"} {
				watch := natslab.StartStopwatch()
				_, found := p.Apply(t, factEndpoint, acctest.State{}, factOf(lab.URLs(), "kine", verify, acctest.Config{
					"credentials_file": "/etc/k3s.creds", "verification": acctest.Config{"credentials_wo": tenants[name].user},
				}))
				text := said(found, nil)
				t.Logf("%s in %s: %s", verify, watch, text)
				if !strings.Contains(strings.ToLower(text), strings.ToLower(row.want)) {
					t.Errorf("%s says %s\nwithout %q", verify, text, row.want)
				}
				if failed := len(acctest.Failures(found)) > 0; failed == row.warns {
					t.Errorf("%s says %s", verify, text)
				}
				if watch.Waited() > 10*time.Second {
					t.Errorf("%s took %s", verify, watch)
				}
			}
		})
	}
}
