package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// sharedBucket is the bucket that other accounts mirror.
const sharedBucket = "kine"

// 12 MB of random values, many times what a server sends before it waits for flow control.
const (
	sharedMessages = 1500
	sharedSize     = 8 << 10
)

// codeStalled is JSStreamSourceConsumerStalledErr, the error of a mirror whose flow control replies do not reach its
// source.
const codeStalled = 10228

// sharePatience limits each wait for the servers of a loaded machine.
const sharePatience = time.Minute

// shareOperator signs accounts that mirror buckets of each other.
type shareOperator struct{ *natslab.Operator }

func newShareOperator(t *testing.T) shareOperator {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return shareOperator{operator}
}

func jwtType(kind string) jwt.ExportType {
	if kind == claims.Stream {
		return jwt.Stream
	}
	return jwt.Service
}

// source adds an account that exports buckets.
func (o shareOperator) source(t *testing.T, name string, buckets ...string) *natslab.OperatorAccount {
	t.Helper()
	return o.add(t, name, func(c *jwt.AccountClaims) {
		for _, bucket := range buckets {
			for _, e := range Exports(bucket) {
				c.Exports.Add(&jwt.Export{Name: e.Name, Subject: jwt.Subject(e.Subject), Type: jwtType(e.Type),
					TokenReq: e.TokenRequired})
			}
		}
	})
}

// importer adds an account that imports the bucket sharedBucket of sources. change may modify each import and reports
// whether to keep it.
func (o shareOperator) importer(t *testing.T, name string, change func(*claims.Import) bool,
	sources ...*natslab.OperatorAccount,
) *natslab.OperatorAccount {
	t.Helper()
	return o.add(t, name, func(c *jwt.AccountClaims) {
		for _, source := range sources {
			tokens := activations(t, sharedBucket, source.PublicKey(), source.SigningKeySeed(), c.Subject)
			imports, err := Imports(sharedBucket, source.PublicKey(), tokens)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range imports {
				if !change(&i) {
					continue
				}
				c.Imports.Add(&jwt.Import{
					Name: i.Name, Subject: jwt.Subject(i.Subject), Account: i.Account, Token: i.Token, Type: jwtType(i.Type),
					LocalSubject: jwt.RenamingSubject(i.LocalSubject),
				})
			}
		}
	})
}

func whole(*claims.Import) bool { return true }

