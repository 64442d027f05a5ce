package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// offsetClock is the machine's clock, ahead by a fixed time. It remembers what was waited for.
type offsetClock struct {
	ahead time.Duration
	waits []time.Duration
}

func (c *offsetClock) Now() time.Time { return time.Now().Add(c.ahead) }

func (c *offsetClock) Wait(ctx context.Context, d time.Duration) error {
	c.waits = append(c.waits, d)
	return SystemClock{}.Wait(ctx, d)
}

// signed is one value of each kind with what signs it.
type signed struct {
	name   string
	signer *Signer
	sign   func(ctx context.Context, signer *Signer, clock Clock, after time.Time) (string, error)
	// check decodes a token and returns how it differs from the value, and its signature.
	check func(token string) (string, Signature, error)
}

// signable returns one filled value of each kind.
func signable(t *testing.T) []signed {
	t.Helper()
	operator, account := newSigner(t, natsconn.OperatorKey), newSigner(t, natsconn.AccountKey)
	tiered, _ := filled[Account](t, 0)
	// With tiers, the library reads no flat limits.
	tiered.PublicKey, tiered.JetStream = newPublic(t, natsconn.AccountKey), nil
	flat, _ := filled[Account](t, 0)
	flat.PublicKey, flat.Tiers = newPublic(t, natsconn.AccountKey), nil
	user, _ := filled[User](t, 0)
	user.PublicKey = newPublic(t, natsconn.UserKey)
	activation, _ := filled[Activation](t, 0)
	activation.PublicKey = newPublic(t, natsconn.AccountKey)
	o, _ := filled[Operator](t, 0)
	o.PublicKey, o.AccountServerURL = operator.PublicKey(), "https://example.com"
	return []signed{
		{"account with tiers", operator, tiered.Sign, checker(tiered, DecodeAccount)},
		{"account with flat limits", operator, flat.Sign, checker(flat, DecodeAccount)},
		{"user", account, user.Sign, checker(user, DecodeUser)},
		{"activation", account, activation.Sign, checker(activation, DecodeActivation)},
		{"operator", operator, o.Sign, checker(o, DecodeOperator)},
	}
}

func checker[T any](want *T, decode func(string) (*T, Signature, error)) func(string) (string, Signature, error) {
	return func(token string) (string, Signature, error) {
		got, signature, err := decode(token)
		return cmp.Diff(want, got), signature, err
	}
}

