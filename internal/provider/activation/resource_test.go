package activation_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const address = "nats_activation.test"

// activation is a resource with these attributes, and with others on lines of their own.
func activation(attributes map[string]string, lines ...string) string {
	var b strings.Builder
	b.WriteString("resource \"nats_activation\" \"test\" {\n")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&b, "  %s = %q\n", name, attributes[name])
	}
	for _, line := range lines {
		b.WriteString("  " + line + "\n")
	}
	return b.String() + "}\n"
}

// The token is signed again in place when what it says or the version of the seed changes, and else stays as it is.
func TestAccActivation(t *testing.T) {
	exporter, importer, signing, other := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey),
		acctest.NewKey(t, natsconn.AccountKey),
		acctest.NewKey(t, natsconn.AccountKey)
	base := map[string]string{
		"account": exporter.Public, "import_account": importer.Public, "subject": "events.eu.>", "type": "stream",
		"signing_key_seed_wo": signing.Seed, "signing_key_seed_wo_version": "1",
	}
	with := func(changes ...string) map[string]string {
		m := maps.Clone(base)
		for i := 0; i < len(changes); i += 2 {
			m[changes[i]] = changes[i+1]
		}
		return m
	}
	all := []string{`name = "eu"`, `audience = "importers"`, `tags = ["b", "a"]`,
		`expires_at = "2040-01-02T05:04:05+02:00"`, `not_before = "2020-01-01T00:00:00Z"`}
	w := acctest.NewInProcess(t, "")
	before := ""
	apply := func(config, planned string, again bool, check func(*claims.Activation, claims.Signature) bool) {
		t.Helper()
		if out := w.Converge(t, config); !strings.Contains(out, "# "+address+" "+planned) {
			t.Errorf("not planned: %s\n%s", planned, out)
		}
		attributes := w.Stored(t, address)
		token := attributes.Text("jwt")
		a, signature, err := claims.DecodeActivation(token)
		switch {
		case err != nil:
			t.Fatal(err)
		case (token != before) != again:
			t.Errorf("signed again: %t", token != before)
		case attributes.Text("issuer") != signature.Issuer ||
			attributes.Text("issued_at") != signature.IssuedAt.UTC().Format(time.RFC3339):
			t.Errorf("the signature is %+v, and the state says %v, %v", signature, attributes["issuer"], attributes["issued_at"])
		case !check(a, signature):
			t.Errorf("the token says %+v, %+v", a, signature)
		}
		before = token
	}
	const create, update = "will be created", "will be updated in-place"
	apply(activation(base), create, true, func(a *claims.Activation, s claims.Signature) bool {
		return a.PublicKey == importer.Public && a.IssuerAccount == exporter.Public && s.Issuer == signing.Public &&
			a.Subject == "events.eu.>" &&
			a.Type == claims.Stream && a.Name == "" && a.Expires.IsZero()
	})
	apply(activation(base, all...), update, true, func(a *claims.Activation, _ claims.Signature) bool {
		return a.Name == "eu" && a.Audience == "importers" && len(a.Tags) == 2 && a.Expires.Unix() == 2209086245 &&
			a.NotBefore.Unix() == 1577836800
	})
	// The same in another form, and another seed under the same version, which is not looked at.
	apply(activation(with("signing_key_seed_wo", other.Seed),
		slices.Concat(all[:3], []string{`expires_at = "2040-01-02T03:04:05Z"`, all[4]})...), update, false,
		func(*claims.Activation, claims.Signature) bool { return true })
	apply(activation(with("type", "service", "subject", "ask.eu"), all...), update, true, func(a *claims.Activation, s claims.Signature) bool {
		return a.Type == claims.Service && a.Subject == "ask.eu" && s.Issuer == signing.Public
	})
	// Another version signs again also with the same seed.
	apply(activation(with("type", "service", "subject", "ask.eu", "signing_key_seed_wo_version", "2"), all...),
		update, true,
		func(_ *claims.Activation, s claims.Signature) bool { return s.Issuer == signing.Public })
	apply(activation(with("signing_key_seed_wo", exporter.Seed, "signing_key_seed_wo_version", "3")), update, true,
		func(a *claims.Activation, s claims.Signature) bool {
			return a.IssuerAccount == "" && s.Issuer == exporter.Public
		})
	w.Must(t, "destroy", "-auto-approve")

	// A token that has expired already is not signed.
	w.Configure(t, activation(with("expires_at", "2020-01-01T00:00:00Z")))
	w.Refused(t, "The activation expired at 2020-01-01T00:00:00Z", "plan")
}

