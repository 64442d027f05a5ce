package provider_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// window is the number of consecutive characters of a secret that must not be shown.
const window = 12

// leaks finds secrets and parts of them in a provider's output.
type leaks struct {
	texts []string          // what is put in the places, by kind
	kinds map[string]string // kind of a text
	parts map[string]string // kind of a secret by each window of it
	// similar are texts of a shape that another text has too.
	similar []string
}

// add adds a text with its secrets.
func (l *leaks) add(kind, text string, secrets ...string) {
	l.texts = append(l.texts, text)
	l.kinds[text] = kind
	for _, secret := range secrets {
		for i := 0; i+window <= len(secret); i++ {
			l.parts[secret[i:i+window]] = kind
		}
	}
}

// find returns the kind and position of the first secret in a text, or nothing.
func (l *leaks) find(text string) (kind, where string) {
	for i := 0; i+window <= len(text); i++ {
		if kind, ok := l.parts[text[i:i+window]]; ok {
			return kind, text[max(0, i-200):min(len(text), i+100)]
		}
	}
	return "", ""
}

// newLeaks generates secrets of all kinds.
func newLeaks(t *testing.T) *leaks {
	t.Helper()
	l := &leaks{kinds: map[string]string{}, parts: map[string]string{}}
	for _, kind := range natsconn.KeyKinds() {
		seed := acctest.NewKey(t, kind).Seed
		l.add("seed of the kind "+string(kind), seed, seed)
		if kind != natsconn.UserKey {
			l.similar = append(l.similar, seed)
		}
	}
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := operator.SystemAccount().Credentials("secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(credentials, "\n")
	jwt, seed := lines[1], ""
	for i, line := range lines {
		if strings.Contains(line, "BEGIN USER NKEY SEED") {
			seed = lines[i+1]
		}
	}
	_, signed, _ := strings.Cut(jwt, ".") // the header is the same in all of them
	l.add("credentials file", credentials, signed, seed)
	l.add("JWT", jwt, signed)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	l.add("PEM key", block, strings.Split(block, "\n")[1][24:]) // what comes before is the name of the algorithm
	context, err := json.Marshal(map[string]string{"url": "nats://127.0.0.1:1", "user": "kine", "password": rand.Text(),
		"token": rand.Text()})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(context, &fields); err != nil {
		t.Fatal(err)
	}
	l.add("context file", string(context), fields["password"], fields["token"])
	return l
}

// everywhere puts each secret in each place of a provider, as far as possible without a server.
type everywhere struct {
	*leaks
	session  *acctest.Session
	fill     func(path string, of tftypes.Type) any
	provider acctest.Config
	// found are the leaks, and cases counts what was tried.
	found []string
	cases int
}

// check searches for secrets in the output since its last call.
func (e *everywhere) check(t *testing.T, what string) {
	t.Helper()
	e.cases++
	said, logged, panicked := e.session.Take(t)
	texts := map[string]string{"the log": logged, "a panic": strings.Join(panicked, "\n")}
	for _, d := range said {
		if kind, where := e.find(d.Path + "\n" + d.Text); kind != "" {
			e.found = append(e.found, fmt.Sprintf("%s: a %s is in a diagnostic: %s", what, kind, where))
		}
	}
	for _, place := range []string{"the log", "a panic"} {
		if kind, where := e.find(texts[place]); kind != "" {
			e.found = append(e.found, fmt.Sprintf("%s: a %s is in %s: %s", what, kind, place, where))
		}
	}
	if len(panicked) > 0 {
		e.found = append(e.found, fmt.Sprintf("%s: the provider panics: %.600s", what, panicked[0]))
	}
}

// schemas walks the schemas: validates, plans and creates, refreshes, reads and opens.
func (e *everywhere) schemas(t *testing.T) {
	t.Helper()
	for _, of := range e.session.Everything() {
		base := e.base(of)
		for _, place := range of.Places() {
			if !place.IsText() {
				continue
			}
			for _, text := range e.texts {
				what := fmt.Sprintf("%s.%s with a %s", of, place, e.kinds[text])
				config := of.Complete(place.In(base, text), e.fill)
				// A CLI stops at an invalid configuration. From there on, seeds of all kinds are treated alike.
				valid := place.Configurable && e.session.Validate(t, of, config)
				if slices.Contains(e.similar, text) {
					valid = false
				}
				if valid {
					if e.session.Use(t, of, config); of.Kind == acctest.ProviderBlock {
						e.connect(t)
					}
				}
				if of.Kind == acctest.Resource && !place.Attribute.WriteOnly && (valid || !place.Configurable) {
					e.session.Refresh(t, of, config, base)
				}
				e.check(t, what)
			}
		}
		e.session.Configure(t, e.provider)
	}
}

// base returns a configuration with everything that is required.
func (e *everywhere) base(of acctest.Served) acctest.Config {
	if of.Kind == acctest.ProviderBlock {
		return e.provider
	}
	return of.Complete(acctest.Config{}, e.fill)
}

// connect makes one object of each kind use the provider's configuration: with its own user, an account's, the system
// account's, and only for signing.
func (e *everywhere) connect(t *testing.T) {
	t.Helper()
	for _, of := range e.session.Everything() {
		if slices.Contains([]string{"nats_kine_bucket", "nats_account", "nats_accounts", "nats_user", "nats_kv_mirror"},
			of.Name) {
			config := e.base(of)
			if of.Name == "nats_kine_bucket" {
				config["account"] = e.fill("account", tftypes.String)
			}
			e.session.Use(t, of, config)
		}
	}
}

// functions walks the arguments of functions.
func (e *everywhere) functions(t *testing.T) {
	t.Helper()
	for name, function := range e.session.Functions() {
		base := acctest.Config{}
		for _, parameter := range function.Parameters {
			base[parameter.Name] = e.fill(name+"."+parameter.Name, parameter.Type)
		}
		for _, place := range acctest.ArgumentPlaces(function) {
			for _, text := range e.texts {
				e.session.Call(t, name, place.In(base, text))
				e.check(t, fmt.Sprintf("function %s(%s) with a %s", name, place, e.kinds[text]))
			}
		}
	}
}

// imports walks IDs and identities.
func (e *everywhere) imports(t *testing.T) {
	t.Helper()
	for _, of := range e.session.Everything() {
		if of.Kind != acctest.Resource {
			continue
		}
		for _, text := range e.texts {
			for _, id := range []string{text, text + "/kine", "hub:" + text, text + ":kine"} {
				e.session.Import(t, of, id)
				e.check(t, fmt.Sprintf("import of %s by a %s", of, e.kinds[text]))
			}
			base := acctest.Config{}
			identity := e.session.Identities()[of.Name]
			for _, attribute := range identity.IdentityAttributes {
				base[attribute.Name] = e.fill(attribute.Name, attribute.Type)
			}
			for _, place := range acctest.IdentityPlaces(identity) {
				e.session.ImportByIdentity(t, of, place.In(base, text))
				e.check(t, fmt.Sprintf("import of %s by the identity with %s a %s", of, place, e.kinds[text]))
			}
		}
	}
}

// No diagnostic, log line at TRACE or panic shows a secret in any string of a schema, an argument of a function, an ID
// or identity of an import, an environment variable, or a file that one of these names.
func TestSecretInEveryString(t *testing.T) {
	e := newEverywhere(t)
	for name, walk := range map[string]func(*testing.T){
		"schemas": e.schemas, "functions": e.functions, "imports": e.imports, "environment": e.environment, "files": e.files,
	} {
		t.Run(name, func(t *testing.T) {
			e.found, e.cases = nil, 0
			walk(t)
			e.report(t)
			if e.cases < 75 {
				t.Errorf("only %d cases", e.cases)
			}
		})
	}
}

// report fails the test with the leaks found.
func (e *everywhere) report(t *testing.T) {
	t.Helper()
	t.Logf("%d cases, %d leaks", e.cases, len(e.found))
	told := map[string]bool{}
	for _, leak := range e.found {
		if place, _, _ := strings.Cut(leak, " with "); !told[place] {
			told[place] = true
			t.Error(leak)
		}
	}
}

// newEverywhere starts a session with a provider for an unreachable server.
func newEverywhere(t *testing.T) *everywhere {
	t.Helper()
	server, err := acctest.Factories["nats"]()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range environmentVariables(t) {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	operator, err := natslab.NewOperator("base")
	if err != nil {
		t.Fatal(err)
	}
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	operatorKey, accountKey, userKey := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t,
		natsconn.AccountKey), acctest.NewKey(t, natsconn.UserKey)
	keys := map[string]any{
		"seed_wo": operatorKey.Seed, "signing_key": accountKey.Seed, "signing_key_seed_wo": accountKey.Seed,
		"account": accountKey.Public, "import_account": acctest.NewKey(t, natsconn.AccountKey).Public,
		"public_key":       accountKey.Public,
		"nkey_public.seed": userKey.Seed, "auth_users": []any{userKey.Public},
		"type": "stream", "nats_nkey.type": "user", "listen": "127.0.0.1:4222", "start": "08:00:00", "end": "18:00:00",
		"store_dir": "/var/lib/nats", "ca_file": "/etc/nats/ca.pem", "cert_file": "/etc/nats/cert.pem",
		"key_file": "/etc/nats/key.pem",
		"url":      "nats://127.0.0.1:1?bucket=kine&noEmbed=true", "role": "reader",
	}
	e := &everywhere{
		leaks: newLeaks(t), session: acctest.NewSession(t, server),
		provider: acctest.Config{
			"servers": []any{"nats://127.0.0.1:1"}, "connect_timeout": "50ms", "request_timeout": "50ms",
			"operator": acctest.Config{"signing_key": operatorKey.Seed, "system_credentials": system},
			"accounts": acctest.Config{"signing_key": accountKey.Seed},
		},
		fill: func(path string, of tftypes.Type) any {
			if value, ok := keys[path[strings.LastIndexByte(path, '.')+1:]]; ok {
				return value
			}
			switch of := of.(type) {
			case tftypes.List, tftypes.Set:
				return []any{"test"}
			case tftypes.Object:
				object := acctest.Config{}
				for name := range of.AttributeTypes {
					object[name] = nil
				}
				return object
			case tftypes.Map:
				return acctest.Config{}
			}
			if of.Is(tftypes.Number) {
				return 1
			} else if of.Is(tftypes.Bool) {
				return false
			}
			return "test"
		},
	}
	if !e.session.Configure(t, e.provider) {
		said, _, _ := e.session.Take(t)
		t.Fatalf("the provider is not configured: %v", said)
	}
	return e
}

// environment puts each secret in each variable that the provider reads, and in the file that the variable may name.
func (e *everywhere) environment(t *testing.T) {
	t.Helper()
	variables := environmentVariables(t)
	if len(variables) < 15 {
		t.Errorf("only %d variables: %v", len(variables), variables)
	}
	for _, variable := range variables {
		for _, text := range e.distinct() {
			for _, value := range []string{text, "/etc/nats/" + text, fileWith(t, text)} {
				t.Setenv(variable, value)
				e.session.Configure(t, acctest.Config{"servers": e.provider["servers"], "connect_timeout": "50ms"})
				e.connect(t)
				e.session.Configure(t, acctest.Config{"connect_timeout": "50ms"})
				e.session.Use(t, e.one(t, acctest.DataSource, "nats_kv_mirror"), acctest.Config{"name": "kine"})
				e.check(t, fmt.Sprintf("%s with a %s", variable, e.kinds[text]))
			}
			t.Setenv(variable, "")
		}
	}
	e.session.Configure(t, e.provider)
}

// distinct returns the texts without those of the same shape as another one.
func (e *everywhere) distinct() []string {
	return slices.DeleteFunc(slices.Clone(e.texts), func(text string) bool { return slices.Contains(e.similar, text) })
}

// one is one of the schemas.
func (e *everywhere) one(t *testing.T, kind acctest.Kind, name string) acctest.Served {
	t.Helper()
	all := e.session.Everything()
	i := slices.IndexFunc(all, func(of acctest.Served) bool { return of.Kind == kind && of.Name == name })
	if i < 0 {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return all[i]
}

// namesFile matches the attributes that may name a file.
var namesFile = regexp.MustCompile(`(_file|^context)$`)

// files puts each secret in each file that the configuration names, and in each field of a context file.
func (e *everywhere) files(t *testing.T) {
	t.Helper()
	try := func(what, attribute string, config acctest.Config) {
		t.Helper()
		e.session.Configure(t, config)
		e.connect(t)
		e.check(t, what+" at "+attribute)
	}
	block := e.one(t, acctest.ProviderBlock, "")
	for _, place := range block.Places() {
		if !place.IsText() || !namesFile.MatchString(place.String()) {
			continue
		}
		for _, text := range e.distinct() {
			config := place.In(acctest.Config{"servers": e.provider["servers"], "connect_timeout": "50ms"}, fileWith(t, text))
			try("a file with a "+e.kinds[text], place.String(), config)
		}
	}
	for _, field := range []string{"url", "nsc", "user", "password", "token", "creds", "nkey", "cert", "key", "ca",
		"jetstream_domain", "inbox_prefix",
		"socks_proxy", "user_jwt", "user_seed"} {
		for _, text := range e.distinct() {
			content, err := json.Marshal(map[string]string{"url": "nats://127.0.0.1:1", field: text})
			if err != nil {
				t.Fatal(err)
			}
			try("a context file with a "+e.kinds[text], field,
				acctest.Config{"context": fileWith(t, string(content)), "connect_timeout": "50ms"})
		}
	}
	for _, text := range e.texts {
		e.session.Import(t, e.one(t, acctest.Resource, "nats_nkey"), fileWith(t, "# "+text))
		e.check(t, "import of nats_nkey by a file with a "+e.kinds[text])
	}
	e.session.Configure(t, e.provider)
}

// fileWith creates a file with this content.
func fileWith(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// environmentVariables returns the environment variables that the provider reads: the constants named Env... of its
// packages.
func environmentVariables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{"../natsconn", "connection"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Env") {
					return true
				}
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					name, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, name)
				}
				return true
			})
		}
	}
	return names
}
