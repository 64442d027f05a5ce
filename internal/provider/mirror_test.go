package provider_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// mirrorConfig returns two accounts, one of which mirrors a bucket of the other, and a user in each. It can omit one of
// the required exports and revoke all activations.
const mirrorConfig = `
variable "without" {
  default = ""
}

variable "revoked_at" {
  default = null
}

resource "nats_nkey" "standby" {
  type = "account"
}

locals {
  exports = provider::nats::kine_mirror_exports("kine")
}

resource "nats_account" "origin" {
  name                = "origin"
  deletion_protection = false
  force_destroy       = true
  signing_keys        = [{ public_key = %[1]q }]
  jetstream           = { disk_storage = "1GiB", streams = 10, consumers = 1000 }
  exports = [for e in local.exports : merge(e, {
    revocations = var.revoked_at == null ? null : { (nats_nkey.standby.public_key) = var.revoked_at }
  }) if e.subject != var.without]
}

resource "nats_activation" "mirror" {
  for_each                    = { for e in local.exports : e.subject => e.type }
  account                     = nats_account.origin.public_key
  import_account              = nats_nkey.standby.public_key
  subject                     = replace(each.key, "*", nats_nkey.standby.public_key)
  type                        = each.value
  signing_key_seed_wo         = %[2]q
  signing_key_seed_wo_version = "1"
}

resource "nats_account" "standby" {
  name                = "standby"
  public_key          = nats_nkey.standby.public_key
  deletion_protection = false
  force_destroy       = true
  signing_keys        = [{ public_key = %[3]q }]
  jetstream           = { disk_storage = "1GiB", streams = 10, consumers = 1000 }
  imports = provider::nats::kine_mirror_imports("kine", nats_account.origin.public_key, {
    for subject, activation in nats_activation.mirror : subject => activation.jwt
  })
}

resource "nats_user" "user" {
  for_each = {
    origin  = { account = nats_account.origin.public_key, seed = %[2]q }
    standby = { account = nats_account.standby.public_key, seed = %[4]q }
  }
  account             = each.value.account
  name                = each.key
  signing_key_seed_wo = each.value.seed
  revoke_on_destroy   = false
}

output "origin" {
  value = nats_account.origin.public_key
}

output "standby" {
  value = nats_account.standby.public_key
}

output "origin_credentials" {
  value     = nats_user.user["origin"].credentials
  sensitive = true
}

output "standby_credentials" {
  value     = nats_user.user["standby"].credentials
  sensitive = true
}
`

// codeStalled is JSStreamSourceConsumerStalledErr, the error of a mirror whose flow control replies do not reach its
// source.
const codeStalled = 10228

// mirrorBench is an applied mirrorConfig.
type mirrorBench struct {
	w               *acctest.Workspace
	lab             *natslab.Server
	origin, standby string // public keys
	from, to        jetstream.JetStream
	originFile      string // credentials
}

// newMirrorBench applies the configuration once.
func newMirrorBench(t *testing.T) *mirrorBench {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	b := &mirrorBench{lab: natslab.Single(t, natslab.OperatorMode(operator))}
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	origin, standby := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey)
	b.w = acctest.NewWorkspace(t, acctest.ProviderConfig(b.lab.URLs(), fmt.Sprintf(
		"operator = {\n    signing_key = %q\n    system_credentials = %q\n  }", operator.SigningKeySeed(), system))+
		fmt.Sprintf(mirrorConfig, origin.Public, origin.Seed, standby.Public, standby.Seed))
	b.w.Apply(t)
	b.w.AssertEmptyPlan(t)
	b.origin, b.from, b.originFile = b.user(t, "origin")
	b.standby, b.to, _ = b.user(t, "standby")
	return b
}

