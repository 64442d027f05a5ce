package user_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A destroyed user is cut off by every server of a cluster, with the older JWT of its key too, and nobody else is.
func TestAccUserRevokedOnDestroy(t *testing.T) {
	b := newBench(t, 3, nil)
	other, err := b.account.Credentials("other", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := acctest.NewInProcess(t, "")
	first := apply(t, w, b.providerConfig()+b.user(), created)
	b.connects(t, first.credentials)
	second := apply(t, w, b.providerConfig()+b.user("subscriptions = 10"), "")
	isSignedAgain(t, first, second)
	b.connects(t, second.credentials)

	closed := make(chan struct{}, len(b.urls))
	for _, url := range b.urls {
		nc, err := connect(url, nats.UserCredentialBytes([]byte(second.credentials)),
			nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	w.Converge(t, b.providerConfig())
	for range b.urls {
		select {
		case <-closed:
		case <-time.After(waitTime):
			t.Fatal("a server keeps the user's connection")
		}
	}
	if at := b.revokedAt(t, second.user.PublicKey); at.Before(second.signature.IssuedAt) {
		t.Errorf("revoked until %s, and issued at %s", at, second.signature.IssuedAt)
	}
	b.isRefused(t, first)
	b.isRefused(t, second)
	b.connects(t, other)
}

// A user that takes the place of another one with the same key works at once, in whichever order the two are made and
// destroyed.
func TestAccUserReplacedUnderItsOwnKey(t *testing.T) {
	b := newBench(t, 1, nil)
	for order, lifecycle := range map[string]string{
		"destroy and then create replacement": "",
		"create replacement and then destroy": "lifecycle {\n    create_before_destroy = true\n  }",
	} {
		t.Run(order, func(t *testing.T) {
			own := newPair(t, natsconn.UserKey)
			config := b.providerConfig() + b.user(fmt.Sprintf("public_key = %q", own.public), lifecycle)
			w := acctest.NewInProcess(t, "")
			first := apply(t, w, config, created)
			w.Must(t, "taint", address)
			out := w.Converge(t, config)
			if !acctest.Text(order).MatchString(out) {
				t.Errorf("the order is another one:\n%s", out)
			}
			second := read(t, w.Stored(t, address))
			isSignedAgain(t, first, second)
			if err := b.connectsWith(first, signedBy(own)); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("the user that was replaced: %v", err)
			}
			if err := b.connectsWith(second, signedBy(own)); err != nil {
				t.Error(err)
			}
			w.Must(t, "destroy", "-auto-approve")
		})
	}
}

// Without an operator, the plan of a user that is to be revoked in the end fails, and so does that of its destruction.
// Both ways out work.
func TestAccUserRevocationWithoutOperator(t *testing.T) {
	b := newBench(t, 1, nil)
	without := acctest.ProviderConfig(b.urls)
	signingKeyOnly := acctest.ProviderConfig(b.urls,
		fmt.Sprintf("operator = { signing_key = %q }", b.operator.SigningKeySeed()))
	const refused = "This requires operator.signing_key to sign the account and operator.system_credentials to push it."
	const wayOut = "Alternatively, set revoke_on_destroy = false"
	w := acctest.NewInProcess(t, without+b.user())
	out, err := w.Run(t.Context(), "plan")
	if err == nil || !acctest.Text(refused).MatchString(out) || !acctest.Text(wayOut).MatchString(out) {
		t.Errorf("%v\n%s", err, out)
	}
	w.Configure(t, signingKeyOnly+b.user())
	w.Refused(t, "No system account credentials are configured", "plan")
	user := apply(t, w, b.providerConfig()+b.user(), created)
	w.Configure(t, without)
	w.Refused(t, wayOut, "plan")
	isUnchanged(t, user, apply(t, w, without+b.user(), "")) // nothing to do
	isUnchanged(t, user, apply(t, w, without+b.user("revoke_on_destroy = false"), ""))
	w.Configure(t, without+b.user())
	w.Refused(t, wayOut, "plan")
	w.Converge(t, without)
	if at := b.revokedAt(t, user.user.PublicKey); !at.IsZero() {
		t.Errorf("revoked until %s", at)
	}
	b.connects(t, user.credentials)
}

// A revocation that no server takes leaves the user in the state. A user whose account is gone is gone with it.
func TestAccUserRevocationFails(t *testing.T) {
	b := newBench(t, 1, nil)
	gone := acctest.ProviderConfig([]string{"nats://127.0.0.1:1"},
		fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }",
			b.operator.SigningKeySeed(), b.system))
	w := acctest.NewInProcess(t, "")
	user := apply(t, w, b.providerConfig()+b.user(), created)
	w.Configure(t, gone)
	w.Refused(t, "Unable to Revoke User", "apply", "-auto-approve")
	isUnchanged(t, user, apply(t, w, b.providerConfig()+b.user(), ""))
	b.connects(t, user.credentials)

	signer, err := claims.NewOperatorSigner(b.operator.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	if _, err := b.resolver(t).Delete(ctx, b.account.PublicKey(), signer); err != nil {
		t.Fatal(err)
	}
	w.Converge(t, b.providerConfig())
}
