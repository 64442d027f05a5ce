package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// inside connects as a user of an account that a signing key signs.
func (b *bench) inside(t *testing.T, publicKey, signingSeed string) jetstream.JetStream {
	t.Helper()
	signer, err := claims.NewAccountSigner(signingSeed)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	user, seed, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	member := claims.User{Claims: claims.Claims{PublicKey: user, Name: "test"}, IssuerAccount: publicKey}
	token, err := member.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(b.urls[0], nats.UserCredentialBytes(credentials))
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

// An account with streams is not destroyed, and its streams stay writable whatever its limits become.
func TestAccAccountWithStreams(t *testing.T) {
	b := single(t)
	key := newKey(t, natsconn.AccountKey)
	signing, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	const flat, tiers = `{ disk_storage = "1GiB" }`, `{ tiers = { R1 = { disk_storage = "1GiB" } } }`
	lines := func(jetStream, more string) string {
		return b.provider() + config(fmt.Sprintf("name = \"a\"\n  public_key = %q\n  signing_keys = [{ public_key = %q }]\n"+
			"  jetstream = %s\n  %s", key, signing,
			jetStream, more)) + fmt.Sprintf("data \"nats_account\" \"test\" {\n  public_key = nats_account.test.public_key\n}\n"+
			"output \"usage\" {\n  value = jsonencode(data.nats_account.test.usage)\n}\n")
	}
	w := acctest.NewInProcess(t, lines(flat, ""))
	w.Apply(t)
	js := b.inside(t, key, seed)
	write := func() {
		t.Helper()
		if _, err := js.Publish(t.Context(), "orders.new", []byte("one")); err != nil {
			t.Errorf("the stream takes no writes: %v", err)
		}
	}
	if _, err := js.CreateStream(t.Context(),
		jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	write()

	w.Configure(t, lines(tiers, ""))
	if out := w.Apply(t); !acctest.Text("Streams Will Be Updated").MatchString(out) {
		t.Errorf("the change to tiers was not told:\n%s", out)
	}
	write()
	w.Must(t, "apply", "-auto-approve", "-refresh-only") // what the account uses has changed
	w.AssertEmptyPlan(t)
	if keys := b.stored(t, key).Account.SigningKeys; len(keys) != 1 || keys[0].PublicKey != signing {
		t.Errorf("the account has the signing keys %v", keys)
	}

	w.Configure(t, lines(flat, ""))
	w.Refused(t, "nats-server refuses writes to existing streams", "apply", "-auto-approve")
	write()
	w.Configure(t, lines("null", ""))
	w.Refused(t, "Without JetStream, the streams stop answering immediately", "apply", "-auto-approve")
	write()
	w.Configure(t, lines(tiers, ""))
	w.Must(t, "apply", "-auto-approve", "-refresh-only")
	w.AssertEmptyPlan(t)
	usage, err := w.Output(t.Context(), "usage")
	if err != nil || !acctest.Text(`"connections":1`).MatchString(usage) ||
		!acctest.Text(`"streams":1`).MatchString(usage) {
		t.Errorf("the usage is %s, %v", usage, err)
	}

	w.Refused(t, "still has streams: ORDERS", "destroy", "-auto-approve")
	write()
	w.Configure(t, lines(tiers, "force_destroy = true"))
	w.Apply(t)
	b.destroyed(t, w)
}

// An account that is pushed after it was only signed goes to the servers whether they have it or not, and takes no
// streams away either.
func TestAccAccountPushedAgain(t *testing.T) {
	b := single(t)
	key := newKey(t, natsconn.AccountKey)
	signing, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(name, jetStream, more string) string {
		return b.provider() + config(fmt.Sprintf("name = %q\n  public_key = %q\n  signing_keys = [{ public_key = %q }]\n"+
			"  jetstream = %s\n  %s", name, key,
			signing, jetStream, more))
	}
	const flat, tiers, signOnly = `{ disk_storage = "1GiB" }`, `{ tiers = { R1 = { disk_storage = "1GiB" } } }`, "push = false"
	w := acctest.NewInProcess(t, lines("first", flat, signOnly))
	w.Apply(t)
	push := func(name, jetStream string) {
		t.Helper()
		w.Configure(t, lines(name, jetStream, ""))
		if out := w.Apply(t); !acctest.Text("Account Will Be Pushed").MatchString(out) {
			t.Errorf("the push was not told:\n%s", out)
		}
		w.AssertEmptyPlan(t)
		if got := b.stored(t, key).Account.Name; got != name {
			t.Errorf("the servers have %q", got)
		}
	}
	push("first", flat) // which they do not have yet
	js := b.inside(t, key, seed)
	if _, err := js.CreateStream(t.Context(),
		jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	user := newKey(t, natsconn.UserKey)
	b.change(t, key, func(a *claims.Account) { a.Revocations = map[string]time.Time{user: time.Unix(1735689600, 0)} })

	for _, jetStream := range []string{"null", tiers} {
		w.Configure(t, lines("second", jetStream, signOnly))
		w.Apply(t)
		if got := b.stored(t, key).Account.Name; got == "second" {
			t.Error("what is only signed was pushed")
		}
		if jetStream == "null" {
			w.Configure(t, lines("second", jetStream, ""))
			w.Refused(t, "Without JetStream, the streams stop answering immediately", "apply", "-auto-approve")
			continue
		}
		push("second", jetStream)
	}
	if _, err := js.Publish(t.Context(), "orders.new", []byte("one")); err != nil {
		t.Errorf("the stream takes no writes: %v", err)
	}
	if b.stored(t, key).Account.Revocations[user].IsZero() {
		t.Error("the revocation of others is gone")
	}
	w.Configure(t, lines("second", tiers, "force_destroy = true"))
	w.Apply(t)
	w.Must(t, "destroy", "-auto-approve")
}