func TestSignAndDecode(t *testing.T) {
	for _, c := range signable(t) {
		t.Run(c.name, func(t *testing.T) {
			before := time.Now().Truncate(time.Second)
			token, err := c.sign(t.Context(), c.signer, SystemClock{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			diff, signature, err := c.check(token)
			if err != nil || diff != "" {
				t.Errorf("%v (-signed +decoded):\n%s", err, diff)
			}
			if signature.Issuer != c.signer.PublicKey() || signature.ID == "" || signature.IssuedAt.Before(before) ||
				signature.IssuedAt.After(time.Now()) {
				t.Errorf("signature %+v", signature)
			}
		})
	}
}

func TestSignWaitsForTheNextSecond(t *testing.T) {
	c := signable(t)[2]
	after := time.Now()
	for range 3 {
		token, err := c.sign(t.Context(), c.signer, SystemClock{}, after)
		if err != nil {
			t.Fatal(err)
		}
		_, signature, err := c.check(token)
		if err != nil {
			t.Fatal(err)
		}
		if signature.IssuedAt.Unix() <= after.Unix() {
			t.Errorf("issued at %s, not after %s", signature.IssuedAt, after)
		}
		after = signature.IssuedAt
	}
}

func TestSignDoesNotWaitForThePast(t *testing.T) {
	c, clock := signable(t)[2], &offsetClock{}
	for _, after := range []time.Time{{}, time.Now().Add(-time.Second), time.Unix(1, 0)} {
		if _, err := c.sign(t.Context(), c.signer, clock, after); err != nil || len(clock.waits) > 0 {
			t.Errorf("after %s: %v, waited %v", after, err, clock.waits)
		}
	}
}

func TestSignWithClocksThatDiffer(t *testing.T) {
	c := signable(t)[0]
	for name, row := range map[string]struct {
		clock *offsetClock
		after time.Duration // from now
		fails bool
	}{
		"three seconds ahead": {&offsetClock{}, 3 * time.Second, false},
		"six seconds ahead":   {&offsetClock{}, 6 * time.Second, true},
		"a year ahead":        {&offsetClock{}, 365 * 24 * time.Hour, true},
		"the library's clock is behind that of signing": {&offsetClock{ahead: time.Hour}, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := time.Now().Add(row.after).Truncate(time.Second)
			token, err := c.sign(t.Context(), c.signer, row.clock, after)
			clockErr, ok := errors.AsType[*ClockError](err)
			if ok != row.fails || (err != nil) != row.fails {
				t.Fatalf("got %v", err)
			}
			if ok {
				if !clockErr.Stored.Equal(after) || time.Since(clockErr.Clock).Abs() > 2*time.Second || token != "" {
					t.Errorf("%+v", clockErr)
				}
				for _, at := range []time.Time{clockErr.Clock, after} {
					if !strings.Contains(err.Error(), at.UTC().Format(time.RFC3339)) {
						t.Errorf("%v does not name %s", err, at)
					}
				}
				return
			}
			if _, signature, err := c.check(token); err != nil || !signature.IssuedAt.After(after) {
				t.Errorf("issued at %s, %v", signature.IssuedAt, err)
			}
		})
	}
}

func TestSignEndsWithItsContext(t *testing.T) {
	c := signable(t)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	watch := natslab.StartStopwatch()
	_, err := c.sign(ctx, c.signer, SystemClock{}, time.Now().Add(3*time.Second))
	if !errors.Is(err, context.DeadlineExceeded) || watch.Waited() > 2*time.Second {
		t.Errorf("%v after %s", err, watch)
	}
}

func TestSignSetsTheIssuerAccount(t *testing.T) {
	identity, signing := newSigner(t, natsconn.AccountKey), newSigner(t, natsconn.AccountKey)
	for name, c := range map[string]struct {
		signer        *Signer
		account, want string
	}{
		"a signing key":         {signing, identity.PublicKey(), identity.PublicKey()},
		"the identity":          {identity, identity.PublicKey(), ""},
		"the identity, unnamed": {identity, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := &User{Claims: Claims{PublicKey: newPublic(t, natsconn.UserKey)}, IssuerAccount: c.account}
			token, err := u.Sign(t.Context(), c.signer, SystemClock{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := DecodeUser(token); err != nil || got.IssuerAccount != c.want || u.IssuerAccount != c.account {
				t.Errorf("user: got %q, %v", got.IssuerAccount, err)
			}
			a := &Activation{Claims: Claims{PublicKey: newPublic(t, natsconn.AccountKey)}, Type: Stream, Subject: "a",
				IssuerAccount: c.account}
			if token, err = a.Sign(t.Context(), c.signer, SystemClock{}, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if got, _, err := DecodeActivation(token); err != nil || got.IssuerAccount != c.want ||
				a.IssuerAccount != c.account {
				t.Errorf("activation: got %q, %v", got.IssuerAccount, err)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	operator, account, closed := newSigner(t, natsconn.OperatorKey), newSigner(t, natsconn.AccountKey), newSigner(t,
		natsconn.OperatorKey)
	closed.Close()
	closed.Close()
	for _, c := range signable(t) {
		wrong := operator
		if c.signer.kind == natsconn.OperatorKey {
			wrong = account
		}
		if _, err := c.sign(t.Context(), wrong, SystemClock{}, time.Time{}); err == nil ||
			!strings.Contains(err.Error(), "is needed to sign") {
			t.Errorf("%s with the wrong kind of key: %v", c.name, err)
		}
	}
	a := &Account{Claims: Claims{PublicKey: account.PublicKey()}}
	if _, err := a.Sign(t.Context(), closed, SystemClock{}, time.Time{}); err == nil ||
		!strings.Contains(err.Error(), "closed") {
		t.Errorf("with a closed signer: %v", err)
	}
	if closed.PublicKey() == "" {
		t.Error("a closed signer forgot its public key")
	}
	a.PublicKey = "B"
	if _, err := a.Sign(t.Context(), operator, SystemClock{}, time.Time{}); err == nil ||
		!strings.Contains(err.Error(), `"B"`) {
		t.Errorf("with a bad public key: %v", err)
	}
}

func TestSignerNeverShowsItsSeed(t *testing.T) {
	_, seed, err := NewKey(natsconn.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewOperatorSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	bytes := strings.Trim(fmt.Sprintf("%d", []byte(seed[4:20])), "[]")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, v := range []any{signer, []*Signer{signer}, struct{ S *Signer }{signer}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, seed[4:]) || strings.Contains(text, bytes) {
				t.Errorf("%s shows it: %s", verb, text)
			}
		}
	}
}