// user connects as the user of an account.
func (b *mirrorBench) user(t *testing.T, name string) (public string, js jetstream.JetStream, file string) {
	t.Helper()
	public, err := b.w.Output(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := b.w.Output(t.Context(), name+"_credentials")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), name+".creds")
	if err := os.WriteFile(file, []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(b.lab.ClientURL(), nats.UserCredentials(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err = jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return public, js, file
}

// kine starts KINE in the origin and returns a client for it.
func (b *mirrorBench) kine(t *testing.T) *clientv3.Client {
	t.Helper()
	url, err := kine.Endpoint{
		Servers: b.lab.URLs(), CredentialsFile: b.originFile,
		Spec: kine.Spec{Name: "kine", History: kine.DefaultHistory, Replicas: kine.DefaultReplicas},
	}.URL()
	if err != nil {
		t.Fatal(err)
	}
	client, err := etcdtest.Dial(t.Context(), kinelab.Run(t, url).Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// write creates n keys with 8 KiB of random data each.
func write(t *testing.T, client *clientv3.Client, prefix string, n int) {
	t.Helper()
	value := make([]byte, 8<<10)
	for i := range n {
		if _, err := rand.Read(value); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("/registry/%s/%d", prefix, i)
		created, err := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, string(value))).Commit()
		if err != nil || !created.Succeeded {
			t.Fatalf("%s is not created: %v", key, err)
		}
	}
}

// mirror creates a mirror of the bucket as a NATS client does, and replaces an existing one.
func (b *mirrorBench) mirror(t *testing.T, name string) {
	t.Helper()
	stream := kine.StreamName(name)
	if err := b.to.DeleteStream(t.Context(), stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	config := jetstream.StreamConfig{
		Name: stream, MaxMsgsPerSubject: kine.DefaultHistory, AllowDirect: true, AllowRollup: true, DenyDelete: true,
		Mirror: &jetstream.StreamSource{
			Name: kine.StreamName("kine"),
			External: &jetstream.ExternalStream{
				APIPrefix: mirror.APIPrefix(b.origin), DeliverPrefix: mirror.DeliverPrefix("kine", b.standby, b.origin),
			},
		},
	}
	if name != "kine" {
		config.Mirror.SubjectTransforms = []jetstream.SubjectTransformConfig{{Source: kine.Subjects("kine"),
			Destination: kine.Subjects(name)}}
	}
	if _, err := b.to.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// stream returns the state of a stream as the server reports it.
func (b *mirrorBench) stream(t *testing.T, account, bucket string) server.StreamDetail {
	t.Helper()
	info, err := b.lab.NATSServer().Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range info.AccountDetails {
		for _, stream := range a.Streams {
			if a.Id == account && stream.Name == kine.StreamName(bucket) {
				return stream
			}
		}
	}
	t.Fatalf("account %s has no bucket %s", account, bucket)
	return server.StreamDetail{}
}

// await waits until a mirror has the expected state.
func (b *mirrorBench) await(
	t *testing.T, name, what string, condition func(state server.StreamState, mirror *server.StreamSourceInfo) bool,
) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		stream := b.stream(t, b.standby, name)
		if condition(stream.State, stream.Mirror) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("mirror %s %s: not in a minute, it is %+v, %+v", name, what, stream.State, stream.Mirror)
		case <-poll.C:
		}
	}
}

// awaitAll waits until a mirror has all messages of the origin.
func (b *mirrorBench) awaitAll(t *testing.T, name string) {
	t.Helper()
	want := b.stream(t, b.origin, "kine").State
	b.await(t, name, "follows", func(state server.StreamState, _ *server.StreamSourceInfo) bool {
		return state.LastSeq == want.LastSeq && state.Msgs == want.Msgs
	})
}

// contents returns the messages of the bucket kine in an account by their sequence.
func contents(t *testing.T, js jetstream.JetStream) map[uint64]string {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), kine.StreamName("kine"), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages := map[uint64]string{}
	for {
		msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		messages[meta.Sequence.Stream] = msg.Subject() + " " + meta.Timestamp.String() + " " + string(msg.Data())
		if meta.NumPending == 0 {
			return messages
		}
	}
}

