package kvmirror_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// outcome is the result of an apply for one resource.
type outcome struct {
	texts []string
	took  time.Duration // excluding the share of the time in which all processors were busy
}

// outcomes applies all resources of a configuration in parallel and returns the outcome of each.
func outcomes(t *testing.T, w *acctest.Workspace) map[string]*outcome {
	t.Helper()
	began, watch := time.Now(), natslab.StartStopwatch()
	out, _ := w.Run(t.Context(), "apply", "-auto-approve", "-json", "-parallelism=50") // a failure is also in the output
	idle := float64(watch.Waited()) / float64(time.Since(began))
	found := map[string]*outcome{}
	of := func(address string) *outcome {
		if found[address] == nil {
			found[address] = &outcome{}
		}
		return found[address]
	}
	for line := range strings.Lines(out) {
		var message struct {
			Diagnostic struct{ Severity, Summary, Detail, Address string }
			Hook       struct {
				Resource struct{ Addr string }
				Seconds  float64 `json:"elapsed_seconds"`
			}
		}
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("apply: %v\n%s", err, out)
		}
		if d := message.Diagnostic; d.Severity == "error" {
			o := of(d.Address)
			o.texts = append(o.texts, d.Summary+"\n"+d.Detail)
		}
		if message.Hook.Seconds > 0 {
			of(message.Hook.Resource.Addr).took = time.Duration(message.Hook.Seconds * idle * float64(time.Second))
		}
	}
	return found
}

// Prefixes under which the accounts of a test import the exports of ORIGIN.
const (
	apiOfOrigin     = "JS.origin.API"
	deliverOfOrigin = "deliver.origin"
	shared          = `api_prefix = "` + apiOfOrigin + `", deliver_prefix = "` + deliverOfOrigin + `"`
)

// accounts returns ORIGIN, EDGE, which imports what mirrors of two of its buckets need, and STALLED, which does not
// import flow control.
func accounts() []natslab.Account {
	user := func(name string) []natslab.User { return []natslab.User{{Name: name, Password: name}} }
	origin := natslab.Account{Name: "ORIGIN", Users: user("origin")}
	edge := natslab.Account{Name: "EDGE", Users: user("edge")}
	stalled := natslab.Account{Name: "STALLED", Users: user("stalled")}
	from := func(subject string) *natslab.ImportSource {
		return &natslab.ImportSource{Account: "ORIGIN", Subject: subject}
	}
	for _, stream := range []string{"KV_kine", "KV_gone"} {
		for _, call := range []string{"CONSUMER.CREATE." + stream, "CONSUMER.CREATE." + stream + ".>"} {
			origin.Exports = append(origin.Exports, natslab.Export{Service: "$JS.API." + call})
			i := natslab.Import{Service: from("$JS.API." + call), To: apiOfOrigin + "." + call}
			edge.Imports, stalled.Imports = append(edge.Imports, i), append(stalled.Imports, i)
		}
		origin.Exports = append(origin.Exports, natslab.Export{Service: "$JS.FC." + stream + ".>"})
		edge.Imports = append(edge.Imports, natslab.Import{Service: from("$JS.FC." + stream + ".>")})
	}
	origin.Exports = append(origin.Exports, natslab.Export{Stream: deliverOfOrigin + ".>"})
	i := natslab.Import{Stream: from(deliverOfOrigin + ".>")}
	edge.Imports, stalled.Imports = append(edge.Imports, i), append(stalled.Imports, i)
	return []natslab.Account{origin, edge, stalled}
}

