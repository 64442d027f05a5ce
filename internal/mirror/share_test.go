package mirror

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// shareKey is the key pair of an account.
type shareKey struct{ public, seed string }

func newShareKey(t *testing.T) shareKey {
	t.Helper()
	public, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	return shareKey{public, seed}
}

// activate signs an activation for a subject with the account's identity key or one of its signing keys.
func activate(t *testing.T, source, seed, importer, subject, kind string) string {
	t.Helper()
	signer, err := claims.NewAccountSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	a := claims.Activation{Claims: claims.Claims{PublicKey: importer}, Subject: subject, Type: kind, IssuerAccount: source}
	token, err := a.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// activations signs the activations for all exports of a bucket.
func activations(t *testing.T, bucket, source, seed, importer string) map[string]string {
	t.Helper()
	tokens := map[string]string{}
	for _, e := range Exports(bucket) {
		tokens[e.Subject] = activate(t, source, seed, importer, ActivationSubject(e.Subject, importer), e.Type)
	}
	return tokens
}

// Exports and imports are valid in accounts, even those of several buckets and sources in one account, and are all
// private.
func TestSharesFitAccounts(t *testing.T) {
	t.Parallel()
	importer, sources := newShareKey(t), []shareKey{newShareKey(t), newShareKey(t)}
	to := claims.Account{Claims: claims.Claims{PublicKey: importer.public, Name: "importer"}}
	for _, source := range sources {
		from := claims.Account{Claims: claims.Claims{PublicKey: source.public, Name: "source"}}
		for _, bucket := range []string{"kine", "kine2", strings.Repeat("k", 252)} {
			from.Exports = append(from.Exports, Exports(bucket)...)
			imports, err := Imports(bucket, source.public, activations(t, bucket, source.public, source.seed, importer.public))
			if err != nil {
				t.Fatal(err)
			}
			to.Imports = append(to.Imports, imports...)
		}
		for _, e := range from.Exports {
			if !e.TokenRequired {
				t.Errorf("%s is public", e.Subject)
			}
		}
		if problems := from.Problems(); len(problems) > 0 {
			t.Errorf("the exports: %v", problems)
		}
	}
	if problems := to.Problems(); len(problems) > 0 {
		t.Errorf("the imports: %v", problems)
	}
	locals := map[string]string{}
	for _, i := range to.Imports {
		if strings.HasPrefix(i.Subject, "$JS.FC.") {
			continue // the names of the consumers differ
		}
		local := i.LocalSubject
		if local == "" {
			local = i.Subject
		}
		if other, taken := locals[local]; taken {
			t.Errorf("%s is from %s and from %s", local, i.Account, other)
		}
		locals[local] = i.Account
	}
}

// Every problem with the tokens is reported, and no token is shown.
func TestImportsNeedTokens(t *testing.T) {
	t.Parallel()
	source, importer, other := newShareKey(t), newShareKey(t), newShareKey(t)
	exports := Exports("kine")
	create, messages := exports[0], exports[len(exports)-1]
	token := func(issuer shareKey, to string, subject, kind string) string {
		return activate(t, issuer.public, issuer.seed, to, subject, kind)
	}
	for name, c := range map[string]struct {
		change func(map[string]string)
		want   []string
	}{
		"fine": {func(map[string]string) {}, nil},
		"an activation for all importers": {func(tokens map[string]string) {
			tokens[messages.Subject] = token(source, importer.public, messages.Subject, claims.Stream)
		}, nil},
		"none": {func(tokens map[string]string) { clear(tokens) },
			[]string{create.Subject, messages.Subject, "The token is missing"}},
		"one not": {func(tokens map[string]string) { delete(tokens, create.Subject) },
			[]string{`"` + create.Subject + `": The token is missing.`}},
		"one empty": {func(tokens map[string]string) { tokens[messages.Subject] = "" },
			[]string{`"` + messages.Subject + `": The token is missing.`}},
		"another bucket's": {func(tokens map[string]string) { tokens[Exports("other")[0].Subject] = tokens[create.Subject] },
			[]string{`"` + Exports("other")[0].Subject + `": kine_mirror_exports has no such subject`}},
		"no token": {func(tokens map[string]string) { tokens[create.Subject] = source.seed },
			[]string{`"` + create.Subject + `": The value is not an activation token.`}},
		"of another account": {func(tokens map[string]string) {
			tokens[create.Subject] = token(other, importer.public, create.Subject, claims.Service)
		}, []string{`"` + create.Subject + `"`, "not issued by the exporting account"}},
		"for two accounts": {func(tokens map[string]string) {
			tokens[messages.Subject] = token(source, other.public, messages.Subject, claims.Stream)
		}, []string{`"` + messages.Subject + `"`, "is for the account " + other.public}},
		"of another type": {func(tokens map[string]string) {
			tokens[create.Subject] = token(source, importer.public, create.Subject, claims.Stream)
		}, []string{`"` + create.Subject + `"`, "is for a stream, but the import is a service"}},
		"for too little": {func(tokens map[string]string) {
			tokens[messages.Subject] = token(source, importer.public, ActivationSubject(messages.Subject, other.public),
				claims.Stream)
		}, []string{`"` + messages.Subject + `"`, "does not include"}},
		"for the source itself": {func(tokens map[string]string) {
			maps.Copy(tokens, activations(t, "kine", other.public, other.seed, source.public))
		}, []string{"cannot import from itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := activations(t, "kine", source.public, source.seed, importer.public)
			c.change(tokens)
			imports, err := Imports("kine", source.public, tokens)
			if c.want == nil {
				if err != nil || len(imports) != len(exports) {
					t.Errorf("got %v, %v", imports, err)
				}
				return
			}
			var wrong *TokensError
			if !errors.As(err, &wrong) || imports != nil {
				t.Fatalf("got %v, %v", imports, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
			for _, secret := range append(slices.Collect(maps.Values(tokens)), source.seed) {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("a token is shown: %v", err)
				}
			}
		})
	}
}

func TestCheckSource(t *testing.T) {
	t.Parallel()
	key := newShareKey(t)
	if err := CheckSource(key.public); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "hub", key.seed, "U" + key.public[1:]} {
		if err := CheckSource(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error for %q: %v", bad, err)
		}
	}
}
