package claims

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// roundTrip checks that nothing is lost on the way from one form to the other and back.
func roundTrip[A, B any](there func(*A) *B, back func(*B) *A) func(t *testing.T, value *A) {
	return func(t *testing.T, value *A) {
		t.Helper()
		if diff := cmp.Diff(value, back(there(value))); diff != "" {
			t.Errorf("%T lost something (-before +after):\n%s", value, diff)
		}
	}
}

// A field that a newer jwt/v2 brings breaks this test: it is filled, and the plain values do not keep it.
func TestClaimsKeepEveryFieldOfTheLibrary(t *testing.T) {
	eachFilled(t, roundTrip(accountFrom, (*Account).claims))
	eachFilled(t, roundTrip(userFrom, (*User).claims))
	eachFilled(t, roundTrip(activationFrom, (*Activation).claims))
	eachFilled(t, roundTrip(operatorFrom, (*Operator).claims))
}

func TestClaimsKeepEveryPlainField(t *testing.T) {
	eachFilled(t, roundTrip((*Account).claims, accountFrom))
	eachFilled(t, roundTrip((*User).claims, userFrom))
	eachFilled(t, roundTrip((*Activation).claims, activationFrom))
	eachFilled(t, roundTrip((*Operator).claims, operatorFrom))
}

// The guard of the tests above: a field that a conversion forgets is found.
func TestRoundTripFindsWhatIsLost(t *testing.T) {
	value, _ := filled[jwt.AccountClaims](t, 0)
	for name, forget := range map[string]func(c *jwt.AccountClaims){
		"a field":           func(c *jwt.AccountClaims) { c.Audience = "" },
		"deep in an export": func(c *jwt.AccountClaims) { c.Exports[1].Latency.Sampling = 0 },
		"deep in a scope": func(c *jwt.AccountClaims) {
			for _, s := range c.SigningKeys {
				if scope, ok := s.(*jwt.UserScope); ok {
					scope.Template.Resp = nil
				}
			}
		},
		"a tier's limit": func(c *jwt.AccountClaims) {
			for name, l := range c.Limits.JetStreamTieredLimits {
				l.MaxBytesRequired = false
				c.Limits.JetStreamTieredLimits[name] = l
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			after := accountFrom(value).claims()
			forget(after)
			if cmp.Diff(value, after) == "" {
				t.Error("not found")
			}
		})
	}
}

func TestNothingIsNil(t *testing.T) {
	empty := &jwt.AccountClaims{}
	empty.SigningKeys, empty.Mappings = jwt.SigningKeys{}, jwt.Mapping{}
	empty.Tags, empty.Exports, empty.Imports = jwt.TagList{}, jwt.Exports{}, jwt.Imports{nil}
	empty.Revocations, empty.Limits.JetStreamTieredLimits = jwt.RevocationList{}, jwt.JetStreamTieredLimits{}
	empty.Authorization.AuthUsers, empty.DefaultPermissions.Pub.Allow = jwt.StringList{}, jwt.StringList{}
	zero := int64(0)
	want := &Account{Limits: Limits{
		Subscriptions: &zero, Data: &zero, Payload: &zero, Imports: &zero, Exports: &zero, NoWildcardExports: true,
		Connections: &zero,
		LeafNodes:   &zero,
	}}
	if diff := cmp.Diff(want, accountFrom(empty)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Account{Claims: Claims{PublicKey: "A"}}, accountFrom(jwt.NewAccountClaims("A"))); diff != "" {
		t.Errorf("a new account of the library is not one without limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&User{Claims: Claims{PublicKey: "U"}}, userFrom(jwt.NewUserClaims("U"))); diff != "" {
		t.Errorf("a new user of the library is not one without limits (-want +got):\n%s", diff)
	}
}

func TestValuesThatMeanTheSame(t *testing.T) {
	c := jwt.NewAccountClaims("A")
	c.Trace = &jwt.MsgTrace{Destination: "t"}
	c.Mappings["a"] = []jwt.WeightedMapping{{Subject: "b"}}
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: -1, DiskStorage: 7, Streams: 0, Consumer: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1,
		DiskMaxStreamBytes: 0,
	}
	a := accountFrom(c)
	seven, zero := int64(7), int64(0)
	for _, v := range []struct{ name, diff string }{
		{"trace", cmp.Diff(&Trace{Destination: "t", Sampling: 100}, a.Trace)},
		{"mappings", cmp.Diff(map[string][]Destination{"a": {{Subject: "b", Weight: 100}}}, a.Mappings)},
		{"jetstream", cmp.Diff(&JetStream{DiskStorage: &seven, Streams: &zero}, a.JetStream)},
	} {
		if v.diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.name, v.diff)
		}
	}
}

