package user_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// allLines set every attribute of a user that says something about it.
var allLines = []string{
	`tags = ["edge", "berlin"]`, `audience = "clients"`, `not_before = "2026-01-01T00:00:00Z"`,
	`permissions = {
    publish = { allow = ["a.>"], deny = ["a.secret"] }
    subscribe = { allow = ["b.* queue", "_INBOX.>"], deny = ["b.secret"] }
    allow_responses = { max_messages = 3, expires = "90s" }
  }`,
	`subscriptions = 100`, `data = "1GiB"`, `payload = "64KiB"`, `source_networks = ["192.0.2.0/24", "2001:db8::/32"]`,
	`times = [{ start = "08:00:00", end = "18:00:00" }]`, `times_location = "Europe/Berlin"`, `bearer_token = true`,
	`proxy_required = true`,
	`connection_types = ["STANDARD", "WEBSOCKET"]`,
}

// allClaims are what they come to.
func allClaims(accountKey string) claims.User {
	number := func(n int64) *int64 { return &n }
	return claims.User{
		Claims: claims.Claims{
			Name: "k3s", Tags: []string{"berlin", "edge"}, Audience: "clients",
			NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		UserLimits: claims.UserLimits{
			Permissions: claims.Permissions{
				Publish:   claims.Permission{Allow: []string{"a.>"}, Deny: []string{"a.secret"}},
				Subscribe: claims.Permission{Allow: []string{"b.* queue", "_INBOX.>"}, Deny: []string{"b.secret"}},
				Responses: &claims.Responses{MaxMessages: 3, Expires: 90 * time.Second},
			},
			Subscriptions: number(100), Data: number(1 << 30), Payload: number(64 << 10),
			SourceNetworks: []string{"192.0.2.0/24", "2001:db8::/32"},
			Times:          []claims.TimeRange{{Start: "08:00:00", End: "18:00:00"}}, TimesLocation: "Europe/Berlin",
			BearerToken: true, ProxyRequired: true, ConnectionTypes: []string{"STANDARD", "WEBSOCKET"},
		},
		IssuerAccount: accountKey,
	}
}

// hasClaims checks the claims, but for the key.
func hasClaims(t *testing.T, got signed, want claims.User) {
	t.Helper()
	want.PublicKey = got.user.PublicKey
	if diff := cmp.Diff(&want, got.user); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// All attributes arrive in the claims; a change of any is signed anew under the same key, and what changes no claim is
// not.
func TestAccUser(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	plain := claims.User{Claims: claims.Claims{Name: "k3s"}, IssuerAccount: accountKey.public}
	w := acctest.NewInProcess(t, "")
	first := apply(t, w, userConfig(accountKey.public, signing.seed, allLines...), created)
	hasClaims(t, first, allClaims(accountKey.public))
	w.CheckState(t,
		statecheck.ExpectKnownValue(address, tfjsonpath.New("issuer"), knownvalue.StringExact(signing.public)),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("expires_at"), knownvalue.Null()),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("signing_key_seed_wo"), knownvalue.Null()),
		statecheck.ExpectSensitiveValue(address, tfjsonpath.New("jwt")),
		statecheck.ExpectSensitiveValue(address, tfjsonpath.New("credentials")))

	// The same in other words.
	isUnchanged(t, first, apply(t, w, userConfig(accountKey.public, signing.seed, slices.Concat(allLines[1:5],
		[]string{`tags = ["berlin", "edge"]`, `data = "1024MiB"`, `payload = "65536"`}, allLines[7:])...), ""))

	// Everything goes.
	nothing := userConfig(accountKey.public, signing.seed)
	w.CheckPlan(t, nothing, plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("jwt")),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("credentials")),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("issuer")),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("jwt_id")),
		plancheck.ExpectKnownValue(address, tfjsonpath.New("expires_at"), knownvalue.Null()))
	second := apply(t, w, nothing, updated)
	isSignedAgain(t, first, second)
	hasClaims(t, second, plain)

	// The version alone, perhaps within the same second.
	now := apply(t, w, userConfig(accountKey.public, signing.seed, `signing_key_seed_wo_version = "1"`), "")
	isSignedAgain(t, second, now)
	hasClaims(t, now, plain)

	apply(t, w, userConfig(newPair(t, natsconn.AccountKey).public, signing.seed), replaced)
	w.Another(t, nothing).Refused(t, "A User Cannot Be Imported", "import", address, "x")
	w.Must(t, "destroy", "-auto-approve")
}