func (o shareOperator) add(t *testing.T, name string, change func(*jwt.AccountClaims)) *natslab.OperatorAccount {
	t.Helper()
	a, err := o.AddAccount(name, change)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// shareUser creates a user with all permissions in an account.
func shareUser(t *testing.T, url string, a *natslab.OperatorAccount) jetstream.JetStream {
	t.Helper()
	credentials, err := a.Credentials("test", nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.creds")
	if err := os.WriteFile(file, []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	return shareClient(t, url, nats.UserCredentials(file))
}

func shareClient(t *testing.T, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// shareBucket creates a bucket as KINE does.
func shareBucket(t *testing.T, js jetstream.JetStream, bucket string, change func(*jetstream.StreamConfig)) {
	t.Helper()
	config := kine.Contract(kine.Spec{Name: bucket, History: kine.DefaultHistory, Replicas: kine.DefaultReplicas})
	if change != nil {
		change(&config)
	}
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// fill stores messages in the bucket sharedBucket under fifty keys.
func fill(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	value := make([]byte, sharedSize)
	for i := range sharedMessages {
		if _, err := rand.Read(value); err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(kine.KeySubject(sharedBucket, fmt.Sprintf("key%d", i%50)),
			bytes.Clone(value)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(sharePatience):
		t.Fatal("the messages are not stored")
	}
}

// sharedMirror creates a mirror of the bucket sharedBucket of another account, with any name.
func sharedMirror(t *testing.T, js jetstream.JetStream, name, importer, source string, place *jetstream.Placement) {
	t.Helper()
	config := jetstream.StreamConfig{
		Name: kine.StreamName(name), MaxMsgsPerSubject: kine.DefaultHistory, AllowDirect: true, Placement: place,
		Mirror: &jetstream.StreamSource{
			Name: kine.StreamName(sharedBucket),
			External: &jetstream.ExternalStream{
				APIPrefix: APIPrefix(source), DeliverPrefix: DeliverPrefix(sharedBucket, importer, source),
			},
		},
	}
	if name != sharedBucket {
		config.Mirror.SubjectTransforms = []jetstream.SubjectTransformConfig{
			{Source: kine.Subjects(sharedBucket), Destination: kine.Subjects(name)},
		}
	}
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// sharedState is the state of a mirror as a server reports it.
type sharedState struct {
	State struct {
		Messages uint64 `json:"messages"`
		First    uint64 `json:"first_seq"`
		Last     uint64 `json:"last_seq"`
	} `json:"state"`
	Mirror *struct {
		Lag    uint64        `json:"lag"`
		Active time.Duration `json:"active"`
		Error  *struct {
			Code int `json:"err_code"`
		} `json:"error"`
	} `json:"mirror"`
}

func stateOf(t *testing.T, js jetstream.JetStream, bucket string) sharedState {
	t.Helper()
	answer, err := js.Conn().Request("$JS.API.STREAM.INFO."+kine.StreamName(bucket), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var state sharedState
	if err := json.Unmarshal(answer.Data, &state); err != nil {
		t.Fatal(err)
	}
	return state
}

// shareEventually waits until a condition holds.
func shareEventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sharePatience)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", sharePatience, what)
		case <-poll.C:
		}
	}
}

// follows waits until a mirror has all messages of its source.
func follows(t *testing.T, source, js jetstream.JetStream, name string) {
	t.Helper()
	want := stateOf(t, source, sharedBucket).State
	shareEventually(t, fmt.Sprintf("%s has %d messages up to %d", name, want.Messages, want.Last), func() bool {
		return stateOf(t, js, name).State == want
	})
}

// messagesOf returns all messages of a bucket by sequence, through a consumer with flow control.
func messagesOf(t *testing.T, js jetstream.JetStream, bucket string) map[uint64]string {
	t.Helper()
	old, err := js.Conn().JetStream()
	if err != nil {
		t.Fatal(err)
	}
	sub, err := old.SubscribeSync(kine.Subjects(bucket), nats.OrderedConsumer(), nats.BindStream(kine.StreamName(bucket)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	messages := map[uint64]string{}
	for range stateOf(t, js, bucket).State.Messages {
		msg, err := sub.NextMsg(sharePatience)
		if err != nil {
			t.Fatal(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		key := strings.TrimPrefix(msg.Subject, strings.TrimSuffix(kine.Subjects(bucket), ">"))
		messages[meta.Sequence.Stream] = key + meta.Timestamp.String() + string(msg.Data)
	}
	return messages
}

// With the exports, mirrors in other accounts follow: with the same and with another name, of equally named buckets in
// two accounts, in several accounts at a time. Without any one export a mirror does not follow, and the test pins its
// state.
func TestSharedMirrorNeedsEachExport(t *testing.T) {
	t.Parallel()
	operator := newShareOperator(t)
	first, second := operator.source(t, "first", "kine"), operator.source(t, "second", "kine")
	exports := Exports("kine")
	type mirrors struct {
		account       *natslab.OperatorAccount
		same, another string // the expected state of the mirror of this name
	}
	const fine, never, stalled, empty = "follows", "is never active", "stalls", "stays empty"
	cases := map[string]mirrors{"nothing": {same: fine, another: fine}}
	for i, want := range []mirrors{
		{same: never, another: fine}, {same: fine, another: never}, {same: stalled, another: stalled}, {same: empty, another: empty},
	} {
		cases[exports[i].Subject] = want
	}
	if len(cases) != len(exports)+1 {
		t.Fatalf("there are %d exports", len(exports))
	}
	for missing, c := range cases {
		c.account = operator.importer(t, "without "+missing, func(i *claims.Import) bool {
			return i.Subject != missing && (i.Type != claims.Stream || missing != exports[len(exports)-1].Subject)
		}, first, second)
		cases[missing] = c
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator.Operator))
	sources := map[*natslab.OperatorAccount]jetstream.JetStream{
		first: shareUser(t, lab.ClientURL(), first), second: shareUser(t, lab.ClientURL(), second),
	}
	for _, js := range sources {
		shareBucket(t, js, "kine", nil)
		fill(t, js)
	}
	clients := map[string]jetstream.JetStream{}
	for missing, c := range cases {
		js := shareUser(t, lab.ClientURL(), c.account)
		sharedMirror(t, js, "kine", c.account.PublicKey(), first.PublicKey(), nil)
		sharedMirror(t, js, "copy", c.account.PublicKey(), second.PublicKey(), nil)
		clients[missing] = js
	}

	every := func(check func(t *testing.T, js jetstream.JetStream, name, want string, source jetstream.JetStream)) {
		for missing, c := range cases {
			check(t, clients[missing], "kine", c.same, sources[first])
			check(t, clients[missing], "copy", c.another, sources[second])
		}
	}
	wait := func(t *testing.T, js jetstream.JetStream, name, want string, source jetstream.JetStream) {
		if want == fine {
			follows(t, source, js, name)
		}
	}
	every(wait)
	for _, js := range sources {
		fill(t, js) // while the mirrors follow, not only at the start
	}
	every(wait)

	all := map[string]map[uint64]string{"kine": messagesOf(t, sources[first], "kine"),
		"copy": messagesOf(t, sources[second], "kine")}
	for name, want := range all {
		if got := messagesOf(t, clients["nothing"], name); !maps.Equal(got, want) {
			t.Errorf("mirror %s has other messages than its source: %d and %d", name, len(got), len(want))
		}
	}
	every(func(t *testing.T, js jetstream.JetStream, name, want string, _ jetstream.JetStream) {
		state := stateOf(t, js, name)
		switch want {
		case never:
			if state.State.Last != 0 || state.Mirror.Active != -1 || state.Mirror.Lag != 0 || state.Mirror.Error != nil {
				t.Errorf("%s %s: %+v, %+v", name, want, state.State, state.Mirror)
			}
		case empty:
			if state.State.Messages != 0 || state.Mirror.Active == -1 || state.Mirror.Lag != 0 || state.Mirror.Error != nil {
				t.Errorf("%s %s: %+v, %+v", name, want, state.State, state.Mirror)
			}
		case stalled:
			shareEventually(t, name+" is stalled on flow control", func() bool {
				state = stateOf(t, js, name)
				return state.Mirror.Error != nil && state.Mirror.Error.Code == codeStalled
			})
			if state.State.Last == 0 || state.State.Last >= sharedMessages || state.Mirror.Lag == 0 {
				t.Errorf("%s %s: %+v, %+v", name, want, state.State, state.Mirror)
			}
		}
	})
}

// A deleted mirror leaves no consumer at its source, although its account may not delete consumers there.
func TestSharedMirrorLeavesNoConsumer(t *testing.T) {
	t.Parallel()
	operator := newShareOperator(t)
	source := operator.source(t, "source", "kine")
	importer := operator.importer(t, "importer", whole, source)
	lab := natslab.Single(t, natslab.OperatorMode(operator.Operator))
	from, to := shareUser(t, lab.ClientURL(), source), shareUser(t, lab.ClientURL(), importer)
	shareBucket(t, from, "kine", nil)
	fill(t, from)
	sharedMirror(t, to, "kine", importer.PublicKey(), source.PublicKey(), nil)
	follows(t, from, to, "kine")

	consumers := func() int {
		info, err := lab.NATSServer().Jsz(&server.JSzOptions{Accounts: true, Streams: true, Consumer: true,
			DirectConsumer: true})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range info.AccountDetails {
			for _, stream := range a.Streams {
				n += len(stream.Consumer) + len(stream.DirectConsumer)
			}
		}
		return n
	}
	if n := consumers(); n != 1 {
		t.Fatalf("a mirror has %d consumers", n)
	}
	if err := to.DeleteStream(t.Context(), kine.StreamName("kine")); err != nil {
		t.Fatal(err)
	}
	shareEventually(t, "the consumer is removed", func() bool { return consumers() == 0 })
}

// The exports permit only mirroring the bucket: no other API than a consumer of that bucket, and no messages for other
// mirrors.
func TestShareGivesNothingElse(t *testing.T) {
	t.Parallel()
	operator := newShareOperator(t)
	source := operator.source(t, "source", "kine", "private")
	importer, other := operator.importer(t, "importer", whole, source), operator.importer(t, "other", whole, source)
	lab := natslab.Single(t, natslab.OperatorMode(operator.Operator))
	from, to, beside := shareUser(t, lab.ClientURL(), source), shareUser(t, lab.ClientURL(), importer), shareUser(t,
		lab.ClientURL(), other)
	shareBucket(t, from, "kine", nil)
	shareBucket(t, from, "private", nil)
	fill(t, from)

	listen := func(js jetstream.JetStream) *nats.Subscription {
		sub, err := js.Conn().SubscribeSync(kine.SharedMessages + ".>")
		if err == nil {
			err = js.Conn().Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	own, foreign := listen(to), listen(beside)
	sharedMirror(t, to, "kine", importer.PublicKey(), source.PublicKey(), nil)
	follows(t, from, to, "kine")
	if _, err := own.NextMsg(sharePatience); err != nil {
		t.Errorf("no messages to the mirror arrive: %v", err)
	}
	if err := beside.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := foreign.Pending(); err != nil || n != 0 {
		t.Errorf("another account has seen %d messages, %v", n, err)
	}

	prefix := APIPrefix(source.PublicKey())
	for _, call := range []string{
		"INFO", "STREAM.INFO.KV_kine", "STREAM.NAMES", "STREAM.UPDATE.KV_kine", "STREAM.PURGE.KV_kine",
		"STREAM.DELETE.KV_kine",
		"STREAM.MSG.GET.KV_kine", "DIRECT.GET.KV_kine", "CONSUMER.NAMES.KV_kine", "CONSUMER.INFO.KV_kine.c",
		"CONSUMER.DELETE.KV_kine.c", "CONSUMER.MSG.NEXT.KV_kine.c",
		"CONSUMER.DURABLE.CREATE.KV_kine.c", "CONSUMER.CREATE.KV_private", "CONSUMER.CREATE.KV_private.c",
		"STREAM.CREATE.KV_new",
	} {
		if _, err := to.Conn().Request(prefix+"."+call, nil, time.Minute); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: %v", call, err)
		}
	}
	if _, err := to.Conn().Request(prefix+".CONSUMER.CREATE.KV_kine", nil, time.Minute); err != nil {
		t.Errorf("the granted API does not answer: %v", err)
	}
}

// The exports let an importer have messages of the bucket delivered to subjects of the source's account if there is a
// subscription to exactly that subject. Another bucket, which subscribes to all its keys, receives none until then, and
// the bucket itself never does. No smaller export prevents this, so an account that shares buckets should not be used
// for anything else.
func TestShareTrustsTheImporter(t *testing.T) {
	t.Parallel()
	operator := newShareOperator(t)
	source := operator.source(t, "source", "kine")
	importer := operator.importer(t, "importer", whole, source)
	lab := natslab.Single(t, natslab.OperatorMode(operator.Operator))
	from, to := shareUser(t, lab.ClientURL(), source), shareUser(t, lab.ClientURL(), importer)
	shareBucket(t, from, "kine", nil)
	shareBucket(t, from, "second", nil)
	fill(t, from)
	deliver := func(subject string) (refused bool) {
		request := fmt.Sprintf(`{"stream_name":"KV_kine","config":{"deliver_subject":%q,"ack_policy":"none"}}`, subject)
		answer, err := to.Conn().Request(APIPrefix(source.PublicKey())+".CONSUMER.CREATE.KV_kine", []byte(request),
			time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(answer.Data, []byte(`"error"`))
	}
	if !deliver(kine.KeySubject("kine", "key")) {
		t.Error("a bucket delivers to itself")
	}
	listen := func(subject string) *nats.Subscription {
		sub, err := from.Conn().SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	open := listen("open")
	if deliver(kine.KeySubject("second", "key")) || deliver("open") {
		t.Fatal("delivery to another subject is refused")
	}
	if _, err := open.NextMsg(sharePatience); err != nil {
		t.Errorf("a subscriber gets no messages: %v", err)
	}
	if got := stateOf(t, from, "second").State; got.Last != 0 {
		t.Errorf("another bucket gets messages: %+v", got)
	}
	listen(kine.KeySubject("second", "key"))
	shareEventually(t, "another bucket gets messages too",
		func() bool { return stateOf(t, from, "second").State.Last > 0 })
}