func TestSignSortsExportsAndImports(t *testing.T) {
	operator, public := newSigner(t, natsconn.OperatorKey), newPublic(t, natsconn.AccountKey)
	a := &Account{Claims: Claims{PublicKey: public}}
	for i := range 40 { // enough for the library's sort not to be stable
		for _, subject := range []string{"b", "a", "c"} {
			a.Imports = append(a.Imports, Import{Subject: subject, Type: Stream, Account: newPublic(t, natsconn.AccountKey),
				LocalSubject: string(rune('A' + i))})
			a.Exports = append(a.Exports,
				Export{Subject: subject, Type: []string{Stream, Service}[i%2], Name: string(rune('A' + i))})
		}
	}
	before := slices.Clone(a.Exports)
	token, err := a.Sign(t.Context(), operator, SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, a.Exports) {
		t.Error("signing changed the order of the account itself")
	}
	got, _, err := DecodeAccount(token)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(a.Exports, compareExports)
	slices.SortFunc(a.Imports, compareImports)
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScopedUserLimits(t *testing.T) {
	want := jwt.NewUserClaims("U")
	want.SetScoped(true)
	limits := ScopedUserLimits()
	got := limits.claims()
	if !reflect.DeepEqual(want.UserPermissionLimits, got) {
		t.Errorf("got %+v, not %+v", got, want.UserPermissionLimits)
	}
	if diff := cmp.Diff(limits, userLimitsFrom(&got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if limits.Payload == nil || *limits.Payload != 0 {
		t.Error("a limit of nothing reads as no limit")
	}
}

func TestDecodeRefuses(t *testing.T) {
	accounts, account := newSigner(t, natsconn.AccountKey), newPublic(t, natsconn.AccountKey)
	operator := newSigner(t, natsconn.OperatorKey)
	token, err := (&Account{Claims: Claims{PublicKey: account, Name: "A"}}).Sign(t.Context(), operator, SystemClock{},
		time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := (&User{Claims: Claims{PublicKey: newPublic(t, natsconn.UserKey)}}).Sign(t.Context(), accounts,
		SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := DecodeAccount("\n" + token + "\n"); err != nil {
		t.Errorf("with newlines around it: %v", err)
	}
	parts := strings.Split(token, ".")
	for name, c := range map[string]struct{ token, want string }{
		"a user's":          {user, `not the JWT of an account: its type is "user"`},
		"a changed one":     {parts[0] + "." + strings.Split(user, ".")[1] + "." + parts[2], "signature verification"},
		"without signature": {parts[0] + "." + parts[1] + ".", "signature verification"},
		"empty":             {"", "not the JWT of an account"},
		"not a JWT":         {"hello", "not the JWT of an account"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := DecodeAccount(c.token); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not contain %q", err, c.want)
			}
		})
	}
	for name, decode := range map[string]func(string) error{
		"user":       func(s string) error { _, _, err := DecodeUser(s); return err },
		"operator":   func(s string) error { _, _, err := DecodeOperator(s); return err },
		"activation": func(s string) error { _, _, err := DecodeActivation(s); return err },
	} {
		if err := decode(token); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("an account read as that of %s: %v", name, err)
		}
	}
}

// newSigner returns a signer with a new key.
func newSigner(t *testing.T, kind natsconn.KeyKind) *Signer {
	t.Helper()
	_, seed, err := NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(seed, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	return signer
}

// newPublic returns a new public key.
func newPublic(tb testing.TB, kind natsconn.KeyKind) string {
	tb.Helper()
	return (&filler{t: tb}).key(kind)
}

func TestKeys(t *testing.T) {
	for _, kind := range natsconn.KeyKinds() {
		public, seed, err := NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := PublicKey(seed + "\n"); err != nil || got != public {
			t.Errorf("%s: PublicKey = %s, %v, not %s", kind, got, err, public)
		}
		if err := natsconn.CheckSeed(seed, kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if prefix, err := kind.Prefix(); err != nil || nkeys.Prefix(public) != prefix {
			t.Errorf("%s: the public key is %s", kind, public)
		}
		if _, err := PublicKey(public); err == nil || strings.Contains(err.Error(), public[4:]) {
			t.Errorf("%s: a public key for a seed: %v", kind, err)
		}
		_, err = NewAccountSigner(seed)
		if ok := kind == natsconn.AccountKey; (err == nil) != ok || !ok && strings.Contains(err.Error(), seed[4:]) {
			t.Errorf("%s: NewAccountSigner: %v", kind, err)
		}
		_, err = NewOperatorSigner(seed)
		if ok := kind == natsconn.OperatorKey; (err == nil) != ok ||
			!ok && !strings.Contains(err.Error(), "which starts with SO") {
			t.Errorf("%s: NewOperatorSigner: %v", kind, err)
		}
	}
	if _, _, err := NewKey("robot"); err == nil || !strings.Contains(err.Error(), "robot") {
		t.Errorf("a kind that does not exist: %v", err)
	}
	if _, err := NewAccountSigner("horse"); err == nil || errors.Unwrap(err) != nil ||
		strings.Contains(err.Error(), "horse") {
		t.Errorf("not a seed: %v", err)
	}
}