// Another signing key is noticed without a version, also the account's identity.
func TestAccUserSigningKey(t *testing.T) {
	identity, old, fresh := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey), newPair(t,
		natsconn.AccountKey)
	w := acctest.NewInProcess(t, "")
	signedWith := func(key pair) signed {
		t.Helper()
		user := apply(t, w, userConfig(identity.public, key.seed), "")
		if user.signature.Issuer != key.public {
			t.Errorf("the issuer is %s, not %s", user.signature.Issuer, key.public)
		}
		return user
	}
	first := signedWith(old)
	second := signedWith(fresh)
	isSignedAgain(t, first, second)
	third := signedWith(identity)
	isSignedAgain(t, second, third)
	if third.user.IssuerAccount != "" {
		t.Errorf("the identity signs for %s", third.user.IssuerAccount)
	}
	w.Must(t, "destroy", "-auto-approve")
}

// With a key of one's own there is no secret. Going over to it and back works.
func TestAccUserOwnKey(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	own, other := newPair(t, natsconn.UserKey), newPair(t, natsconn.UserKey)
	w := acctest.NewInProcess(t, "")
	brought := func(key pair, planned string, lines ...string) signed {
		t.Helper()
		user := apply(t, w,
			userConfig(accountKey.public, signing.seed, append(lines, fmt.Sprintf("public_key = %q", key.public))...), planned)
		if user.credentials != "" || user.user.PublicKey != key.public {
			t.Errorf("the key is %s, not %s, and there are credentials: %t", user.user.PublicKey, key.public,
				user.credentials != "")
		}
		return user
	}
	first := brought(own, created)
	isSignedAgain(t, first, brought(own, updated, "subscriptions = 5"))
	brought(other, replaced)
	w.Must(t, "taint", address)
	brought(other, replaced, "signing_key_seed_wo_version = 2")
	// The key goes, and one is generated.
	if now := apply(t, w, userConfig(accountKey.public, signing.seed), replaced); now.credentials == "" ||
		now.user.PublicKey == other.public {
		t.Error("the user still has the key that was brought")
	}
	w.Must(t, "destroy", "-auto-approve")
}

// A user that expires is signed anew in time, and otherwise left alone.
func TestAccUserExpires(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	clock := &movedClock{}
	w := acctest.NewInProcessWith(t, withClock(clock), "")
	const day = 24 * time.Hour
	expires := func(s signed, at time.Duration) {
		t.Helper()
		want := s.signature.IssuedAt.Add(at)
		if off := s.user.Expires.Sub(want).Abs(); off > 30*time.Second {
			t.Errorf("the user expires at %s, not %s", s.user.Expires, want)
		}
		if told := w.Stored(t, address).Text("expires_at"); told != s.user.Expires.Format(time.RFC3339) {
			t.Errorf("expires_at is %s, and the user expires at %s", told, s.user.Expires)
		}
	}
	lifetime := func(lines ...string) string { return userConfig(accountKey.public, signing.seed, lines...) }
	rotating := lifetime(`expires_in = "720h"`, `rotate_before = "168h"`)
	first := apply(t, w, rotating, created)
	expires(first, 30*day)
	clock.move(23*day - time.Minute)
	unplanned(t, w, rotating)
	// A shorter notice changes nothing.
	isUnchanged(t, first, apply(t, w, lifetime(`expires_in = "720h"`, `rotate_before = "24h"`), ""))
	clock.move(23*day + time.Minute)
	isUnchanged(t, first, apply(t, w, lifetime(`expires_in = "43200m"`, `rotate_before = "24h"`), ""))
	// Now it is due.
	w.CheckPlan(t, rotating, plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("expires_at")))
	second := apply(t, w, rotating, updated)
	isSignedAgain(t, first, second)
	expires(second, 53*day+time.Minute)
	// Without notice, once it has expired.
	clock.move(53 * day)
	isUnchanged(t, second, apply(t, w, lifetime(`expires_in = "720h"`), ""))
	clock.move(53*day + 2*time.Minute)
	third := apply(t, w, lifetime(`expires_in = "720h"`), "")
	isSignedAgain(t, second, third)
	expires(third, 83*day+2*time.Minute)

	isSignedAgain(t, third, apply(t, w, lifetime(), ""))
	if at := w.Stored(t, address)["expires_at"]; at != nil {
		t.Errorf("expires_at is %v", at)
	}
	w.Must(t, "destroy", "-auto-approve")
}
