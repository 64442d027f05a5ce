package user_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// credentialsType is the ephemeral resource.
const credentialsType = "nats_user_credentials"

// ephemeralUser is an ephemeral user of a name, signed with a seed.
func ephemeralUser(name, accountKey, seed string, lines ...string) string {
	return strings.NewReplacer(`resource "nats_user" "test"`, fmt.Sprintf("ephemeral %q %q", credentialsType, name),
		"signing_key_seed_wo", "signing_key_seed").
		Replace(userBlock(accountKey, seed, lines...))
}

// opened opens ephemeral users, whose attributes it returns by their names: the echo provider puts them into the state
// of the workspace.
func opened(t *testing.T, config string, names ...string) (*acctest.Workspace, map[string]acctest.Attributes) {
	t.Helper()
	factories := maps.Clone(acctest.Factories)
	factories["echo"] = echoprovider.NewProviderServer()
	data := ""
	for _, name := range names {
		data += fmt.Sprintf("    %[1]s = ephemeral.%[2]s.%[1]s\n", name, credentialsType)
	}
	w := acctest.NewInProcessWith(t, factories,
		config+fmt.Sprintf("provider \"echo\" {\n  data = {\n%s  }\n}\n\nresource \"echo\" \"test\" {}\n", data))
	w.Apply(t)
	found := map[string]acctest.Attributes{}
	dynamic, _ := w.Stored(t, "echo.test")["data"].(map[string]any)
	values, _ := dynamic["value"].(map[string]any)
	for _, name := range names {
		found[name], _ = values[name].(map[string]any)
	}
	return w, found
}

// lives checks that the user expires that long after it was signed, or a little earlier.
func lives(t *testing.T, s signed, want time.Duration) {
	t.Helper()
	if got := s.user.Expires.Sub(s.signature.IssuedAt); got > want || got < want-20*time.Second {
		t.Errorf("the user lives for %s, not %s", got, want)
	}
}

