package user_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A server lets the user do what its permissions say, and after a change what they say then.
func TestAccUserPermissions(t *testing.T) {
	b := newBench(t, 1, nil)
	w := acctest.NewInProcess(t, "")
	allowed := func(subject string) signed {
		t.Helper()
		return apply(t, w,
			b.providerConfig()+b.user(fmt.Sprintf("permissions = { publish = { allow = [%q] } }", subject)), "")
	}
	first := allowed("a.>")
	b.permitted(t, first, "a.x", "b.x")
	second := allowed("b.>")
	isSignedAgain(t, first, second)
	b.permitted(t, second, "b.x", "a.x")
	w.Must(t, "destroy", "-auto-approve")
}

// scopedKey is a change of an account by a signing key that allows what the tag site says.
func scopedKey(signing pair) func(*jwt.AccountClaims) {
	return func(claims *jwt.AccountClaims) {
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = signing.public, "edge"
		scope.Template.Pub.Allow.Add("edge.{{tag(site)}}.>")
		claims.SigningKeys.AddScopedSigner(scope)
	}
}

// A user signed by a scoped key may do what the key's template says. The same claims without scoped are refused by the
// server.
func TestAccUserScoped(t *testing.T) {
	signing := newPair(t, natsconn.AccountKey)
	b := newBench(t, 1, scopedKey(signing))
	w := acctest.NewInProcess(t, "")
	tagged := func(lines ...string) signed {
		t.Helper()
		return apply(t, w,
			b.providerConfig()+userBlock(b.account.PublicKey(), signing.seed, append(lines, `tags = ["site:berlin"]`)...), "")
	}
	user := tagged("scoped = true")
	b.connects(t, user.credentials)
	b.permitted(t, user, "edge.berlin.x", "edge.paris.x")
	// Without a user of the system account, nobody can tell that the key is a scoped one.
	plain := apply(t, w,
		acctest.ProviderConfig(b.urls, "")+userBlock(b.account.PublicKey(), signing.seed, "revoke_on_destroy = false",
			`tags = ["site:berlin"]`), "")
	isSignedAgain(t, user, plain)
	b.isRefused(t, plain)
	w.Configure(t, b.providerConfig()+userBlock(b.account.PublicKey(), signing.seed, `tags = ["site:paris"]`))
	w.Refused(t, "Its template defines what the user may do", "apply", "-auto-approve")
	w.Must(t, "destroy", "-auto-approve")
}

// signedBy answers the server with a key's signature.
func signedBy(key pair) nats.SignatureHandler {
	return func(nonce []byte) ([]byte, error) {
		pair, err := nkeys.FromSeed([]byte(key.seed))
		if err != nil {
			return nil, err
		}
		return pair.Sign(nonce)
	}
}

// connectsWith connects a user that has a JWT and no credentials.
func (b *bench) connectsWith(s signed, sign nats.SignatureHandler) error {
	nc, err := connect(b.urls[0], nats.UserJWT(func() (string, error) { return s.token, nil }, sign))
	if err == nil {
		nc.Close()
	}
	return err
}

// With a key of one's own, the JWT and the seed that never left its place are enough. A bearer JWT alone is.
func TestAccUserOwnKeyConnects(t *testing.T) {
	b := newBench(t, 1, nil)
	own := newPair(t, natsconn.UserKey)
	w := acctest.NewInProcess(t, "")
	brought := func(lines ...string) signed {
		t.Helper()
		return apply(t, w, b.providerConfig()+b.user(append(lines, fmt.Sprintf("public_key = %q", own.public))...), "")
	}
	if err := b.connectsWith(brought(), signedBy(own)); err != nil {
		t.Error(err)
	}
	if err := b.connectsWith(brought("bearer_token = true"), func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
	w.Must(t, "destroy", "-auto-approve")
}