// One apply creates two accounts, and the second can then mirror KINE's data of the first, with more messages than flow
// without flow control. A mirror does not follow without any one of the exports, or with revoked activations.
func TestAccMirrorInAnotherAccount(t *testing.T) {
	t.Parallel()
	b := newMirrorBench(t)
	client := b.kine(t)
	write(t, client, "before", 1200)
	for _, name := range []string{"kine", "copy"} {
		b.mirror(t, name)
		b.awaitAll(t, name)
	}
	write(t, client, "after", 300)
	for _, name := range []string{"kine", "copy"} {
		b.awaitAll(t, name)
	}
	if want, got := contents(t, b.from), contents(t, b.to); len(want) < 1500 || !maps.Equal(got, want) {
		t.Errorf("the origin has %d messages, the mirror others, %d", len(want), len(got))
	}

	never := func(state server.StreamState, mirror *server.StreamSourceInfo) bool {
		return state.LastSeq == 0 && mirror.Active == -1 && mirror.Error == nil
	}
	for i, c := range []struct {
		broken, working string
		what            string
		symptom         func(server.StreamState, *server.StreamSourceInfo) bool
	}{
		{"kine", "copy", "is never active", never},
		{"copy", "kine", "is never active", never},
		{"kine", "", "stalls", func(state server.StreamState, mirror *server.StreamSourceInfo) bool {
			return state.LastSeq > 0 && mirror.Lag > 0 && mirror.Error != nil && mirror.Error.ErrCode == codeStalled
		}},
		{"kine", "", "stays empty", func(state server.StreamState, mirror *server.StreamSourceInfo) bool {
			return state.Msgs == 0 && mirror.Active > 3*time.Second && mirror.Error == nil // more than two heartbeats
		}},
	} {
		missing := mirror.Exports("kine")[i].Subject
		t.Run("without "+missing, func(t *testing.T) {
			b.w.Must(t, "apply", "-auto-approve", "-var=without="+missing)
			b.mirror(t, c.broken)
			if c.working != "" {
				b.mirror(t, c.working)
				b.awaitAll(t, c.working)
			}
			b.await(t, c.broken, c.what, c.symptom)
		})
	}

	t.Run("revoked", func(t *testing.T) {
		b.w.Apply(t)
		b.mirror(t, "kine")
		b.awaitAll(t, "kine")
		b.w.Must(t, "apply", "-auto-approve", "-var=revoked_at="+time.Now().UTC().Format(time.RFC3339))
		revoked := b.stream(t, b.standby, "kine").State.LastSeq
		write(t, client, "revoked", 50)
		b.await(t, "kine", "loses its origin", func(state server.StreamState, mirror *server.StreamSourceInfo) bool {
			return state.LastSeq == revoked && mirror.Active > 3*time.Second && mirror.Lag == 0 && mirror.Error == nil
		})
		start := time.Now()
		b.w.Apply(t) // the same tokens are good again
		b.awaitAll(t, "kine")
		t.Logf("the mirror followed again %s after the revocation was lifted", time.Since(start))
	})
	b.w.Must(t, "destroy", "-auto-approve")
}

// The examples of both functions match: one exports what the other imports.
func TestAccCLIMirrorExamplesApply(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	system := newSystem(t, operator, lab.URLs()).credentials
	systemFile := filepath.Join(t.TempDir(), "system.creds")
	if err := os.WriteFile(systemFile, []byte(system), 0o600); err != nil {
		t.Fatal(err)
	}
	signing := acctest.NewKey(t, natsconn.AccountKey)
	first := acctest.NewWorkspace(t, "")
	apply := func(function, account string, env ...string) string {
		w := first.Another(t, text(t, filepath.Join("..", "..", "examples", "functions", function, "function.tf")))
		if err := w.Write("output.tf",
			fmt.Sprintf("output \"account\" {\n  value = nats_account.%s.public_key\n}\n", account)); err != nil {
			t.Fatal(err)
		}
		w.Env = append(w.Env, "NATS_URL="+lab.ClientURL(), connection.EnvSigningKey+"="+operator.SigningKeySeed(),
			connection.EnvSystemCredentials+"="+systemFile)
		w.Env = append(w.Env, env...)
		w.Apply(t)
		w.AssertEmptyPlan(t)
		public, err := w.Output(t.Context(), "account")
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	berlin := apply("kine_mirror_exports", "berlin", "TF_VAR_signing_key="+signing.Public)
	standby := apply("kine_mirror_imports", "standby", "TF_VAR_source_account="+berlin,
		"TF_VAR_signing_key_seed="+signing.Seed)

	if _, err := lab.NATSServer().LookupAccount(standby); err != nil {
		t.Fatal(err)
	}
	info, err := lab.NATSServer().Accountz(&server.AccountzOptions{Account: standby})
	if err != nil {
		t.Fatal(err)
	}
	granted := 0
	for _, i := range info.Account.Imports { // those of the JetStream API are among them
		if i.Account != berlin {
			continue
		}
		granted++
		if i.Invalid {
			t.Errorf("the import of %s is not valid", i.Subject)
		}
	}
	if granted != len(mirror.Exports("kine")) {
		t.Errorf("the account imports %d subjects", granted)
	}
}