// The credentials do what their permissions say, and the account is what it was before. Servers cut the connection of a
// user that expires, and let it in no more.
func TestAccEphemeralUser(t *testing.T) {
	t.Parallel() // it waits for a user to expire
	b := newBench(t, 1, nil)
	stored := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), waitTime)
		defer cancel()
		found, err := b.resolver(t).Lookup(ctx, b.account.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		return found.Token
	}
	before := stored()
	user := func(name string, lines ...string) string {
		return ephemeralUser(name, b.account.PublicKey(), b.account.SigningKeySeed(), lines...)
	}
	w, found := opened(t, b.providerConfig()+
		user("permitted", `permissions = { publish = { allow = ["a.>"] } }`)+
		user("full", `tags = ["site:berlin"]`, `audience = "a"`, `not_before = "2020-01-01T00:00:00Z"`, `expires_in = "720h"`,
			"subscriptions = 5",
			`payload = "1KiB"`, `data = "1MiB"`, `source_networks = ["127.0.0.0/8"]`,
			`times = [{ start = "00:00:00", end = "23:59:59" }]`,
			`times_location = "UTC"`, `connection_types = ["STANDARD"]`)+
		user("short", `expires_in = "20s"`), "permitted", "full", "short")
	short := read(t, found["short"])
	lives(t, short, 20*time.Second)
	cut := make(chan time.Time, 1)
	nc, err := connect(b.urls[0], nats.UserCredentialBytes([]byte(short.credentials)),
		nats.ClosedHandler(func(*nats.Conn) { cut <- time.Now() }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()

	permitted, full := read(t, found["permitted"]), read(t, found["full"])
	lives(t, permitted, time.Hour)
	b.connects(t, permitted.credentials)
	b.permitted(t, permitted, "a.x", "b.x")
	if lifetime, ok := found["permitted"]["expires_in"]; lifetime != nil || !ok {
		t.Errorf("expires_in is %v", lifetime)
	}
	lives(t, full, 720*time.Hour)
	got := []any{full.user.Tags, full.user.Audience, *full.user.Subscriptions, *full.user.Payload, *full.user.Data,
		full.user.SourceNetworks,
		full.user.Times[0].End, full.user.TimesLocation, full.user.ConnectionTypes, full.user.NotBefore.Year()}
	want := []any{[]string{"site:berlin"}, "a", int64(5), int64(1 << 10), int64(1 << 20), []string{"127.0.0.0/8"},
		"23:59:59", "UTC", []string{"STANDARD"}, 2020}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if full.user.PublicKey == permitted.user.PublicKey {
		t.Error("the key is that of another user")
	}
	w.AssertConverged(t)
	if stored() != before {
		t.Error("the account changed")
	}

	select {
	case at := <-cut:
		if at.Before(short.user.Expires) {
			t.Errorf("the connection was cut at %s, before %s", at, short.user.Expires)
		}
		// A server takes a user until the second after.
		ctx, cancel := context.WithDeadline(t.Context(), short.user.Expires.Add(time.Second))
		defer cancel()
		<-ctx.Done()
		b.isRefused(t, short)
	case <-time.After(waitTime):
		t.Error("the user is still connected")
	}
}

// A scoped key signs what its template allows, and a key that was brought leaves its seed where it is.
func TestAccEphemeralUserKeys(t *testing.T) {
	signing, own := newPair(t, natsconn.AccountKey), newPair(t, natsconn.UserKey)
	b := newBench(t, 1, scopedKey(signing))
	w, found := opened(t, b.providerConfig()+
		ephemeralUser("scoped", b.account.PublicKey(), signing.seed, "scoped = true", `tags = ["site:berlin"]`)+
		ephemeralUser("brought", b.account.PublicKey(), b.account.SigningKeySeed(),
			fmt.Sprintf("public_key = %q", own.public)), "scoped", "brought")
	b.permitted(t, read(t, found["scoped"]), "edge.berlin.x", "edge.paris.x")
	brought := read(t, found["brought"])
	if brought.credentials != "" {
		t.Error("there are credentials without the seed")
	}
	if err := b.connectsWith(brought, signedBy(own)); err != nil {
		t.Error(err)
	}
	w.AssertConverged(t)
}

// What is wrong with the lifetime and the key is told at their attributes.
func TestEphemeralUserInput(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	for name, c := range map[string]struct {
		change   acctest.Config
		at, says string
	}{
		"longest":                  {acctest.Config{"expires_in": "720h"}, "", ""},
		"too long":                 {acctest.Config{"expires_in": "720h0m1s"}, "expires_in", "nats_user"},
		"begins after the default": {acctest.Config{"not_before": "2099-01-01T00:00:00Z"}, "expires_in", "before or when it becomes valid"},
		"scoped without a key":     {acctest.Config{"scoped": true, "signing_key_seed": nil}, "signing_key_seed", "scoped signing key of the account"},
	} {
		t.Run(name, func(t *testing.T) {
			config := acctest.Config{"account": accountKey.public, "name": "k3s", "signing_key_seed": signing.seed}
			maps.Copy(config, c.change)
			checkInput(t, acctest.ValidateEphemeral(t, credentialsType, config), c.at, c.says, accountKey, signing)
		})
	}
}

// What a CLI keeps of open credentials is no secret. The result has what the configuration has.
func TestEphemeralUserPrivate(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	attributes, private, found := acctest.OpenEphemeral(t, credentialsType, acctest.Config{
		"account": accountKey.public, "name": "k3s", "signing_key_seed": signing.seed, "expires_in": "90m",
	})
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	credentials, _ := attributes["credentials"].(string)
	token, _ := attributes["jwt"].(string)
	if natsconn.CheckCredentials(credentials) != nil || token == "" || attributes["expires_in"] != "90m" ||
		attributes["issuer"] != signing.public {
		t.Errorf("the result is not what was asked for: %v", slices.Sorted(maps.Keys(attributes)))
	}
	for _, secret := range append(strings.Fields(credentials), token, signing.seed) {
		if len(secret) > 40 && strings.Contains(string(private), secret) {
			t.Error("a secret is in the private data")
		}
	}
	if !strings.Contains(string(private), "opened") {
		t.Errorf("there is nothing to be searched: %s", private)
	}
}

// The twins have the same attributes, but for what has to do with a state.
func TestEphemeralUserTwin(t *testing.T) {
	schemas := acctest.Schemas(t)
	names := func(schema *tfprotov6.Schema) []string {
		var found []string
		for _, a := range schema.Block.Attributes {
			if !slices.Contains([]string{"signing_key_seed_wo_version", "rotate_before", "revoke_on_destroy", "timeouts"},
				a.Name) {
				found = append(found, strings.TrimSuffix(a.Name, "_wo"))
			}
		}
		slices.Sort(found)
		return found
	}
	of, twin := names(schemas.ResourceSchemas["nats_user"]), names(schemas.EphemeralResourceSchemas[credentialsType])
	if len(of) < 20 || !slices.Equal(of, twin) {
		t.Errorf("attributes differ:\n%s", cmp.Diff(of, twin))
	}
}