// fill writes enough into the bucket kine that the source waits for flow control.
func fill(t *testing.T, nc *nats.Conn) {
	t.Helper()
	js := open(t, nc)
	for i := range 4000 {
		if _, err := js.PublishAsync(kine.KeySubject("kine", fmt.Sprint("big", i)), make([]byte, 4096),
			jetstream.WithStallWait(10*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		t.Fatal("the messages were not stored in time")
	}
}

// Each reason why a mirror cannot work is an error within seconds, with the likely cause and the next step, both for a
// source that the provider can query and for a source that it cannot query. Nothing is left behind.
func TestAccKVMirrorBroken(t *testing.T) {
	t.Parallel()
	joined := natslab.HubAndLeaf(t)
	alone := natslab.Single(t, natslab.Accounts(accounts()...))
	hubBucket(t, joined)
	client := natsconn.NewClient(natsconn.Settings{Servers: alone.URLs(),
		Auth: natsconn.Auth{User: "origin", Password: "origin"}}, nil)
	t.Cleanup(client.Close)
	origin := alone.Connect(t, nats.UserInfo("origin", "origin"))
	makeBucket(t, client.JetStream(""), origin)
	fill(t, origin)

	// Streams that are in the way on the leaf, and streams in the hub that cannot be a source.
	hub, leaf := joined.Hub.Connect(t), joined.Leaf.Connect(t)
	acctest.StreamAPI(t, hub, "STREAM.CREATE.KV_odd",
		acctest.RawStream{"name": "KV_odd", "subjects": []string{"$KV.odd.>"}, "storage": "file", "num_replicas": 1})
	acctest.StreamAPI(t, leaf, "STREAM.CREATE.KV_bucket",
		acctest.RawStream{"name": "KV_bucket", "subjects": []string{"$KV.bucket.>"}, "storage": "file", "num_replicas": 1})
	onLeaf := natsconn.NewClient(natsconn.Settings{Servers: joined.Leaf.URLs()}, nil)
	t.Cleanup(onLeaf.Close)
	if _, err := kine.Create(t.Context(), onLeaf.JetStream(""), kine.Spec{Name: "other", History: 12, Replicas: 1},
		nil); err != nil {
		t.Fatal(err)
	}
	acctest.StreamAPI(t, leaf, "STREAM.CREATE.KV_raw",
		acctest.RawStream{"name": "KV_raw", "storage": "file", "num_replicas": 1,
			"mirror": acctest.RawStream{"name": "KV_kine", "external": acctest.RawStream{"api": "$JS.hub.API"}}})
	acctest.StreamAPI(t, hub, "STREAM.CREATE.KV_back",
		acctest.RawStream{"name": "KV_back", "storage": "file", "num_replicas": 1,
			"mirror": acctest.RawStream{"name": "KV_other", "external": acctest.RawStream{"api": "$JS.leaf.API"}}})

	const (
		seconds   = 5 * time.Second  // found by the first requests
		noContact = 12 * time.Second // found after five seconds of silence, in ten concurrent applies
		standing  = 20 * time.Second // found after a standstill
		shareIt   = "The account of the source must export what kine_mirror_exports returns for the bucket"
	)
	type broken struct {
		provider, source, lines, want string
		limit                         time.Duration
	}
	inLeaf := `jetstream_domain = "leaf"`
	cases := map[string]broken{
		"wrong domain": {"joined", `bucket = "kine", jetstream_domain = "hubb"`, inLeaf,
			`Its source: the JetStream domain "hubb" does not respond. Check jetstream_domain, and that the leaf node connection to that domain is up. In this case,
			the attribute is source.jetstream_domain.`, seconds},
		"no bucket": {"joined", `bucket = "nothing", jetstream_domain = "hub"`, inLeaf,
			`Mirror "nothing": Its source: the bucket does not exist. Check source.bucket`, seconds},
		"no KINE bucket": {"joined", `bucket = "odd", jetstream_domain = "hub"`, inLeaf,
			`stream KV_odd is not a bucket that KINE accepts, so its mirror could not be promoted to one`, seconds},
		"mirror of a mirror": {"joined", `bucket = "back", jetstream_domain = "hub"`, inLeaf,
			`bucket back is a mirror itself: mirror its source instead`, seconds},
		"connected domain": {"joined", `bucket = "other", jetstream_domain = "leaf"`, `name = "x"`,
			`For a source in another domain, set source.jetstream_domain`, seconds},
		"no such domain": {"joined", fromHub, `jetstream_domain = "nope"`,
			`The JetStream domain "nope" does not respond. Check jetstream_domain, and that the leaf node`, seconds},
		"bucket in the way": {"joined", fromHub, inLeaf + "\n  name = \"bucket\"",
			`A stream KV_bucket already exists and is not a mirror; it holds 0 keys in 0 messages (0 bytes), last revision 0. A bucket cannot become a mirror.`, seconds},
		"mirror in the way": {"joined", fromHub, inLeaf + "\n  name = \"raw\"",
			`To manage the existing one, import it: terraform import ADDRESS 'leaf:raw'`, seconds},
		"replicas": {"joined", fromHub, inLeaf + "\n  replicas = 3\n  name = \"r3\"", "The server is not part of a cluster and supports only one replica.", seconds},
		"wrong api prefix": {"edge", `bucket = "kine", api_prefix = "JS.orign.API", deliver_prefix = "deliver.origin"`, "history = 12\n  name = \"a\"",
			`There is no answer at the API prefix "JS.orign.API" of the source: the prefix is wrong, or the mirror's account does not import the services
			$JS.API.CONSUMER.CREATE.KV_kine and $JS.API.CONSUMER.CREATE.KV_kine.> of the source's account under this prefix. Check source.api_prefix. ` + shareIt, noContact},
		"wrong deliver prefix": {"edge", `bucket = "kine", api_prefix = "JS.origin.API", deliver_prefix = "deliver.orign"`, "history = 12\n  name = \"b\"",
			`The source answers, but its messages do not arrive: the mirror's account does not import the stream of the deliver prefix "deliver.orign", or the prefix
			is wrong. Check source.deliver_prefix. ` + shareIt, noContact},
		"gone behind prefixes": {"edge", `bucket = "gone", ` + shared, "history = 12",
			`The bucket gone behind the API prefix "JS.origin.API" does not exist: stream not found (error code 10059). Check source.bucket`, noContact},
		"no flow control": {"stalled", `bucket = "kine", ` + shared, "history = 12",
			`the mirror's account does not import the service $JS.FC.KV_kine.> of the source's account`, standing},
	}
	config := acctest.ProviderConfig(joined.Leaf.URLs(), `alias = "joined"`)
	for _, user := range []string{"edge", "stalled"} {
		config += acctest.ProviderConfig(alone.URLs(), fmt.Sprintf("alias = %[1]q\n  user = %[1]q\n  password = %[1]q", user))
	}
	label := func(name string) string { return strings.ReplaceAll(name, " ", "_") }
	for name, c := range cases {
		config += fmt.Sprintf("resource \"nats_kv_mirror\" %q {\n  provider = nats.%s\n  source = { %s }\n  %s\n}\n",
			label(name), c.provider, c.source, c.lines)
	}
	found := outcomes(t, acctest.NewWorkspace(t, config))
	for name, c := range cases {
		o := found["nats_kv_mirror."+label(name)]
		if o == nil {
			t.Errorf("%s: created without an error", name)
			continue
		}
		t.Logf("%s after %s: %s", name, o.took, strings.Join(o.texts, " "))
		if len(o.texts) != 1 || !strings.HasPrefix(o.texts[0], "Unable to Create KV Mirror\nMirror ") ||
			!acctest.Text(c.want).MatchString(o.texts[0]) {
			t.Errorf("%s: no %q in %q", name, c.want, o.texts)
		}
		if o.took > c.limit {
			t.Errorf("%s: it took %s, more than %s", name, o.took, c.limit)
		}
	}
	for what, c := range map[string]struct {
		nc   *nats.Conn
		want []string
	}{
		"leaf":    {leaf, []string{"KV_bucket", "KV_other", "KV_raw"}},
		"edge":    {alone.Connect(t, nats.UserInfo("edge", "edge")), nil},
		"stalled": {alone.Connect(t, nats.UserInfo("stalled", "stalled")), nil},
	} {
		names := open(t, c.nc).StreamNames(t.Context())
		var left []string
		for name := range names.Name() {
			left = append(left, name)
		}
		if slices.Sort(left); !slices.Equal(left, c.want) {
			t.Errorf("%s has the streams %q, want %q", what, left, c.want)
		}
	}
}