// A token is imported as it is.
func TestAccActivationImport(t *testing.T) {
	exporter, importer, signing := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t,
		natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey)
	resources, imports, tokens := "", "", map[string]string{}
	for name, signedBy := range map[string]acctest.Key{"signing_key": signing, "identity": exporter} {
		signer, err := claims.NewAccountSigner(signedBy.Seed)
		if err != nil {
			t.Fatal(err)
		}
		made := &claims.Activation{
			Claims: claims.Claims{
				PublicKey: importer.Public, Name: "eu", Audience: "importers", Tags: []string{"b", "a"},
				Expires: time.Unix(2209086245, 0),
			},
			Subject: "a.>", Type: claims.Stream, IssuerAccount: exporter.Public,
		}
		token, err := made.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		at := "nats_activation." + name
		tokens[at] = token
		resources += strings.Replace(activation(map[string]string{
			"account": exporter.Public, "import_account": importer.Public, "subject": "a.>", "type": "stream", "name": "eu",
			"audience":            "importers",
			"signing_key_seed_wo": signedBy.Seed, "signing_key_seed_wo_version": "1", "expires_at": "2040-01-02T03:04:05Z",
		}, `tags = ["a", "b"]`), `"test"`, strconv.Quote(name), 1)
		imports += fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", at, token)
	}
	block, command := acctest.NewInProcess(t, ""), acctest.NewInProcess(t, resources)
	block.Converge(t, resources+imports)
	for at, token := range tokens {
		imported := block.Stored(t, at)
		if imported["jwt"] != token {
			t.Errorf("the imported token of %s was signed again: %s", at, imported["jwt"])
		}
		command.Must(t, "import", at, token)
		if diff := cmp.Diff(imported, command.Stored(t, at), cmpopts.IgnoreMapEntries(func(name string, _ any) bool {
			return name == "signing_key_seed_wo_version"
		})); diff != "" {
			t.Errorf("%s: an import by command (+) has other attributes than one by block (-):\n%s", at, diff)
		}
	}
	block.Must(t, "destroy", "-auto-approve")
	for id, want := range map[string]string{
		exporter.Seed:   "The import ID must be an activation token",
		exporter.Public: "The import ID must be an activation token",
		"":              "The ID to import nats_activation is empty",
	} {
		_, found := acctest.ImportResource(t, "nats_activation", id)
		if len(found) != 1 || !acctest.Text(want).MatchString(found[0].Text) ||
			strings.Contains(found[0].Text, exporter.Seed) {
			t.Errorf("%+v, wanted %q", found, want)
		}
	}
	found := acctest.ImportByIdentity(t, "nats_activation", acctest.Config{
		"account": exporter.Public, "import_account": exporter.Public, "subject": "a", "type": "stream",
	})
	if len(found) != 1 || !acctest.Text("Import by ID: the ID is the token").MatchString(found[0].Text) {
		t.Errorf("by its identity: %+v", found)
	}
}

// A real server lets an account import a private export with the token, and only that account.
func TestAccActivationOnAServer(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	exporter, err := operator.AddAccount("exporter", func(claims *jwt.AccountClaims) {
		claims.Exports.Add(&jwt.Export{Name: "events", Subject: "events.>", Type: jwt.Stream, TokenReq: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	importer, err := operator.AddAccount("importer", nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := operator.AddAccount("stranger", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	connect := func(a *natslab.OperatorAccount) *nats.Conn {
		t.Helper()
		credentials, err := a.Credentials("user", nil)
		if err != nil {
			t.Fatal(err)
		}
		nc, err := nats.Connect(lab.ClientURL(), nats.UserCredentialBytes([]byte(credentials)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	system, signer := connect(operator.SystemAccount()), newSigner(t, operator.SigningKeySeed())

	w := acctest.NewInProcess(t, activation(map[string]string{
		"account": exporter.PublicKey(), "import_account": importer.PublicKey(), "subject": "events.>", "type": "stream",
		"signing_key_seed_wo": exporter.SigningKeySeed(), "signing_key_seed_wo_version": "1",
	}))
	w.Apply(t)
	token := w.Stored(t, address).Text("jwt")
	type listener struct {
		nc   *nats.Conn
		sub  *nats.Subscription
		want string
	}
	var listeners []listener
	for want, a := range map[string]*natslab.OperatorAccount{"events.eu": importer, "events.own": stranger} {
		importing, signature, err := claims.DecodeAccount(a.JWT())
		if err != nil {
			t.Fatal(err)
		}
		importing.Imports = []claims.Import{{Name: "events", Subject: "events.>", Account: exporter.PublicKey(), Token: token, Type: claims.Stream}}
		changed, err := importing.Sign(t.Context(), signer, claims.SystemClock{}, signature.IssuedAt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := system.Request("$SYS.REQ.CLAIMS.UPDATE", []byte(changed), time.Minute); err != nil {
			t.Fatal(err)
		}
		nc := connect(a)
		sub, err := nc.SubscribeSync("events.>")
		if err == nil {
			err = nc.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, listener{nc, sub, want})
	}
	publisher := connect(exporter)
	if err := publisher.Publish("events.eu", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := publisher.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		// What an account says itself comes behind what the exporter has said.
		if err := l.nc.Publish("events.own", nil); err != nil {
			t.Fatal(err)
		}
		if msg, err := l.sub.NextMsg(time.Minute); err != nil || msg.Subject != l.want {
			t.Errorf("heard %+v, %v, and not %s", msg, err, l.want)
		}
	}
}

func newSigner(t *testing.T, seed string) *claims.Signer {
	t.Helper()
	signer, err := claims.NewOperatorSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	return signer
}
