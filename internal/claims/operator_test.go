package claims

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

func TestSystemAccount(t *testing.T) {
	signer := newSigner(t, natsconn.OperatorKey)
	public, a, b := newPublic(t, natsconn.AccountKey), newPublic(t, natsconn.AccountKey), newPublic(t, natsconn.AccountKey)
	system := SystemAccount(public, "SYS", []string{b, a})
	if problems := system.Problems(); len(problems) > 0 {
		t.Error(problems)
	}
	token, err := system.Sign(t.Context(), signer, SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	// What was signed is what was meant, so that a comparison of the two finds nothing.
	got, _, err := DecodeAccount(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(SystemAccount(public, "SYS", []string{a, b}), got); diff != "" || !system.Equal(got) {
		t.Errorf("wanted -, got +\n%s", diff)
	}
	if got.JetStream != nil || len(got.Tiers) > 0 {
		t.Error("the system account has JetStream")
	}
}

func TestOperatorEqualAndTrusts(t *testing.T) {
	identity, first, second := newPublic(t, natsconn.OperatorKey), newPublic(t, natsconn.OperatorKey), newPublic(t,
		natsconn.OperatorKey)
	o := &Operator{Claims: Claims{PublicKey: identity, Name: "o", Tags: []string{"a", "b"}},
		SigningKeys: []string{first, second}}
	same := &Operator{Claims: Claims{PublicKey: identity, Name: "o", Tags: []string{"b", "a"}},
		SigningKeys: []string{second, first}}
	if !o.Equal(same) {
		t.Error("the order counts")
	}
	same.Expires = time.Unix(2_000_000_000, 0)
	if o.Equal(same) {
		t.Error("another time of expiry does not count")
	}
	stranger := newPublic(t, natsconn.OperatorKey)
	for _, strict := range []bool{false, true} {
		o.StrictSigningKeyUsage = strict
		for key, want := range map[string]bool{identity: !strict, first: true, second: true, stranger: false} {
			if got := o.Trusts(key); got != want {
				t.Errorf("strict %t: trusts %s: %t", strict, key, got)
			}
		}
	}
	a := &Activation{Claims: Claims{PublicKey: first, Tags: []string{"a", "b"}}, Subject: "x", Type: Stream}
	b := &Activation{Claims: Claims{PublicKey: first, Tags: []string{"b", "a"}}, Subject: "x", Type: Stream}
	if !a.Equal(b) {
		t.Error("the order of tags counts")
	}
	if b.Subject = "y"; a.Equal(b) {
		t.Error("another subject does not count")
	}
}
